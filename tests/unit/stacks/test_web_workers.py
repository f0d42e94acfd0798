"""The lab of worker models: its exercises' checks against its servers, run here, asked by curl.

Each check has its control: the server before it is solved, or one of another model.
"""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from labctl.checks.expect import differences
from labctl.exercises.reader import exercises
from labctl.model import Check, Lab, Template
from labctl.platforms import NAMES
from labctl.render import templates
from labctl.spec import checks
from tests.support import lab_at
from tests.unit.stacks.running import running

STACK = Path("stacks/web-workers")
ROOT = Path(__file__).parents[3]
Folder = Callable[[Path], None]


@pytest.fixture(autouse=True)
def _in_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.fixture(scope="module")
def lab() -> Lab:
    return lab_at(ROOT / STACK / "lab.yml")


def exercise_checks(lab: Lab, name: str) -> dict[str, Check]:
    found = exercises(STACK, {*lab.machines, *lab.services})
    (one,) = (exercise for exercise in found if exercise.name == name)
    return {spec.name: checks.made(spec, lab, name) for spec in one.checks}


@contextmanager
def serving(folder: Path, model: str) -> Iterator[str]:
    """A model's server with the handler that lies in a folder; its URL."""
    serve = folder / "serve.py"
    if not serve.exists():
        serve.write_text(written(model))
    with running(serve) as (port, _):
        yield f"http://127.0.0.1:{port}"


def written(model: str) -> str:
    server = "asyncio" if model == "asyncio" else "http"
    return templates.text(Template(f"workers/{server}.py.j2", {"model": model, "workers": 4}))


def wrong(check: Check, host: str, url: str) -> list[str]:
    """What of a check that runs curl does not hold at a URL in place of the lab's."""
    words = [str(word).replace(f"http://{host}", url) for word in check.ask["command"]]
    words = [word.replace("ms=300", "ms=80") for word in words]  # eight in a row take long
    assert any(url in word for word in words), shlex.join(words)
    ran = subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)
    return differences(check.expect, {"status": ran.returncode, "output": ran.stdout + ran.stderr})


@pytest.mark.parametrize("platform", NAMES)
def test_it_fits_every_platform(platform: Any) -> None:
    assert len(lab_at(STACK / "lab.yml", platform).sites) == 7


def test_many_at_once_by_one_server(lab: Lab, tmp_path: Path) -> None:
    """The first exercise, solved by its own script."""
    check = exercise_checks(lab, "01-queue")["requests that wait do so beside each other"]
    (tmp_path / "handler.py").write_bytes((STACK / "handler/handler.py").read_bytes())
    with serving(tmp_path, "one") as url:
        assert wrong(check, "one.web-workers.test", url)
    script = (STACK / "exercises/01-queue/solution/one.sh").read_text()
    here = script.replace("/srv/one", str(tmp_path)).replace("s6-svc", "true")
    subprocess.run(["bash", "-eu", "-c", here], check=True)
    with serving(tmp_path, "one") as url:
        assert not wrong(check, "one.web-workers.test", url)
    (tmp_path / "serve.py").unlink()
    with serving(tmp_path, "forked") as url:  # another way to solve it
        assert not wrong(check, "one.web-workers.test", url)


def test_an_event_loop_that_is_kept_waiting(lab: Lab, tmp_path: Path) -> None:
    """The second exercise: its setup blocks the loop, the lab's handler does not."""
    found = exercise_checks(lab, "02-blocked-loop")
    free = found["requests that wait leave the loop to others"]
    single = found["there is one thread still"]
    folder = STACK / "exercises/02-blocked-loop/setup/asyncio/srv/asyncio"
    for source, solved in ((folder / "handler.py", False), (STACK / "handler/handler.py", True)):
        (tmp_path / "handler.py").write_bytes(source.read_bytes())
        with serving(tmp_path, "asyncio") as url:
            assert (not wrong(free, "asyncio.web-workers.test", url)) == solved
            assert not wrong(single, "asyncio.web-workers.test", url)
    (tmp_path / "serve.py").unlink()
    with serving(tmp_path, "threads") as url:
        assert wrong(single, "asyncio.web-workers.test", url)


@pytest.mark.parametrize(
    ("name", "model", "other"),
    [
        ("one takes one request at a time", "one", "threads"),
        ("forked has a process for each request", "forked", "one"),
        ("threads takes several requests at a time", "threads", "one"),
        ("asyncio takes several requests in one thread", "asyncio", "threads"),
    ],
)
def test_the_labs_own_checks_tell_the_models_apart(
    lab: Lab, tmp_path: Path, name: str, model: str, other: str
) -> None:
    (check,) = (one for one in lab.checks if one.name == name)
    host = f"{model}.web-workers.test"
    for one, good in ((model, True), (other, False)):
        folder = tmp_path / one
        folder.mkdir()
        (folder / "handler.py").write_bytes((STACK / "handler/handler.py").read_bytes())
        with serving(folder, one) as url:
            assert (not wrong(check, host, url)) == good
