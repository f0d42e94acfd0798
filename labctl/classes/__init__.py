"""Classes: who sits where, for how long, and what is kept of their work. No engine in here."""
