"""Programs of the stacks: run as they are run in the lab, or imported."""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

STACKS = Path(__file__).parents[3] / "stacks"


@contextmanager
def running(
    program: str | Path, **environment: str
) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """The program on a free port, once it takes connections; all its processes end afterwards.

    A relative path is one below the folder of the stacks.
    """
    file = STACKS / program
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, file.name], cwd=file.parent,
        env={**os.environ, "PORT": str(port), "HOST": "127.0.0.1", **environment,
             "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    try:
        while process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
        assert process.poll() is None, f"{program} ended"
        yield port, process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def loaded(path: Path, **modules: Any) -> Any:
    """A module of a lab, with others under the names by which it imports them."""
    name = f"lab_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, name, module)  # where Flask looks for its templates
        for other, given in modules.items():
            patch.setitem(sys.modules, other, given)
        spec.loader.exec_module(module)
    return module
