"""An inspector in a class: every browser reaches its site, only its student reads what it saw."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.support.chromium import Chromium
from tests.e2e.support.classroom import Classroom
from tests.e2e.support.curl import Answer, curl
from tests.e2e.support.edge import OwnEdge
from tests.e2e.support.home import Home
from tests.e2e.support.wait import eventually

pytestmark = pytest.mark.e2e
FILES = {
    "lab.yml": "lab: seen\nservices: {www: static}\nsites: {www: {service: www, inspect: true}}\n",
    "www/index.html": "<title>Seen</title>\n",
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home of this module's own: there is one edge in each."""
    return Home(tmp_path_factory.mktemp("seen"))


@pytest.fixture(scope="module")
def edge(home: Home) -> Iterator[OwnEdge]:
    with OwnEdge(home) as made:
        made.must("up")
        yield made


@pytest.fixture(scope="module")
def room(home: Home, edge: OwnEdge) -> Iterator[Classroom]:
    made = Classroom(home, FILES, ("s01", "s02"))
    try:
        up = home.labctl("class", "up", made.name)
        assert up.status == 0, up.said
        yield made
    finally:
        made.remove()


@pytest.fixture(scope="module")
def authority(home: Home, room: Classroom) -> Path:
    path = home.directory / "class.pem"
    path.write_text(home.labctl("ca", "export", room.name).out)
    return path


def password(room: Classroom, student: str) -> str:
    """What the student reads on their machine."""
    (line,) = (
        line
        for line in room.exec(student, "cat", "/root/inspector.txt").out.splitlines()
        if line.startswith("password: ")
    )
    return line.removeprefix("password: ")


def inspector(
    edge: OwnEdge, room: Classroom, authority: Path, path: str, *words: str, student: str = "s01"
) -> Answer:
    """Ask a student's inspector, from this host, as any browser of the room may."""
    host = f"inspect.{student}.{room.name}.localhost"
    return curl(edge.url(host, path, "https"), *words, ca=authority)


@pytest.mark.parametrize("path", ["/", "/har", "/events", "/exchange/1", "/inspect.js"])
def test_without_the_students_password_nobody_reads_anything(
    edge: OwnEdge, room: Classroom, authority: Path, path: str
) -> None:
    for words in ((), ("--user", f"inspector:{password(room, 's02')}")):
        answer = inspector(edge, room, authority, path, *words)
        assert (answer.status, "www" in answer.body) == (401, False)


def test_who_has_it_sees_what_was_asked(edge: OwnEdge, room: Classroom, authority: Path) -> None:
    host = f"www.s01.{room.name}.localhost"
    assert curl(edge.url(host, "/?mine", "https"), ca=authority).status == 200
    words = ("--user", f"inspector:{password(room, 's01')}")
    answer = inspector(edge, room, authority, "/har", *words)
    urls = [one["request"]["url"] for one in json.loads(answer.body)["log"]["entries"]]
    assert f"https://{host}:{edge.https}/?mine" in urls
    other = inspector(
        edge, room, authority, "/har", "--user", f"x:{password(room, 's02')}", student="s02"
    )
    assert json.loads(other.body)["log"]["entries"] == []


def test_a_browser_that_was_told_it_shows_what_happens(
    edge: OwnEdge, room: Classroom, tmp_path: Path
) -> None:
    host = f"inspect.s01.{room.name}.localhost:{edge.https}"
    with Chromium(tmp_path, tmp_path / "profile", "--ignore-certificate-errors") as browser:
        browser.open(f"https://inspector:{password(room, 's01')}@{host}/")  # as typed in its form
        shows = "document.getElementById('state').textContent.startsWith('live')"
        page = browser.open(f"https://{host}/", shows)
        curl(edge.url(f"www.s01.{room.name}.localhost", "/?now", "https"), "--insecure")
        eventually(lambda: "/?now" in page.run("document.getElementById('rows').innerText"))


def test_its_checks_hold_without_the_password(room: Classroom) -> None:
    room.must("check", "s01")
