"""The kept files: whole after a kill at any moment, agreed on by runs at the same time."""

from __future__ import annotations

import multiprocessing
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from labctl.errors import LabctlError
from labctl.keep import files, keep, purge, root_pem
from labctl.model import Kept, Lab, Want

NOW = datetime.now(UTC)
LAB = Lab("lab1", "", "lab1.test", {}, (), {}, ())
WANTS = (
    Want("certificate", "site/www", ("www.lab1.test",)),
    Want("ec-key", "dns/csk"),
    Want("password", "mail/alice"),
    Want("crl", "revoked"),
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "data" / "lab1"


def verified(kept: Kept, scratch: Path) -> bool:
    root, chain = scratch / "root.pem", scratch / "leaf.pem"
    root.write_text(kept.root)
    chain.write_text(kept.certificates["site/www"].chain)
    command = ["openssl", "verify", "-x509_strict", "-CAfile", str(root)]
    command += ["-untrusted", str(chain), str(chain)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def damages(content: bytes) -> Iterator[bytes]:
    yield b""
    yield content[: len(content) // 2]
    yield content[:-3]
    middle = len(content) // 2
    yield content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    yield b"\0" * len(content)
    yield b"\xff" + content


@pytest.mark.parametrize("name", [*files.WITHOUT])
def test_a_damaged_file_is_named_and_never_replaced(home: Path, name: str) -> None:
    keep(LAB, WANTS, home, NOW)
    path = home / name
    whole = path.read_bytes()
    for damaged in damages(whole):
        path.write_bytes(damaged)
        with pytest.raises(LabctlError) as caught:
            keep(LAB, WANTS, home, NOW)
        assert caught.value.message.startswith(f"{path}: the file is damaged")
        assert "lab1" in caught.value.hint
        assert path.read_bytes() == damaged
    path.write_bytes(whole)
    assert keep(LAB, WANTS, home, NOW)[1] == ()


def test_a_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(LabctlError, match="data"):
        keep(LAB, WANTS, tmp_path / "data" / "lab1", NOW)


def test_purge_removes_what_was_kept_and_nothing_of_others(home: Path) -> None:
    first, _ = keep(LAB, WANTS, home, NOW)
    (home / ".leaves.json.new").write_text("left by a killed run")
    assert set(purge(home)) == set(files.WITHOUT)
    assert not home.exists()
    assert purge(home) == ()
    second, _ = keep(LAB, WANTS, home, NOW)
    assert second.root != first.root
    (home / "notes.txt").write_text("a learner's own")
    purge(home)
    assert [path.name for path in home.iterdir()] == ["notes.txt"]


def killed_at(step: int, work: Callable[[], object]) -> bool:
    """Run ``work`` in a child that dies at its ``step``th write, sync, rename or unlink.

    A write that dies has written half. True where the child died, False where it finished.
    """
    child = os.fork()
    if child == 0:
        try:
            _die_at(step)
            work()
            os._exit(0)
        finally:
            os._exit(1)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, 9)
    return status == 9


def _die_at(step: int) -> None:
    steps = count()

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event in {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "fcntl.flock"}:
            dying()

    def dying() -> None:
        if next(steps) == step:
            os._exit(9)

    real = os.fsync

    def fsync(descriptor: int) -> None:
        if next(steps) == step:
            about = os.fstat(descriptor)
            if stat.S_ISREG(about.st_mode):
                os.ftruncate(descriptor, about.st_size // 2)
            os._exit(9)
        real(descriptor)
        dying()

    setattr(os, "fsync", fsync)  # noqa: B010 (this process is about to die)
    sys.addaudithook(hook)


def test_killed_at_any_moment_the_next_run_completes(home: Path, tmp_path: Path) -> None:
    for step in count():
        purge(home)
        died = killed_at(step, lambda: keep(LAB, WANTS, home, NOW))
        root = root_pem(home) if (home / files.AUTHORITY).exists() else None
        kept, _ = keep(LAB, WANTS, home, NOW)
        assert root in (None, kept.root)
        assert verified(kept, tmp_path)
        assert not list(home.glob("*.new"))
        if not died:
            break
    assert step > 20


def test_killed_while_renewing_or_purging(home: Path, tmp_path: Path) -> None:
    for work in (lambda: keep(LAB, WANTS, home, NOW), lambda: purge(home)):
        for step in count():
            purge(home)
            keep(LAB, WANTS, home, NOW - timedelta(days=620))
            died = killed_at(step, work)
            kept, _ = keep(LAB, WANTS, home, NOW)
            assert verified(kept, tmp_path)
            if not died:
                break
        assert step > 5


def _keep_root(home: Path) -> str:
    return keep(LAB, WANTS, home, NOW)[0].root


def test_runs_at_the_same_time_agree(home: Path) -> None:
    with multiprocessing.get_context("fork").Pool(8) as pool:
        roots = pool.map(_keep_root, [home] * 16, chunksize=1)
    assert len(set(roots)) == 1


def _keep_and_purge(home: Path) -> bool:
    for _ in range(20):
        keep(LAB, WANTS[:1], home, NOW)
        purge(home)
    return True


def test_purges_and_runs_at_the_same_time_do_not_disturb_each_other(home: Path) -> None:
    with multiprocessing.get_context("fork").Pool(4) as pool:
        assert all(pool.map(_keep_and_purge, [home] * 4, chunksize=1))
    assert not home.exists()
