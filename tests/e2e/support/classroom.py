"""A class of a test's own: its own lab and some sandboxes, brought up without the host's edge."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.e2e.support.home import Home, Ran, run


class Classroom:
    """A class that belongs to a test; students are known by their ids."""

    def __init__(self, home: Home, files: Mapping[str, str], students: Iterable[str]) -> None:
        self.home = home
        self.name = f"t{secrets.token_hex(3)}"
        self.domain = f"{self.name}.test"
        self.folder = home.directory / "classes" / self.name
        for path, text in files.items():
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / path).write_text(text)
        self.students: tuple[str, ...] = ()
        roster = self.roster(students)
        words = ("--lab", self.folder, "--roster", roster)
        created = home.labctl("class", "create", self.name, *words)
        assert created.status == 0, created.said

    def roster(self, students: Iterable[str]) -> Path:
        """A roster with these students."""
        self.students = tuple(students)
        lines = ["id,name", *(f"{student},Student {student}" for student in self.students)]
        path = self.folder / "roster.csv"
        path.write_text("\n".join(lines) + "\n")
        return path

    def lab(self, student: str = "") -> str:
        """The name of a student's sandbox; without a student, of the class's own lab."""
        return f"{self.name}-{student}" if student else self.name

    def must(self, verb: str, student: str = "", *words: str) -> Ran:
        """Run a verb on a sandbox, or the class's own lab, that has to succeed."""
        ran = self.home.labctl(verb, self.lab(student), *words)
        assert ran.status == 0, f"labctl {verb} {self.lab(student)}: {ran.said}"
        return ran

    def container(self, student: str = "") -> str:
        """The container of a server."""
        return f"labctl-{self.lab(student)}-server-1"

    def words(self, student: str, *command: str) -> list[str]:
        """The command line of a command on a student's server, or on the class's own."""
        return ["docker", "exec", "-i", self.container(student), *command]

    def exec(self, student: str, *command: str) -> Ran:
        """Run a command on a student's server; without a student, on the class's own."""
        return run(self.words(student, *command))

    def remove(self) -> None:
        """Leave nothing of it."""
        for student in (*self.students, ""):
            if student:
                self.home.labctl("down", self.lab(student), "--purge")
        self.home.labctl("class", "destroy", self.name, "--yes")
