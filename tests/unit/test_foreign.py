"""What an image of others was made to run becomes a script that runs it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from labctl.engines.foreign import script


def ran(config: dict[str, Any], tmp_path: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """The script, run where setpriv only says whom it was asked for."""
    fake = tmp_path / "setpriv"
    fake.write_text('#!/bin/sh\necho "$1 $2 $3 $HOME"; shift 3; exec "$@"\n')
    fake.chmod(0o755)
    file = tmp_path / "application"
    file.write_bytes(script(config, "shop:1").encode())
    return subprocess.run(
        ["/bin/sh", str(file), *command],
        capture_output=True, text=True, check=False,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
    )  # fmt: skip


ROOT = "--reuid=root --regid=0 --init-groups /root\n"


def test_entrypoint_and_command_are_one_command_in_its_directory(tmp_path: Path) -> None:
    hostile = "a b'\"$(id)`id`;\\"
    config = {"Entrypoint": ["printf", "%s|"], "Cmd": [hostile, "-x"], "WorkingDir": "/usr"}
    assert ran(config, tmp_path).stdout == f"{ROOT}{hostile}|-x|"
    there = ran({"Cmd": ["pwd"], "WorkingDir": "/usr/bin"}, tmp_path)
    assert there.stdout == f"{ROOT}/usr/bin\n"


def test_another_command_is_run_in_their_place(tmp_path: Path) -> None:
    config = {"Entrypoint": ["false"], "Cmd": ["false"], "WorkingDir": "/usr"}
    assert ran(config, tmp_path, "sh", "-c", 'pwd; echo "$0"', "a b").stdout == f"{ROOT}/usr\na b\n"


@pytest.mark.parametrize(
    ("user", "become"),
    [
        ("www-data", "--reuid=www-data --regid=33 --init-groups /var/www"),
        ("33", "--reuid=33 --regid=33 --init-groups /var/www"),
        ("www-data:games", "--reuid=www-data --regid=games --clear-groups /var/www"),
        ("54321", "--reuid=54321 --regid=0 --clear-groups /"),
        ("54321:54321", "--reuid=54321 --regid=54321 --clear-groups /"),
    ],
)
def test_its_user_is_the_images(user: str, become: str, tmp_path: Path) -> None:
    found = ran({"Cmd": ["echo", "there"], "User": user}, tmp_path).stdout
    assert found == f"{become}\nthere\n"


@pytest.mark.parametrize("config", [{}, {"Cmd": None, "Entrypoint": []}, {"User": "rails"}])
def test_one_that_runs_nothing_says_so(config: dict[str, Any], tmp_path: Path) -> None:
    found = ran(config, tmp_path)
    assert found.returncode == 1
    assert "shop:1 says no program that it runs" in found.stderr
