"""Good labs and the files that they become; bad ones and the exact words of every problem.

`pytest tests/golden --update-golden` writes what labctl says and makes now; the difference is
then read like any other change.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from labctl import kinds
from labctl.expand import expand
from labctl.model import Lab, PlatformName
from labctl.render.tree import Tree
from labctl.spec.lab import load, read
from labctl.spec.problems import InvalidLab
from tests.support import lab_at, tree_of

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
# a stack on the platform that it names itself, or on another
STACKS: dict[str, tuple[str, PlatformName | None]] = {
    "hello": ("hello", None),
    "lab1": ("lab1", None),
    "lab1-bare-metal": ("lab1", "bare-metal"),
    "lab1-on-premise": ("lab1", "on-premise"),
    "web-servers": ("web-servers", None),
    "web-cookies": ("web-cookies", None),
}
GOOD = sorted(path.parent.name for path in HERE.glob("good/*/lab.yml"))
BAD = sorted(path.stem for path in HERE.glob("bad/*.yml"))
# copied as it is, or made up by the tests: only named in the lists of files
COPIED = ("/var/www/", "/srv/", "/usr/lib/cgi-bin/", "/usr/local/src/")
WRITTEN = ("/Makefile", "/serve.py")  # by labctl, beside what is copied
MADE_UP = ("/etc/ssl/", "/usr/lib/ssl/", "/usr/local/share/ca-certificates/")
SHIPPED = ("/usr/local/lib/inspector/",)  # programs of labctl's own


@pytest.fixture(autouse=True)
def _in_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths in messages and sources are relative to the checkout, wherever that is."""
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize("case", GOOD)
def test_a_good_lab_becomes_these_files(case: str, update_golden: bool) -> None:
    folder = HERE.relative_to(ROOT) / "good" / case
    compare(lab_at(folder / "lab.yml"), folder / "expected", update_golden)


@pytest.mark.parametrize("case", STACKS)
def test_a_stack_becomes_these_files(case: str, update_golden: bool) -> None:
    stack, platform = STACKS[case]
    lab = lab_at(Path("stacks") / stack / "lab.yml", platform)
    compare(lab, HERE / "good" / case / "expected", update_golden)


@pytest.mark.parametrize("case", BAD)
def test_a_bad_lab_is_told_what_is_wrong(case: str, update_golden: bool) -> None:
    file = HERE / "bad" / f"{case}.yml"
    with pytest.raises(InvalidLab) as caught:
        expand(*read(file.read_bytes(), file.name, file.parent))
    said = f"{caught.value}\n"
    expected = file.with_suffix(".txt")
    if update_golden:
        expected.write_text(said)
    assert said == expected.read_text()
    assert caught.value.status == 2


def test_every_expectation_has_its_lab() -> None:
    assert sorted(path.stem for path in HERE.glob("bad/*.txt")) == BAD
    expected = {path.parent.name for path in HERE.glob("good/*/expected")}
    assert expected == {*GOOD, *STACKS}


def test_every_kind_that_a_lab_file_may_name_has_a_case() -> None:
    folders = [*(HERE / "good" / case for case in GOOD), *(ROOT / "stacks" / s for s, _ in
               STACKS.values())]  # fmt: skip
    specs = [load(folder / "lab.yml")[0] for folder in folders]
    shown = {service.kind for spec in specs for service in spec.services.values()}
    assert {*kinds.names()} - {*kinds.implied()} <= shown


def compare(lab: Lab, expected: Path, update: bool) -> None:
    """The lab's files against those of the folder, which are written first on ``update``."""
    tree = tree_of(lab)
    contents = {data for files in lab.contents.values() for data in files.values()}
    made = dict(texts(tree, said(lab)))
    for files in tree.machines.values():
        copied = (e.content for path, e in files.items() if is_copied(path))
        assert all(content in contents for content in copied)
    if update:
        write(made, expected)
    there = {p.relative_to(expected).as_posix(): p for p in expected.rglob("*") if p.is_file()}
    assert sorted(made) == sorted(there)
    for path, text in made.items():
        assert text == there[path].read_text(), path


def said(lab: Lab) -> set[str]:
    """The machines that a case is about: what the lab file names, and what shows its sites."""
    named = {s.machine for s in lab.services.values() if not s.source.endswith("lab.yml")}
    return set(lab.machines) if lab.name in STACKS else {*named, "front", "dns"}


def texts(tree: Tree, machines: set[str]) -> Iterator[tuple[str, str]]:
    """The Compose file, each machine's list of files, and the files that are rendered."""
    yield "compose.yaml", tree.compose.decode()
    for machine, files in tree.machines.items():
        if machine not in machines:
            continue
        lines = [
            f"{entry.mode:04o} {entry.owner}:{entry.group} {path}  <- {entry.source}\n"
            for path, entry in sorted(files.items())
        ]
        yield f"{machine}/files", "".join(lines)
        for path, entry in files.items():
            if not is_copied(path) and not path.startswith((*MADE_UP, *SHIPPED)):
                yield f"{machine}{path}", entry.content.decode()


def is_copied(path: str) -> bool:
    return path.startswith(COPIED) and not path.endswith(WRITTEN)


def write(made: dict[str, str], expected: Path) -> None:
    shutil.rmtree(expected, ignore_errors=True)
    for path, text in made.items():
        file = expected / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
