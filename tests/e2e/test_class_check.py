"""The work of a class, checked and graded: one sandbox's failure, or fraud, is nobody else's.

A class of five: one has solved the exercise, one shows the first one's flag, one has broken the
server, one answers without end, one is not up.
"""

from __future__ import annotations

import csv
import json
import secrets
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import docker
import pytest
import yaml

from labctl.engines import api, definition
from tests.e2e.support.home import Home, Ran, run
from tests.e2e.support.wait import eventually

pytestmark = pytest.mark.e2e

SOLVER, THIEF, BROKEN, ENDLESS, AWAY = STUDENTS = ("s01", "s02", "s03", "s04", "s05")
LAB = """
lab: flags
services: {www: static}
sites: {www: {service: www, http: serve}}
"""
EXERCISE = """
title: Show your flag
checks:
  - {name: the page is there, client: http, ask: "http://www.${domain}/", before: true,
     expect: {status: 200}}
  - {name: it shows the flag, client: http, ask: "http://www.${domain}/flag.txt", points: 3,
     needs: the page is there, expect: {status: 200, body: {contains: "${secret.flag}"}}}
  - {name: it says who it is, client: http, ask: "http://www.${domain}/flag.txt",
     needs: the page is there, expect: {status: 200, body: {matches: "^[^ ]+ flag"}}}
  - {name: no program is in it, client: command, from: www, ask: "find / -xdev -name '*.exe'",
     before: true, expect: {status: 0, output: ""}}
"""
ROSTER = "id,name,email,lms_id\n" + "".join(
    f'{student},"=Ada {n}",{student}@uni.example,{1000 + n}\n'
    for n, student in enumerate(STUDENTS, 1)
)


class Course:
    """A class with its sandboxes."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder)
        self.name = f"t{secrets.token_hex(3)}"
        self.client = docker.from_env()
        exercise = folder / "lab" / "exercises" / "01-flag"
        (exercise / "solution").mkdir(parents=True)
        (exercise / "solution" / "www.sh").write_text("true\n")
        (exercise / "README.md").write_text("# Flags\n")
        (exercise / "exercise.yml").write_text(EXERCISE)
        (folder / "lab" / "www").mkdir()
        (folder / "lab" / "www" / "index.html").write_text("<title>Hello</title>\n")
        (folder / "lab" / "lab.yml").write_text(LAB)
        (folder / "roster.csv").write_text(ROSTER)
        self.doors = folder / "doors"

    def labctl(self, *words: str | Path) -> Ran:
        """Run ``labctl words``."""
        environment = {**self.home.environment, "HOSTING_LABCTL_DOORS": str(self.doors)}
        return run(self.home.command(*words), env=environment, cwd=self.home.directory)

    def must(self, *words: str | Path) -> Ran:
        ran = self.labctl(*words)
        assert ran.status == 0, f"labctl {' '.join(map(str, words))}: {ran.said}"
        return ran

    def sandbox(self, student: str) -> str:
        return f"{self.name}-{student}"

    def on(self, student: str, script: str) -> str:
        """Run a script on a student's machine; its output."""
        words = ["docker", "exec", "-i", f"labctl-{self.sandbox(student)}-server-1", "sh", "-eu"]
        ran = run(words, input=script)
        assert ran.status == 0, ran.said
        return ran.out

    def flag(self, student: str) -> str:
        """A student's own flag, as their failing check does not say."""
        code = (
            "from labctl import keep; from labctl.checks.variables import token; import sys;"
            "ids = dict.fromkeys(sys.argv[2:], 0);"
            "print(keep.secrets_of_seats(sys.argv[1], ids, [token('secret.flag')])"
            "[sys.argv[2]]['check/flag'])"
        )
        command = [self.home.command()[0], "-c", code, self.name, student]
        return run(command, env=self.home.environment).out.strip()

    def visitors(self) -> list[str]:
        """The class's visitors that there are, running or not."""
        label = {"label": [f"hosting-labctl.class={self.name}", "hosting-labctl.machine=visitor"]}
        return [
            one.name
            for one in self.client.containers.list(all=True, filters=label, ignore_removed=True)
        ]

    def check(self, *words: str) -> tuple[Ran, dict[str, Any]]:
        """``class check`` as JSON, by student."""
        ran = self.labctl("class", "check", self.name, "--json", *words)
        assert ran.status in (0, 1), ran.said
        return ran, {one["id"]: one for one in ran.json["students"]}

    def remove(self) -> None:
        for student in STUDENTS:
            self.labctl("down", self.sandbox(student), "--purge")
        self.labctl("class", "destroy", self.name, "--yes")
        label = {"label": f"hosting-labctl.class={self.name}"}
        left = self.client.containers.list(all=True, filters=label, ignore_removed=True)
        for container in left:
            container.remove(force=True, v=True)
        self.client.close()
        assert not left


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Course]:
    made = Course(tmp_path_factory.mktemp("course"))
    try:
        folder = made.home.directory
        made.must("class", "create", made.name, "--lab", folder / "lab",
                  "--roster", folder / "roster.csv")  # fmt: skip
        for student in STUDENTS[:-1]:
            made.must("up", made.sandbox(student))
        work(made)
        yield made
    finally:
        made.remove()


def work(course: Course) -> None:
    """What the students have done."""
    root = course.on(SOLVER, "nginx -T 2>/dev/null | sed -n 's/^ *root \\(.*\\);/\\1/p' | head -1")
    for student, whose in ((SOLVER, SOLVER), (THIEF, SOLVER)):
        text = f"{student} flag: {course.flag(whose)}"
        course.on(student, f"echo '{text}' >{root.strip()}/flag.txt")
    course.on(BROKEN, "s6-svc -d /run/service/nginx*")
    course.on(ENDLESS, f"head -c 90000000 /dev/zero | tr '\\0' x >{root.strip()}/flag.txt")


def states(row: Mapping[str, Any]) -> str:
    """A sign for each check: held, failed, not asked."""
    return "".join(
        "+" if one["passed"] else "x" if one["attempts"] else "." for one in row["checks"]
    )


def test_each_has_what_they_reached(course: Course) -> None:
    ran, rows = course.check("--exercise", "flag", "--jobs", "2")
    assert ran.status == 1  # one could not be asked
    assert list(rows) == list(STUDENTS)
    assert rows[AWAY]["error"] == "not up"
    assert {student: states(rows[student]) for student in STUDENTS[:-1]} == {
        SOLVER: "++++", THIEF: "+x++", BROKEN: "x..+", ENDLESS: "+xx+",
    }  # fmt: skip
    assert (rows[SOLVER]["points"], rows[SOLVER]["of"]) == (6, 6)
    assert not course.visitors()


def test_the_teacher_hears_of_a_borrowed_flag_and_nobody_else(course: Course) -> None:
    _, rows = course.check("--exercise", "flag")
    told = f"has {SOLVER}'s secret.flag"
    assert rows[THIEF]["leaks"] == [told]
    assert not any(rows[student]["leaks"] for student in STUDENTS if student != THIEF)
    grades = course.must("class", "grades", course.name)
    (line,) = [one for one in grades.out.splitlines() if told in one]
    assert line.startswith(THIEF)
    own = course.labctl("check", course.sandbox(THIEF), "--exercise", "flag", "--html",
                        course.home.directory / "own.html")  # fmt: skip
    assert told not in own.said + (course.home.directory / "own.html").read_text()
    assert course.flag(SOLVER) not in grades.said


def test_the_same_work_has_the_same_grade(course: Course) -> None:
    first, second = (course.check("--all")[1] for _ in range(2))
    for student in STUDENTS[:-1]:
        assert states(first[student]) == states(second[student])
        assert first[student]["run"] != second[student]["run"]


def test_a_grade_is_of_the_last_attempt_or_the_best(course: Course) -> None:
    def points(which: str) -> int:
        ran = course.must("class", "grades", course.name, "--json", "--attempt", which)
        (mine,) = [one for one in ran.json["students"] if one["id"] == SOLVER]
        return int(mine["points"])

    course.check("--exercise", "flag", "--only", SOLVER)
    assert (points("last"), points("best")) == (6, 6)
    course.on(SOLVER, "s6-svc -d /run/service/nginx*")
    try:
        course.check("--exercise", "flag", "--only", SOLVER)
        assert (points("last"), points("best")) == (1, 6)
    finally:
        course.on(SOLVER, "s6-svc -u /run/service/nginx*")


def test_grades_for_other_programs(course: Course) -> None:
    course.check("--exercise", "flag")
    folder = course.home.directory
    for form in ("plain", "moodle", "canvas"):
        course.must("class", "grades", course.name, "--format", form, "--csv",
                    folder / f"{form}.csv")  # fmt: skip
        with open(folder / f"{form}.csv", newline="", encoding="utf-8") as file:
            cells = [cell for row in csv.reader(file) for cell in row]
        assert "'=Ada 1" in cells
        assert "1001" in cells
        assert not [cell for cell in cells if cell.startswith("=")]
    course.must("class", "grades", course.name, "--junit", folder / "g.xml",
                "--html", folder / "g.html")  # fmt: skip
    assert len(ElementTree.parse(folder / "g.xml").getroot()) == len(STUDENTS) - 1
    assert (folder / "g.html").stat().st_mode & 0o077 == 0


def test_a_visitor_is_what_compose_would_make(course: Course) -> None:
    """But for what Compose notes of itself."""
    lab = course.sandbox(SOLVER)
    file = course.home.state / lab / "compose.yaml"
    name = f"labctl-{lab}-visitor-1"
    words = ["docker", "compose", "-p", f"labctl-{lab}", "-f", file, "--profile", "visitor"]

    def inspected() -> Any:
        found = course.client.api.inspect_container(name)
        course.client.api.remove_container(name)
        labels = found["Config"]["Labels"]
        found["Config"]["Labels"] = {k: v for k, v in labels.items() if not k.startswith("com.")}
        for key in ("AttachStdout", "AttachStderr"):
            del found["Config"][key]
        host = {key: value or None for key, value in found["HostConfig"].items()}
        host["Ulimits"].sort(key=str)  # Compose has them in no order
        return found["Config"], host, found["Mounts"]

    subprocess.run([*words, "create", "visitor"], check=True, capture_output=True)
    theirs = inspected()
    document = definition.uninterpolated(yaml.safe_load(file.read_text()))
    body = definition.wanted(document, lab, "visitor")
    api.call("POST", f"/containers/create?name={name}", body)
    mine = inspected()
    for part, other in zip(mine, theirs, strict=True):
        assert part == other


def test_what_a_killed_check_leaves_is_gone_after_the_next(course: Course) -> None:
    environment = {**course.home.environment, "HOSTING_LABCTL_DOORS": str(course.doors)}
    words = course.home.command("check", course.sandbox(SOLVER), "--exercise", "flag")
    started = subprocess.Popen(words, env=environment, cwd=course.home.directory,
                               stdout=subprocess.DEVNULL)  # fmt: skip
    eventually(lambda: bool(course.visitors()))
    started.send_signal(signal.SIGKILL)
    started.wait()
    assert course.visitors()  # the control: nobody was left to remove it
    _, rows = course.check("--exercise", "flag", "--only", SOLVER)
    assert states(rows[SOLVER]) == "++++"
    assert not course.visitors()


def test_two_who_ask_at_the_same_time_share_a_visitor(course: Course) -> None:
    environment = {**course.home.environment, "HOSTING_LABCTL_DOORS": str(course.doors)}
    words = course.home.command("check", course.sandbox(SOLVER), "--exercise", "flag", "--json")
    both = [
        subprocess.Popen(words, env=environment, cwd=course.home.directory, stdout=subprocess.PIPE)
        for _ in range(3)
    ]
    said = [json.loads(one.communicate(timeout=120)[0]) for one in both]
    assert all(check["passed"] for checks in said for check in checks)
    assert not course.visitors()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--only", "s09"), "has no student 's09'"),
        (("--exercise", "nope"), "there is no exercise 'nope'"),
        (("--jobs", "0"), "is not a number from 1 to 64"),
    ],
)
def test_what_does_not_exist_is_said_once(
    course: Course, words: tuple[str, ...], said: str
) -> None:
    ran = course.labctl("class", "check", course.name, *words)
    assert (ran.status, ran.err.count(said)) == (2, 1), ran.said
