"""Programs of ours on machines of the lab: shipped, run, and what they answer read back."""

from __future__ import annotations

import json
import subprocess
from functools import cache
from importlib import resources
from typing import Any

from labctl.errors import LabctlError

_PACKAGE = "labctl.experiments.apparatus.shipped"
_MAX_OUTPUT = 16 * 2**20


@cache
def source(name: str) -> str:
    """The text of a shipped program."""
    return resources.files(_PACKAGE).joinpath(f"{name}.py").read_text(encoding="utf-8")


def command(container: str, program: str, user: str = "root") -> list[str]:
    """The words that run a Python program in a container, its standard input ours."""
    words = ["docker", "exec", "--interactive", "--user", user, container]
    return [*words, "python3", "-I", "-c", program]


def ask(container: str, name: str, work: Any, seconds: float) -> Any:
    """Run a shipped program on a machine with its work; what it answers.

    What comes back is the machine's word and is data, nothing more. LabctlError where the
    program does not run, or not in time.
    """
    try:
        done = subprocess.run(
            command(container, source(name)),
            input=json.dumps(work).encode(),
            capture_output=True,
            timeout=seconds,
            check=False,
        )
        return json.loads(done.stdout[:_MAX_OUTPUT])
    except subprocess.TimeoutExpired:
        raise LabctlError(f"{name}: no answer from the lab in {seconds:.0f} s") from None
    except ValueError:
        words = done.stderr.decode(errors="replace").strip().splitlines()
        raise LabctlError(
            f"{name} could not run in the lab: {words[-1] if words else 'no answer'}",
            "`labctl status` shows whether its machines run",
        ) from None
