"""Rendering: daemons as scripts, values as text, templates that miss nothing."""

from __future__ import annotations

import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import jinja2
import pytest

from labctl.model import Daemon, File, Kept, Machine, Probe, Template
from labctl.render import DAEMONS, machine_files, templates
from labctl.render.tree import Files
from tests.support import kept_for, lab_at, tree_of

STACKS = Path(__file__).parents[2] / "stacks"
ROOT = ("root", "root")
HOSTILE = "a b'\"$(id)`id`;\\ \u00e9"
DAEMON = Daemon(
    name="echo",
    run=("printf", "%s\\n", HOSTILE, "-x"),
    user="nobody",
    prepare=(("mkdir", "-p", HOSTILE),),
    test=("test", HOSTILE),
    reload=("kill", "-HUP", "1"),
    environment={"TEXT": HOSTILE},
    directory="/srv/a b",
    ready=Probe(80, "^ok$", b"\x00\n"),
)


def files_of(daemon: Daemon) -> Files:
    lab = lab_at(STACKS / "hello" / "lab.yml")
    machine = Machine(
        "m", (), frozenset(), frozenset(), {"internet": "198.18.0.9"}, "m.x.test",
        daemons=(daemon,),
    )  # fmt: skip
    return machine_files(machine, lab, Kept(root="ROOT\n"))


def script(name: str, daemon: Daemon = DAEMON) -> str:
    return files_of(daemon)[f"{DAEMONS}/{daemon.name}/{name}"].content.decode()


def test_a_daemons_words_reach_it_as_they_are() -> None:
    last = script("run").splitlines()[-1]
    words = shlex.split(last)
    assert words[0] == "exec"
    assert words[-4:] == ["printf", "%s\\n", HOSTILE, "-x"]
    assert words[-6:-4] == ["s6-setuidgid", "nobody"]


def test_every_script_is_one_that_a_shell_understands() -> None:
    for name in ("run", "finish", "test", "reload"):
        assert script(name).startswith("#!/bin/sh\n")
        subprocess.run(["sh", "-n"], input=script(name).encode(), check=True)


def test_commands_before_the_start_run_in_the_daemons_directory() -> None:
    lines = script("run").splitlines()
    assert shlex.split(lines[3]) == ["cd", "/srv/a b"]
    assert shlex.split(lines[4]) == ["mkdir", "-p", HOSTILE]


def test_the_environment_is_one_secret_file_a_variable() -> None:
    entry = files_of(DAEMON)[f"{DAEMONS}/echo/env/TEXT"]
    assert entry.content.decode() == HOSTILE
    assert entry.mode == 0o600


def test_a_daemon_without_test_and_reload_has_no_script_for_them() -> None:
    plain = replace(DAEMON, test=(), reload=())
    home = f"{DAEMONS}/echo"
    assert not {f"{home}/test", f"{home}/reload"} & set(files_of(plain))


def test_a_probe_is_one_line() -> None:
    probes = files_of(DAEMON)["/etc/labctl/probes"].content
    assert probes == b"echo\ttcp\t80\t000a\t^ok$\n"


def test_a_file_that_two_write_is_a_mistake_of_the_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    from labctl.kinds import static

    lab = lab_at(STACKS / "hello" / "lab.yml")
    twice = [File("/etc/x", b"1"), File("/etc/x", b"2")]
    monkeypatch.setattr(static, "files", lambda *_: twice)
    with pytest.raises(ValueError, match="www: /etc/x is rendered twice"):
        machine_files(lab.machines["www"], lab, kept_for(lab.machines["www"].wants))


def test_a_name_that_a_template_lacks_is_an_error() -> None:
    with pytest.raises(jinja2.UndefinedError):
        templates.text(Template("static/locations.conf.j2", {}))


def test_a_value_is_no_template() -> None:
    names = {"root": "{{ 7*7 }}", "not_found": True}
    assert "root {{ 7*7 }};" in templates.text(Template("static/locations.conf.j2", names))


@pytest.mark.parametrize(
    ("value", "quoted"),
    [("plain", '"plain"'), ('a "b" \\', '"a \\"b\\" \\\\"'), ("a; b {", '"a; b {"')],
)
def test_a_value_as_one_nginx_parameter(value: str, quoted: str) -> None:
    assert templates.nginx_quoted(value) == quoted


@pytest.mark.parametrize("value", ["$host", "a\nb", "\x00"])
def test_what_nginx_would_interpret_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="cannot be a plain value"):
        templates.nginx_quoted(value)


def test_a_comment_stays_one_line() -> None:
    assert templates.comment("a\nb\r\n  c") == "a b c"


@pytest.mark.parametrize("stack", ["hello", "lab1"])
def test_rendering_is_a_function_of_its_arguments(stack: str) -> None:
    lab = lab_at(STACKS / stack / "lab.yml")
    assert tree_of(lab) == tree_of(lab)


@pytest.mark.parametrize("stack", ["hello", "lab1"])
def test_private_keys_are_for_their_owner_only(stack: str) -> None:
    for files in tree_of(lab_at(STACKS / stack / "lab.yml")).machines.values():
        for path, entry in files.items():
            if b"PRIVATE KEY" in entry.content or path.endswith(".private"):
                assert entry.mode in (0o600, 0o640), path


@pytest.mark.parametrize("stack", sorted(path.parent.name for path in STACKS.glob("*/lab.yml")))
def test_a_machine_may_give_its_files_to_their_owners(stack: str) -> None:
    lab = lab_at(STACKS / stack / "lab.yml")
    for name, files in tree_of(lab).machines.items():
        given = {path for path, entry in files.items() if (entry.owner, entry.group) != ROOT}
        assert not given or "CHOWN" in lab.machines[name].capabilities, (name, given)
        assert given or (stack, name) != ("web-https", "acme"), "the control: pebble's own key"
