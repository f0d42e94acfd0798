"""Measurements of labctl, each beside what it is compared with; see README.md."""
