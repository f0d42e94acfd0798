"""What experiments work with: labs of their own, a steady load, a scanner, a noisy neighbour.

The programs in ``shipped/`` run on machines of the lab; they need Python's standard library.
"""
