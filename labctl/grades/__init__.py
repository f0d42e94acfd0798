"""Results of checks, kept and handed on: every run by itself, never overwritten.

What machines have said is text here, and nothing more: it is made visible when a record is
made, and each export quotes it once more in its own way.
"""
