"""Labs made by chance, shown to the daemons that are to run them.

One container an image is kept running; each machine's files are unpacked into it, its daemons
asked whether they would take them, and the files removed again.
"""

from __future__ import annotations

import io
import random
import re
import subprocess
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import docker
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from testcontainers.core.container import DockerContainer

from labctl.engines import connect, images
from labctl.engines.dockerfile import own_recipe, reference
from labctl.keep import keep
from labctl.model import Kept, Lab
from labctl.render import render
from labctl.render.tree import Files, Tree
from labctl.session import wants
from tests.property import strategies
from tests.support import STATE, lab_from

pytestmark = pytest.mark.e2e
EXAMPLES = 25
NOW = datetime(2026, 1, 1, tzinfo=UTC)

# By daemon: what makes ready what its own start would, then the question. dovecot and postfix
# need the accounts of their packages, which every image with them has.
QUESTIONS: dict[str, tuple[str, ...]] = {
    "nginx": (
        "install -d -m 1777 /run/nginx",
        "nginx -t -q -e /dev/stderr",
    ),
    "named": ("/usr/local/sbin/check-zones",),
    "unbound": ("unbound-checkconf",),
    "postfix": ("postfix check", "postconf -n >/dev/null"),
    "dovecot": ("doveconf -n >/dev/null",),
    "opendkim": ("s6-setuidgid opendkim opendkim -n -x /etc/opendkim.conf",),
}
