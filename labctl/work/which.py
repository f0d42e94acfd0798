"""Which lab is meant where the command line does not say."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from labctl.engines.compose import Engine
from labctl.errors import LabctlError
from labctl.render.compose import LABEL
from labctl.work.session import LAB_FILE


def the_lab() -> str:
    """The lab of this directory, else the only one that is up; LabctlError otherwise."""
    if Path(LAB_FILE).is_file():
        return f"./{LAB_FILE}"
    up = running_labs()
    if len(up) == 1:
        return up[0]
    hint = f"one of: {', '.join(up)}" if up else "`labctl list` shows the labs"
    raise LabctlError("which lab? name it", hint, status=2)


def running_labs() -> list[str]:
    """The names of all labs that have a container on this host."""
    return sorted({container["Labels"][f"{LABEL}.lab"] for container in Engine().containers()})


def lab_and_rest(words: Sequence[str]) -> tuple[str, list[str]]:
    """``[LAB] WORD …``: the name of a lab that is up, and the other words.

    The first word is a lab where a lab of that name is up; a folder or file names one too.
    """
    from labctl.work.session import Session

    if words and words[0] in running_labs():
        return words[0], list(words[1:])
    if words and "/" in words[0]:
        return Session(words[0], dry=True).name, list(words[1:])
    lab = the_lab()
    return (Session(lab, dry=True).name if "/" in lab else lab), list(words)
