"""Applications that are started by the first request, and stopped when nobody asks. Pure."""

from __future__ import annotations

from labctl.model import Lab


def asleep(lab: Lab) -> Lab:
    """A placed lab whose applications sleep until somebody asks for them."""
    return lab
