"""``python -m bench.disks SANDBOX…``: makes and attaches the disks of sandboxes, and no more."""

from __future__ import annotations

import sys

from labctl.work.limiting import attach_alike
from labctl.work.session import Session

attach_alike(Session(sys.argv[1]), sys.argv[1:])
