"""What an image of others was made to run becomes a script that runs it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from labctl.engines.foreign import script


def ran(config: dict[str, Any], tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """The script, run where s6-setuidgid only says whom it was asked for."""
    fake = tmp_path / "s6-setuidgid"
    fake.write_text('#!/bin/sh\necho "as $1"; shift; exec "$@"\n')
    fake.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    return subprocess.run(
        ["/bin/sh", "-c", script(config, "shop:1")],
        capture_output=True, text=True, check=False, env=environment,
    )  # fmt: skip


def test_entrypoint_and_command_are_one_command_in_its_directory(tmp_path: Path) -> None:
    hostile = "a b'\"$(id)`id`;\\"
    config = {"Entrypoint": ["printf", "%s|"], "Cmd": [hostile, "-x"], "WorkingDir": "/usr"}
    assert ran(config, tmp_path).stdout == f"{hostile}|-x|"
    assert ran({"Cmd": ["pwd"], "WorkingDir": "/usr/bin"}, tmp_path).stdout == "/usr/bin\n"


@pytest.mark.parametrize("user", ["rails", "1000:1000"])
def test_its_user_is_the_images(user: str, tmp_path: Path) -> None:
    found = ran({"Cmd": ["echo", "there"], "User": user}, tmp_path).stdout
    assert found == f"as {user}\nthere\n"


@pytest.mark.parametrize("config", [{}, {"Cmd": None, "Entrypoint": []}, {"User": "rails"}])
def test_one_that_runs_nothing_says_so(config: dict[str, Any], tmp_path: Path) -> None:
    found = ran(config, tmp_path)
    assert found.returncode == 1
    assert "shop:1 says no program that it runs" in found.stderr
