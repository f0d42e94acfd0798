"""What an exercise does to a lab: the folders ``setup``, ``solution`` and ``cleanup``.

Each of them may hold

* ``lab/…``: files that are laid over the lab's folder; ``lab/lab.yml`` is merged into its own;
* ``NAME/…``: files of a machine, ``front/etc/nginx/x`` is put at ``/etc/nginx/x``;
* ``NAME.sh``: a script, run there by root after the files are in their place;
* ``NAME.sign``: lines of a certificate request's path and a certificate's path: the lab's CA
  signs the one, the other gets the chain;
* ``NAME.after.sh``: a script that is run after that.

NAME is a machine of the lab, or a service: then whichever machine runs it is meant.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from labctl.spec.content import ContentError, read_folder
from labctl.spec.fields import Name
from labctl.spec.problems import shown

LAB = "lab"
_SUFFIXES = (".after.sh", ".sh", ".sign")  # the longest first


@dataclass(frozen=True, slots=True)
class Request:
    """A certificate request on a machine, and where its certificate goes: absolute paths."""

    request: str
    certificate: str


@dataclass(frozen=True, slots=True)
class MachineSteps:
    """What is done on one machine, in this order; files by absolute path."""

    files: Mapping[str, bytes] = field(default_factory=dict)
    script: str = ""
    requests: tuple[Request, ...] = ()
    after: str = ""


@dataclass(frozen=True, slots=True)
class Steps:
    """What is done to a lab: files over its folder by relative path, then each machine."""

    lab: Mapping[str, bytes] = field(default_factory=dict)
    machines: Mapping[str, MachineSteps] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.lab or self.machines)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong in a folder: the path below the exercise, a line (0: none), and why."""

    path: str
    message: str
    hint: str = ""
    line: int = 0


def read_steps(exercise: Path, phase: str) -> tuple[Steps, tuple[Fault, ...]]:
    """The steps of one phase (none where it has no folder), and what is wrong with them."""
    if not (exercise / phase).exists() and not (exercise / phase).is_symlink():
        return Steps(), ()
    try:
        found = read_folder(exercise, phase)
    except ContentError as error:
        return Steps(), (Fault(phase, str(error), "an exercise's files lie in its own folder"),)
    return _Phase(phase).read(found)


class _Phase:
    """Sorts the files of one phase by what they are."""

    def __init__(self, phase: str) -> None:
        self.phase = phase
        self.faults: list[Fault] = []
        self.lab: dict[str, bytes] = {}
        self.files: dict[str, dict[str, bytes]] = {}
        self.texts: dict[str, dict[str, str]] = {suffix: {} for suffix in _SUFFIXES}

    def read(self, found: Mapping[str, bytes]) -> tuple[Steps, tuple[Fault, ...]]:
        for path, data in found.items():
            self.sort(path, data)
        machines = {
            name: MachineSteps(
                self.files.get(name, {}),
                self.texts[".sh"].get(name, ""),
                tuple(self.requests(name)),
                self.texts[".after.sh"].get(name, ""),
            )
            for name in sorted({*self.files, *(n for texts in self.texts.values() for n in texts)})
        }
        return Steps(self.lab, machines), tuple(self.faults)

    def sort(self, path: str, data: bytes) -> None:
        head, slash, rest = path.partition("/")
        suffix = next((s for s in _SUFFIXES if not slash and head.endswith(s)), "")
        name = head.removesuffix(suffix) if suffix else head
        if slash and head == LAB:
            self.lab[rest] = data
        elif not (slash or suffix) or not self.named(name):
            self.complain(path, "nobody knows what this is for", _FORMS)
        elif slash:
            self.files.setdefault(name, {})[f"/{rest}"] = data
        else:
            self.text(path, name, suffix, data)

    def text(self, path: str, name: str, suffix: str, data: bytes) -> None:
        try:
            self.texts[suffix][name] = data.decode("utf-8")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            self.complain(path, "not UTF-8 text", "save the file as UTF-8", line)

    def requests(self, name: str) -> Iterator[Request]:
        """The lines of a ``.sign`` file."""
        for number, line in enumerate(self.texts[".sign"].get(name, "").splitlines(), 1):
            words = line.split()
            if not words or words[0].startswith("#"):
                continue
            if len(words) != 2 or not all(map(_absolute, words)):
                self.complain(f"{name}.sign", f"'{shown(line)}' is no line of two paths", _SIGN,
                              number)  # fmt: skip
            else:
                yield Request(*words)

    def complain(self, path: str, message: str, hint: str, line: int = 0) -> None:
        self.faults.append(Fault(f"{self.phase}/{path}", message, hint, line))

    @staticmethod
    def named(name: str) -> bool:
        return len(name) <= Name.max_length and re.fullmatch(Name.form, name) is not None


_FORMS = (
    "`NAME/…` are files of a machine or of a service's machine, `NAME.sh` runs there, `lab/…` lies "
    "over the lab's folder"
)
_SIGN = "a request and its certificate, as `/root/shop.csr /etc/ssl/shop.pem`"


def _absolute(path: str) -> bool:
    return path.startswith("/") and posixpath.normpath(path) == path
