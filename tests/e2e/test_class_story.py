"""A class of five, one of them hostile, from a roster to a grades file and to its end.

Everything is done by the commands that a teacher and the students type, with lab1 itself.
"""

from __future__ import annotations

import csv
import secrets
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import docker
import pytest

from tests.e2e.support.bastion import by_key, by_password, make_key, public, sftp
from tests.e2e.support.curl import Answer, curl
from tests.e2e.support.edge import OwnEdge
from tests.e2e.support.home import ROOT, Home, Ran, run
from tests.e2e.support.load import Load
from tests.e2e.support.wait import eventually

pytestmark = pytest.mark.e2e
LAB = ROOT / "stacks" / "lab1"
SOLUTION = LAB / "exercises" / "08-wrong-page" / "solution" / "front.sh"
HARM = ROOT / "bench" / "shipped" / "hostile.py"
ADA, JOSE, GRACE, LEAVING, HOSTILE, NEW = "s01", "s02", "s03", "s04", "s05", "s06"
NAMES = {ADA: "Ada Lovelace", JOSE: "José", GRACE: "=1+1", LEAVING: "Müller, Hans",
         HOSTILE: "Mallory"}  # fmt: skip
SHOWN = "<title>A static site</title>"


class Course:
    """The class, its teacher's commands, and what students and visitors do."""

    def __init__(self, home: Home) -> None:
        self.home, self.edge = home, OwnEdge(home)
        self.name = f"t{secrets.token_hex(3)}"
        self.folder = home.directory
        self.key = make_key(self.folder / "grace")
        self.https = self.edge.https

    def labctl(self, *words: str | Path, status: int = 0) -> Ran:
        """Type ``labctl words``, which end with this exit status."""
        script = Path(sys.executable).with_name("labctl")
        ran = run([str(script), *map(str, words)], env=self.home.environment, cwd=self.folder)
        assert ran.status == status, f"labctl {' '.join(map(str, words))}: {ran.said}"
        return ran

    def do(self, verb: str, *words: str | Path, status: int = 0) -> Ran:
        """``labctl class verb NAME words``."""
        return self.labctl("class", verb, self.name, *words, status=status)

    def roster(self, students: Sequence[str]) -> Path:
        """A roster as Excel writes it in Germany, ids as the university prints them."""
        lines = ["Name;Matrikel;ID;E-Mail;Moodle ID;SSH Key"]
        for one in students:
            key = public(self.key) if one == GRACE else ""
            name = NAMES.get(one, "Zoë")
            lines.append(f'"{name}";x;{one.upper()};{one}@uni.example;10{one[1:]};{key}')
        path = self.folder / "students.csv"
        path.write_bytes("".join(f"{line}\r\n" for line in lines).encode("cp1252"))
        return path

    def host(self, site: str, student: str = ADA, top: str = "localhost") -> str:
        """The name of a student's site: on this host, or (``test``) where there is DNS for it."""
        return f"{site}.{student}.{self.name}.{top}"

    def ask(self, student: str, path: str = "/", *, scheme: str = "https", ca: Path | str = "",
            top: str = "localhost") -> Answer:  # fmt: skip
        """What a visitor gets from a student's www."""
        host = self.host("www", student, top)
        trust = () if ca else ("--insecure",)
        return curl(self.edge.url(host, path, scheme), *self.edge.to(host), *trust, ca=ca)

    def user(self, student: str) -> str:
        """As whom a student logs in, whichever other classes there are."""
        return f"{student}.{self.name}"

    def ssh(self, student: str, *command: str, **more: Any) -> Ran:
        """A student's command on their machine, with a new one-time password."""
        found = self.do("list", "--passwords", "--json").json
        (word,) = [one["password"] for one in found if one["id"] == student]
        return by_password(self.edge, word, self.user(student), *command, **more)

    def states(self) -> dict[str, str]:
        """What `labctl class status` says of each student."""
        ran = run(
            [sys.executable, "-m", "labctl", "class", "status", self.name, "--json"],
            env=self.home.environment, cwd=self.folder,
        )  # fmt: skip
        return {one["id"]: one["state"] for one in ran.json["sandboxes"]}

    def checked(self, *words: str, status: int = 0) -> dict[str, Any]:
        """The matrix, by student."""
        found = self.do("check", *words, "--json", status=status).json
        return {one["id"]: one for one in found["students"]}

    def left(self) -> list[str]:
        """All that this host still has of the class."""
        client = docker.from_env()
        mine = [
            *(str(one.name) for one in client.containers.list(all=True, ignore_removed=True)),
            *(str(one.name) for one in client.networks.list()),
            *(str(one.name) for one in client.volumes.list()),
        ]
        client.close()
        places = (Path("/dev/hosting-labctl"), self.home.doors / "doors", self.home.state,
                  self.home.data, self.home.data / "classes", self.home.data / "classes/.sandboxes",
                  self.home.data / "edge" / "seats")  # fmt: skip
        loops = run(["losetup", "--list", "--noheadings", "--output", "BACK-FILE"]).out.split()
        found = (str(path) for place in places if place.is_dir() for path in place.iterdir())
        return [one for one in (*mine, *loops, *found) if self.name in one]


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Course]:
    made = Course(Home(tmp_path_factory.mktemp("story")))
    try:
        yield made
    finally:
        made.home.labctl("class", "destroy", made.name, "--yes")
        made.edge.remove()


def test_from_a_roster_to_a_grades_file_and_to_the_end(course: Course) -> None:
    begins(course)
    ca = visitors_come(course)
    students_log_in(course)
    one_solves_an_exercise(course)
    one_is_hostile(course, ca)
    grades_are_written(course)
    one_starts_again_and_one_gets_more_time(course)
    the_roster_changes(course)
    the_night_passes(course)
    it_ends(course)


def begins(course: Course) -> None:
    """A class is made of a roster, and comes up behind the edge."""
    course.labctl("edge", "up", "--http", str(course.edge.http), "--https", str(course.edge.https),
                  "--ssh", str(course.edge.ssh))  # fmt: skip
    roster = course.roster(list(NAMES))
    until = f"{datetime.now() + timedelta(days=7):%Y-%m-%d}"
    course.do("create", "--lab", LAB, "--roster", roster, "--until", until)
    assert course.left()  # the control of the last test: something is there to be found
    said = course.do("up").out
    assert "5 of 5 sandboxes" in said
    assert set(course.states().values()) == {"up"}
    listed = course.do("list").out
    assert all(name in listed for name in NAMES.values())


def visitors_come(course: Course) -> Path:
    """Each site answers by its name, by HTTP and by HTTPS; the class's root in a file."""
    ca = course.folder / "class.pem"
    ca.write_text(course.labctl("ca", "export", course.name).out)
    for student in NAMES:
        for top in ("localhost", "test"):
            plain = course.ask(student, scheme="http", top=top)
            assert (plain.status, plain.headers["location"][:8]) == (308, "https://")
            answer = course.ask(student, ca=ca, top=top)
            assert (answer.status, SHOWN in answer.body) == (200, True), answer
    assert course.ask(ADA, ca="/etc/ssl/certs/ca-certificates.crt").exit == 60  # a stranger's root
    assert course.ask("s99").exit == 35  # nobody's name: no handshake
    return ca


def students_log_in(course: Course) -> None:
    """With a password that works once, with the roster's key; files by SFTP; nobody elsewhere."""
    found = course.do("list", "--passwords", "--json").json
    words = {one["id"]: one["password"] for one in found}
    first, again = (by_password(course.edge, words[ADA], course.user(ADA), "hostname")
                    for _ in range(2))  # fmt: skip
    assert (first.status, f"{ADA}.{course.name}" in first.out, again.status) == (0, True, 255)
    assert by_password(course.edge, words[JOSE], course.user(ADA), "true").status == 255
    assert by_key(course.edge, course.key, course.user(GRACE), "true").status == 0
    assert by_key(course.edge, course.key, course.user(ADA), "true").status == 255
    (course.folder / "mine.html").write_text("Grace's own page\n")
    orders = f"put {course.folder}/mine.html /var/www/www/mine.html\n"
    assert sftp(course.edge, course.key, course.user(GRACE), orders).status == 0
    assert course.ask(GRACE, "/mine.html").body == "Grace's own page\n"
    assert course.ask(ADA, "/mine.html").status == 404


def one_solves_an_exercise(course: Course) -> None:
    """Nothing counts before it is begun; then one of five solves it, over SSH."""
    early = course.checked("--exercise", "wrong-page", "--only", ADA)[ADA]
    assert (early["points"], early["notes"]) == (0, ["not begun, so not asked: 08-wrong-page"])
    course.do("begin", "wrong-page", "chat-proxy")
    assert eventually(lambda: not shows(course, GRACE))
    solved = by_key(course.edge, course.key, course.user(GRACE), "env",
                    f"DOMAIN={GRACE}.{course.name}.test", "bash", "-eu",
                    input=SOLUTION.read_text())  # fmt: skip
    assert solved.status == 0, solved.said
    rows = course.checked("--exercise", "wrong-page")
    assert [rows[one]["points"] for one in NAMES] == [2, 2, 9, 2, 2]  # two hold all along
    again = course.do("begin", "wrong-page").out  # a mistake of the teacher's costs nobody's work
    assert again.count("08-wrong-page begun before") == 5
    assert shows(course, GRACE)


def shows(course: Course, student: str) -> bool:
    """Whether www of a student shows its own page, where the exercise has not hidden it."""
    return SHOWN in course.ask(student, top="test").body


def one_is_hostile(course: Course, ca: Path) -> None:
    """A fork bomb, a full disk, a flood: the requests of others never fail."""
    with hostile_access(course) as access, Load(course, ca, "www", visitors=2) as load:
        for harm in ("disk", "requests", "forks"):
            eventually(lambda: at_home(course, access))
            ran = by_key(course.edge, access, course.user(HOSTILE), "python3", "-", harm, "4",
                         input=HARM.read_text())  # fmt: skip
            assert ran.status in (0, 255), ran.said  # some harm ends their own login as well
            load.some_more()
    assert load.failures == {}
    assert eventually(lambda: course.ask(HOSTILE).status == 200)


def at_home(course: Course, key: Path) -> bool:
    """Whether the hostile student can log in to their own machine."""
    return by_key(course.edge, key, course.user(HOSTILE), "true").status == 0


@contextmanager
def hostile_access(course: Course) -> Iterator[Path]:
    """The key that the hostile student has put on their own machine."""
    key = make_key(course.folder / "mallory")
    line = f"mkdir -p /root/.ssh; echo {public(key)} >>/root/.ssh/authorized_keys"
    ran = course.ssh(HOSTILE, line)
    assert ran.status == 0, ran.said
    yield key


def grades_are_written(course: Course) -> None:
    """A matrix to look at, and files for others."""
    matrix = course.do("check", "--exercise", "wrong-page").out
    assert f"{GRACE}  =1+1" in matrix
    assert "5 of 5 sandboxes could be asked" in matrix
    files = {form: course.folder / f"grades.{form}" for form in ("csv", "html", "junit")}
    words = [word for form, path in files.items() for word in (f"--{form}", path)]
    course.do("grades", *words)
    with open(files["csv"], newline="", encoding="utf-8") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    assert set(rows) == set(NAMES)
    (column,) = [head for head in rows[GRACE] if head.startswith("08-wrong-page")]
    assert [rows[one][column] for one in (ADA, GRACE)] == ["2", "9"]
    assert rows[GRACE]["name"] == "'=1+1"
    assert "<!DOCTYPE html>" in files["html"].read_text()
    assert len(ElementTree.parse(files["junit"]).getroot()) == len(NAMES)


def one_starts_again_and_one_gets_more_time(course: Course) -> None:
    """A reset and an extension, each of one student only."""
    ran = course.do("reset", "--only", JOSE, "--yes")
    assert f"labctl class begin {course.name} 06-chat-proxy 08-wrong-page --only {JOSE}" in ran.err
    assert shows(course, JOSE)
    assert course.ask(GRACE, "/mine.html").status == 200
    course.do("begin", "wrong-page", "--only", JOSE)
    assert eventually(lambda: not shows(course, JOSE))
    course.do("extend", "--only", ADA, "--by", "48")
    found = course.do("status", "--json").json["sandboxes"]
    ends = {one["id"]: one["ends"] for one in found}
    assert ends[ADA] - ends[JOSE] == 48 * 3600


def the_roster_changes(course: Course) -> None:
    """Who leaves is archived, once that is agreed to; who comes gets a sandbox."""
    now = course.roster([ADA, JOSE, GRACE, HOSTILE, NEW])
    shown = course.do("roster", now, status=3).out
    assert f"- {LEAVING}" in shown
    assert LEAVING in course.states()  # nothing has happened yet
    course.do("roster", now, "--yes")
    archives = course.home.data / "classes" / course.name / "archive"
    assert [path.name[:3] for path in archives.iterdir()] == [LEAVING]
    course.do("up", "--only", NEW)
    assert course.ask(NEW).status == 200
    assert set(course.states()) == {ADA, JOSE, GRACE, HOSTILE, NEW}


def the_night_passes(course: Course) -> None:
    """Down, and up again: the work is there."""
    course.do("down")
    assert course.ask(GRACE, scheme="http").status == 503
    course.do("up")
    assert course.ask(GRACE, "/mine.html").body == "Grace's own page\n"


def it_ends(course: Course) -> None:
    """Past the end all are archived; what is destroyed leaves nothing."""
    soon = f"{datetime.now() + timedelta(seconds=30):%Y-%m-%dT%H:%M:%S}"
    course.do("extend", "--until", soon)
    course.do("extend", "--only", ADA, "--until", soon)
    course.labctl("tick")
    assert eventually(lambda: time.time() > datetime.fromisoformat(soon).timestamp())
    course.labctl("tick")
    assert set(course.states().values()) == {"archived"}
    course.do("up", status=1)  # it is over
    course.do("destroy", status=1)  # nobody has agreed to that
    course.do("destroy", "--yes")
    assert course.left() == []
