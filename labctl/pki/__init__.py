"""A lab's public key infrastructure: root, intermediate, leaf certificates (RFC 5280).

Pure functions: time, serial numbers and keys are passed in. ``names`` needs the standard
library only; the other modules import ``cryptography``, so import them where something is made.
"""
