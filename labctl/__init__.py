"""labctl: a hosting lab as code."""

__version__ = "0.1.0"
