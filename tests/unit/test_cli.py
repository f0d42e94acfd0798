"""The command line: usage, hints, exit statuses, JSON. As a process of its own, without Docker."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from labctl import __version__
from labctl.cli import VERBS, main
from labctl.experiments import NAMES, load

ROOT = Path(__file__).parents[2]
BAD = ROOT / "tests" / "golden" / "bad"
SECONDS = 60


@pytest.fixture(autouse=True)
def _own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No lab of whoever runs the tests is seen or touched."""
    monkeypatch.setenv("HOSTING_LABCTL_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("HOSTING_LABCTL_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no-engine.sock")


def labctl(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "labctl", *words],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )


def test_help_lists_every_verb_and_succeeds(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    said = capsys.readouterr().out
    assert all(f"\n  {verb} " in said for verb in VERBS)


def test_nothing_at_all_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "usage: labctl VERB" in capsys.readouterr().out


def test_the_version_says_which_labctl_this_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith(f"labctl {__version__} (hosting-labctl")


@pytest.mark.parametrize(
    ("word", "hint"),
    [("stauts", "did you mean `labctl status`?"), ("xyzzy", "`labctl --help` lists the verbs")],
)
def test_an_unknown_verb(word: str, hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([word]) == 2
    assert capsys.readouterr().err == f"labctl: there is no verb '{word}'\nhint: {hint}\n"


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_verb_explains_itself(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "--help"]) == 0
    assert capsys.readouterr().out.startswith(f"usage: labctl {verb} ")


@pytest.mark.parametrize("name", NAMES)
def test_every_experiment_is_listed_and_says_what_it_does(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["experiment"]) == 0
    assert f"\n{name} " in capsys.readouterr().out
    assert main(["experiment", name, "--explain"]) == 0
    said = capsys.readouterr().out
    for words in (load(name).TITLE, load(name).__doc__.strip(), *load(name).STEPS):
        assert words in said


@pytest.mark.parametrize(
    "words",
    [["up", "hello", "--http", "70000"], ["plan", "hello", "--name", "A B"], ["up", "--no-such"]],
)
def test_wrong_arguments_are_wrong_usage(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    assert "error:" in capsys.readouterr().err


def test_a_lab_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", "no-such-lab"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("there is no lab 'no-such-lab'\nhint: ")


def test_a_good_lab() -> None:
    done = labctl("validate", "hello")
    assert (done.returncode, done.stderr) == (0, "")
    assert "no problems" in done.stdout
    as_json = json.loads(labctl("validate", "hello", "--json").stdout)
    assert as_json["problems"] == []
    assert as_json["file"].endswith("stacks/hello/lab.yml")


def test_a_bad_lab_is_told_on_standard_error() -> None:
    done = labctl("validate", str(BAD / "ports.yml"))
    assert (done.returncode, done.stdout) == (2, "")
    assert "ports.yml:8:27: expose.0.port: 70000 is not a port (1–65535)" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_bad_lab_as_json() -> None:
    done = labctl("validate", str(BAD / "ports.yml"), "--json")
    assert (done.returncode, done.stderr) == (2, "")
    (first, *_) = json.loads(done.stdout)["problems"]
    assert first["mark"] == {"line": 8, "column": 27, "width": 5}
    assert first["path"] == "expose.0.port"
    assert set(first) == {"file", "mark", "path", "message", "hint"}


@pytest.mark.parametrize("verb", ["render", "plan", "up", "check"])
def test_every_verb_that_reads_a_lab_says_the_same(verb: str) -> None:
    done = labctl(verb, str(BAD / "domain.yml"))
    assert done.returncode == 2
    assert "'google.com' is not a domain for a lab" in done.stderr


def test_rendering_into_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    done = labctl("render", "hello", "--out", str(folder), "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["folder"] == str(folder)
    assert said["files"] == sum(path.is_file() for path in folder.rglob("*"))
    assert labctl("render", "hello", "--out", str(folder)).returncode == 2


@pytest.mark.parametrize("words", [["up", "hello"], ["plan", "hello"], ["status", "hello"]])
def test_without_an_engine_it_says_so(words: list[str]) -> None:
    done = labctl(*words)
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr
    assert "hint:" in done.stderr


def test_no_colours_where_the_output_is_no_terminal() -> None:
    for variables in ({}, {"NO_COLOR": "1"}):
        done = labctl("validate", "no-such-lab", **variables)
        assert "\x1b" not in done.stdout + done.stderr
