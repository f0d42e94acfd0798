"""Completion scripts: bash's is run, with a labctl of its own."""

from __future__ import annotations

import argparse
import shlex
import subprocess
from functools import cache

import pytest

from labctl.cli import VERBS
from labctl.cli.run import parser
from labctl.completion import SHELLS, commands, script


@cache
def written(shell: str) -> str:
    return script(shell, commands({verb: parser(verb) for verb in VERBS}))


def completed(*words: str, names: str = "hello\nlab1\n") -> list[str]:
    """What bash offers after ``labctl`` and these words, the last one being typed."""
    typed = " ".join(map(shlex.quote, ("labctl", *words)))
    program = f"""
command() {{
    case "$3 $4" in
    --names* | "list --names") printf %s {shlex.quote(names)} ;;
    --machines*) echo "of-$4" ;;
    esac
}}
source /dev/stdin <<'SCRIPT'
{written("bash")}
SCRIPT
COMP_WORDS=({typed}) COMP_CWORD={len(words)}
_labctl_complete
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    done = subprocess.run(
        ["bash", "--norc"], input=program, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return done.stdout.split()


def test_bash_takes_the_script() -> None:
    done = subprocess.run(["bash", "-n"], input=written("bash"), text=True, capture_output=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("shell", SHELLS)
def test_every_verb_and_long_option_is_in_every_script(shell: str) -> None:
    for verb in VERBS:
        assert verb in written(shell)
    for option in ("as-written", "keep-data", "refresh", "purge"):
        assert option in written(shell)


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("va",), ["validate"]),
        (("-",), ["-h", "--help", "--version"]),
        (("up", ""), ["hello", "lab1"]),
        (("up", "l"), ["lab1"]),
        (("up", "--http"), ["--http", "--https"]),
        (("up", "--http", ""), []),  # a number: nothing to offer
        (("up", "--http", "8080", "l"), ["lab1"]),  # which is not taken for the lab
        (("up", "lab1", ""), []),
        (("shell", "lab1", ""), ["of-lab1"]),
        (("logs", "-f", "hello", "of"), ["of-hello"]),
        (("exec", "--user", "root", "hello", ""), ["of-hello"]),
        (("ca", ""), ["show", "export", "sign", "revoke", "trust"]),
        (("ca", "show", "h"), ["hello"]),
        (("lab", ""), ["exercises", "begin", "end", "test"]),
        (("lab", "test", "h"), ["hello"]),
        (("ca", "sign", "h"), ["hello"]),
        (("ca", "trust", "--store", "n"), ["nss"]),
        (("images", "build", "hello", "l"), ["lab1"]),
        (("images", "save", "x.tar", "l"), ["lab1"]),
        (("completion", "z"), ["zsh"]),
        (("experiment", "cr"), ["crash"]),
        (("experiment", "crash", "l"), ["lab1"]),
        (("experiment", "crash", "lab1", "--on", "v"), ["vps"]),
        (("class", "cr"), ["create"]),
        (("class", "up", ""), ["hello", "lab1"]),  # what `labctl class list --names` says
        (("sandbox", "up", "h"), ["hello"]),
        (("nonsense", ""), []),
    ],
)
def test_what_bash_offers(words: tuple[str, ...], offered: list[str]) -> None:
    assert completed(*words) == offered


def test_a_hostile_name_is_quoted_and_never_run() -> None:
    assert completed("up", "", names="$(touch${IFS}x)\n") == [r"\$\(touch\$\{IFS\}x\)"]


def test_help_with_quotes_stays_help_in_fish() -> None:
    hostile = argparse.ArgumentParser(prog="labctl up")
    hostile.add_argument("--x", help="the lab's \\ 'end")
    found = script("fish", commands({"up": hostile}))
    assert r"-d 'the lab\'s \\ \'end'" in found
