"""Labs for the tests: up beside whatever runs on this machine, and gone afterwards."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# The container that cleans up after testcontainers comes from a registry that may be out of
# reach. Every fixture here cleans up for itself.
os.environ["TESTCONTAINERS_RYUK_DISABLED"] = "true"

from tests.e2e.support.chromium import Chromium
from tests.e2e.support.home import Home
from tests.e2e.support.lab import OwnLab
from tests.e2e.support.outside import Outside
from tests.e2e.support.stacks import STACKS
from tests.e2e.support.ways import Ways

# Started in the background, this process may ignore the interrupt, and so would all that it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

Labs = Callable[[str], OwnLab]


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """Where the tests' labs have their state and their keys."""
    made = Home(tmp_path_factory.mktemp("home"))
    yield made
    shutil.rmtree(made.doors, ignore_errors=True)  # in the host's memory


@pytest.fixture(scope="session")
def lab1(home: Home) -> Iterator[OwnLab]:
    """lab1, up. Tests that share it leave it as they found it."""
    lab = OwnLab(home, "lab1")
    try:
        lab.must("up")
        yield lab
    finally:
        lab.remove()


@pytest.fixture(scope="session")
def company(home: Home) -> Iterator[OwnLab]:
    """lab1 on-premise, up. Tests that share it leave it as they found it."""
    lab = OwnLab(home, "lab1")
    try:
        lab.must("up", "--on", "on-premise")
        yield lab
    finally:
        lab.remove()


@pytest.fixture(scope="session", params=STACKS)
def stack(request: pytest.FixtureRequest, home: Home) -> Iterator[OwnLab]:
    """Each lab that comes with labctl, up; one after the other, for all tests that ask for it."""
    if request.param == "lab1":
        yield request.getfixturevalue("lab1")
        return
    lab = OwnLab(home, request.param)
    try:
        lab.must("up")
        yield lab
    finally:
        lab.remove()


@pytest.fixture(scope="session")
def ways(stack: OwnLab) -> Iterator[Ways]:
    """Where on this host that lab's sites answer."""
    with Ways(stack) as found:
        yield found


@pytest.fixture(scope="session")
def ca(lab1: OwnLab) -> Path:
    """The root certificate of the shared lab1."""
    return lab1.authority()


@pytest.fixture(scope="session")
def outside(lab1: OwnLab) -> Iterator[Outside]:
    """A stranger's machine on the network of the shared lab1."""
    with Outside(lab1) as stranger:
        yield stranger


@pytest.fixture(scope="module")
def own(home: Home) -> Iterator[Labs]:
    """Makes labs of a module's own, not up yet; all are removed at its end."""
    yield from _makes_labs(home)


@pytest.fixture
def fresh(home: Home) -> Iterator[Labs]:
    """Makes labs for one test, not up yet; all are removed after it."""
    yield from _makes_labs(home)


@pytest.fixture(scope="module")
def authority(lab: OwnLab) -> Path:
    """The root certificate of a module's own lab."""
    return lab.authority()


@pytest.fixture(scope="module")
def browser(lab: OwnLab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """A browser whose user trusts a module's own lab."""
    home = lab.trusted_in(tmp_path_factory.mktemp("browser"))
    with Chromium(home, home / "profile") as one:
        yield one


def _makes_labs(home: Home) -> Iterator[Labs]:
    made: list[OwnLab] = []

    def make(stack: str) -> OwnLab:
        made.append(OwnLab(home, stack))
        return made[-1]

    yield make
    troubles = []
    for lab in made:
        try:
            lab.remove()
        except Exception as trouble:  # noqa: BLE001 (the others are removed all the same)
            troubles.append(trouble)
    assert not troubles, troubles
