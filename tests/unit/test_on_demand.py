"""Applications on demand: which daemons sleep, and what wakes them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from labctl import on_demand
from labctl.model import Lab
from labctl.picture.paper import placed
from labctl.plan import Desired, Observation, SeenMachine, plan
from labctl.render.tree import Files, Tree, generation, manifest_lines
from tests.support import expanded_from, tree_of

LAB = """\
lab: small
title: Applications of all sorts
services:
  www: static
  app: wsgi
  chat: websocket
  silent: wsgi
sites:
  www: www
  app: app
  talk: chat
platforms:
  bare-metal:
    machines: {}
"""
HOME = "/etc/labctl/daemons/gunicorn-app"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for path in ("www/index.html", "app/app.py", "chat/chat.py", "silent/app.py"):
        (tmp_path / path).parent.mkdir()
        (tmp_path / path).write_text("")
    return tmp_path


def lab_on(platform: str, folder: Path) -> Lab:
    return placed(expanded_from(f"{LAB}platform: {platform}\n", folder))


def files_of(lab: Lab) -> Files:
    return tree_of(lab).machines["server"]


def text(files: Files, path: str) -> str:
    return files[path].content.decode()


def test_what_has_a_site_sleeps_and_has_a_waker(folder: Path) -> None:
    lab = on_demand.asleep(lab_on("bare-metal", folder))
    server = lab.machines["server"]
    sleepers = {daemon.name for daemon in server.daemons if daemon.on_demand}
    assert sleepers == {"gunicorn-app", "websocket-chat"}
    assert {d.name for d in server.daemons if d.name.startswith("wake-")} == {
        f"wake-{name}" for name in sleepers
    }
    assert server.packages >= on_demand.PACKAGES


def test_apart_from_the_front_nothing_sleeps(folder: Path) -> None:
    lab = lab_on("vps", folder)
    assert on_demand.asleep(lab) == lab


def test_a_lab_that_is_awake_has_no_trace_of_it(folder: Path) -> None:
    files = files_of(lab_on("bare-metal", folder))
    assert f"{HOME}/down" not in files
    assert "doze" not in text(files, f"{HOME}/run")
    assert "--preload" not in text(files, f"{HOME}/run")
    assert "wake" not in text(files, "/etc/nginx/upstreams.conf")


def test_a_sleeper_is_down_at_first_and_is_watched_when_up(folder: Path) -> None:
    files = files_of(on_demand.asleep(lab_on("bare-metal", folder)))
    assert files[f"{HOME}/down"].content == b""
    run = text(files, f"{HOME}/run").splitlines()
    assert "(/usr/lib/labctl/doze gunicorn-app 8000 &)" in run
    assert run[-1].startswith("exec ")
    assert run[-1].endswith(" --preload app:app")
    waker = text(files, "/etc/labctl/daemons/wake-gunicorn-app/run").splitlines()[-1]
    assert waker.endswith("/run/wake/gunicorn-app.sock /usr/lib/labctl/wake gunicorn-app 8000")
    probes = text(files, "/etc/labctl/probes")
    assert "gunicorn-app\t" in probes
    assert "wake-gunicorn-app\t" not in probes  # the question would wake it


def test_the_front_turns_to_the_waker_where_nobody_answers(folder: Path) -> None:
    upstreams = text(
        files_of(on_demand.asleep(lab_on("bare-metal", folder))), "/etc/nginx/upstreams.conf"
    )
    assert "server 127.0.0.1:8000 max_fails=0;" in upstreams
    assert "server unix:/run/wake/gunicorn-app.sock max_fails=0 backup;" in upstreams
    assert (
        "proxy_next_upstream error;" in upstreams
    )  # and no timeout: who is slow is not asked twice


def test_a_change_of_code_leaves_the_waker_alone(folder: Path) -> None:
    """What is planned is what would be without the waker: a test, and a reload if it is awake."""
    lab = on_demand.asleep(lab_on("bare-metal", folder))
    seen = files_of(lab)
    (folder / "app/app.py").write_text("app = None\n")
    desired = tree_of(on_demand.asleep(lab_on("bare-metal", folder)))
    (change,) = plan(_desired(lab, desired), _up("server", seen)).changes
    assert [(step.verb, step.target) for step in change.steps] == [
        ("write", "/srv/app/app.py"),
        ("test", "gunicorn-app"),
        ("reload", "gunicorn-app"),
    ]


def test_a_lab_that_learns_to_sleep_gets_its_wakers_started(folder: Path) -> None:
    awake = lab_on("bare-metal", folder)
    lab = on_demand.asleep(awake)
    (change,) = plan(_desired(lab, tree_of(lab)), _up("server", files_of(awake))).changes
    acts = {(step.verb, step.target) for step in change.steps}
    assert {("start", "wake-gunicorn-app"), ("restart", "gunicorn-app")} <= acts
    (back,) = plan(_desired(awake, tree_of(awake)), _up("server", files_of(lab))).changes
    acts = {(step.verb, step.target) for step in back.steps}
    assert {("stop", "wake-gunicorn-app"), ("restart", "gunicorn-app")} <= acts


def _desired(lab: Lab, tree: Tree) -> Desired:
    """Only its server: the visitors are left out."""
    server = {"server": lab.machines["server"]}
    tree = replace(tree, machines={"server": tree.machines["server"]})
    return Desired(replace(lab, machines=server), tree, {"server": "same"})


def _up(name: str, files: Files) -> Observation:
    """One machine that is up with these files."""
    machine = SeenMachine(
        name, "id", True, "same", generation(files), manifest_lines(files), frozenset()
    )
    return Observation({name: machine})
