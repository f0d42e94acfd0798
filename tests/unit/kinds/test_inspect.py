"""The kind `inspect`, and what `inspect: true` makes of a site."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from labctl import on_demand, sandbox
from labctl.expand import expand
from labctl.explain.explanation import explain
from labctl.explain.url import request
from labctl.kinds import inspect
from labctl.model import Lab, PlatformName, Seat
from labctl.picture.paper import placed
from labctl.spec.lab import read
from labctl.spec.problems import InvalidLab
from tests.support import expanded_from, lab_from, tree_of

LAB = """\
lab: x
services:
  www: static
  app: {kind: wsgi, content: app}
sites:
  www: {service: www, inspect: true}
  app: {service: app, http: serve}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in {"www/index.html": "x", "app/app.py": "app = None\n"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def on(platform: PlatformName, text: str, folder: Path) -> Lab:
    return placed(expand(*read(text.encode(), "lab.yml", folder), platform))


def problems(text: str, folder: Path) -> list[str]:
    with pytest.raises(InvalidLab) as caught:
        expanded_from(text, folder)
    return [problem.message for problem in caught.value.problems]


def test_one_word_brings_the_inspector_and_its_site(folder: Path) -> None:
    lab = lab_from(LAB, folder)
    assert lab.services["inspect"].machine == "front"
    assert [site.host for site in lab.sites] == ["www.x.test", "app.x.test", "inspect.x.test"]
    told = json.loads(tree_of(lab).machines["front"][inspect.CONFIG].content)
    assert told["sites"] == {"www.x.test": "www", "www.x.localhost": "www"}
    assert "python3" in lab.machines["front"].packages


def test_without_the_word_nothing_is_there(folder: Path) -> None:
    lab = lab_from(LAB.replace(", inspect: true", ""), folder)
    assert "inspect" not in lab.services
    files = tree_of(lab).machines["front"]
    assert not [e for e in files.values() if b"inspect" in e.content.lower()]
    assert "python3" not in lab.machines["front"].packages


def test_only_the_inspected_site_goes_through_it(folder: Path) -> None:
    files = tree_of(lab_from(LAB, folder)).machines["front"]
    www = files["/etc/nginx/sites-enabled/www.conf"].content.decode()
    app = files["/etc/nginx/sites-enabled/app.conf"].content.decode()
    assert www.count("proxy_pass http://inspected_sites;") == 1
    assert www.count("proxy_pass http://www;") == 1
    assert www.index("listen 127.0.0.1:81;") < www.index("proxy_pass http://www;")
    assert "inspected" not in app
    default = files["/etc/nginx/sites-enabled/00_default.conf"].content.decode()
    assert "listen 127.0.0.1:81 default_server;" in default


@pytest.mark.parametrize("platform", ["bare-metal", "vps", "on-premise"])
def test_it_stands_beside_the_front_on_every_platform(folder: Path, platform: PlatformName) -> None:
    lab = on(platform, LAB, folder)
    assert lab.services["inspect"].machine == lab.services["front"].machine
    route = lab.services["inspect"].expansion.route
    assert route
    page = json.loads(tree_of(lab).machines[lab.services["front"].machine][inspect.CONFIG].content)
    assert page["page"] == ["127.0.0.1", route.port]


def test_a_local_site_is_answered_in_the_last_block(folder: Path) -> None:
    lab = on("bare-metal", LAB, folder)
    www = tree_of(lab).machines["server"]["/etc/nginx/sites-enabled/www.conf"].content.decode()
    assert www.index("listen 127.0.0.1:81;") < www.index("root /var/www/www;")


def test_it_may_be_named_to_give_it_options(folder: Path) -> None:
    text = LAB.replace("services:\n", "services:\n  seer: {kind: inspect, exchanges: 20}\n")
    lab = lab_from(text + "  look: seer\n", folder)
    assert [site.name for site in lab.sites] == ["www", "app", "look"]
    assert lab.services["seer"].machine == "front"
    assert json.loads(tree_of(lab).machines["front"][inspect.CONFIG].content)["exchanges"] == 20


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("app: {kind: wsgi, content: app}", "inspect: {kind: static, content: www}"),
         "the name 'inspect' is taken by a static service"),
        (("services:\n", "services:\n  inspect: {machine: app}\n"),
         "'inspect' has to run on the machine of the front, 'front'"),
        (("services:\n", "services:\n  inspect:\n  seer: {kind: inspect}\n"),
         "a second inspect; a lab has one"),
        (("sites:\n", "sites:\n  see: {service: inspect, inspect: true}\n"),
         "the inspector's own site cannot be inspected"),
        (("inspect: true", "inspect: true, inside: true"),
         "its front is on the machine 'intranet', the inspector not"),
        (("inspect: true", "inspect: sometimes"), "'sometimes' is neither true nor false"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_told(folder: Path, change: tuple[str, str], message: str) -> None:
    text = LAB.replace(*change)
    if "inside" in text:
        with pytest.raises(InvalidLab) as caught:
            on("on-premise", text, folder)
        assert message in [problem.message for problem in caught.value.problems]
    else:
        assert any(message in found for found in problems(text, folder))


def test_it_stands_beside_the_front_of_the_site_that_asks_for_it(folder: Path) -> None:
    fronts = "services:\n  old: {kind: front, server: apache}\n  new: front\n"
    text = LAB.replace("services:\n", fronts)
    lab = lab_from(text.replace("inspect: true", "inspect: true, front: new"), folder)
    assert lab.services["inspect"].machine == "new"
    files = tree_of(lab).machines
    assert b"inspected_sites" in files["new"]["/etc/nginx/sites-enabled/www.conf"].content
    assert "/etc/apache2/sites-enabled/inspect.conf" in files["old"]
    assert "is an Apache" in problems(text, folder)[0]


def test_the_way_through_it_is_explained(folder: Path) -> None:
    lab = lab_from(LAB.replace("inspect: true", "inspect: true, http: serve"), folder)
    steps = explain(request("http://www.x.test/"), lab, tree_of(lab)).steps
    assert [(one.machine, one.port) for one in steps] == [("front", 80), ("front", 81), ("www", 80)]
    assert "the inspector" in steps[0].what
    assert "the static service www" in steps[1].what


def test_what_everybody_passes_through_is_not_put_to_sleep(folder: Path) -> None:
    lab = on_demand.asleep(on("bare-metal", LAB, folder))
    sleeping = {d.name for d in lab.machines["server"].daemons if d.on_demand}
    assert sleeping == {"gunicorn-app"}


def test_a_part_of_a_lab_without_an_inspector_is_answered_as_any(folder: Path) -> None:
    lab = lab_from(LAB, folder)
    services = {name: one for name, one in lab.services.items() if name != "inspect"}
    part = replace(lab, services=services, sites=lab.sites[:2])
    front = part.machines["front"]
    part = replace(part, machines={
        **part.machines,
        "front": replace(front, services=("front",)),
    })  # fmt: skip
    files = tree_of(part).machines["front"]
    assert b"inspected" not in files["/etc/nginx/sites-enabled/www.conf"].content


def test_its_checks_ask_each_inspected_site_first(folder: Path) -> None:
    checks = lab_from(LAB, folder).services["inspect"].expansion.checks
    assert [check.ask["url"] for check in checks] == [
        "https://www.x.test/", "https://inspect.x.test/seen?host=www.x.test",
    ]  # fmt: skip
    assert checks[1].needs == (checks[0].name,)


def test_with_a_login_it_has_a_password_and_a_note_of_it_for_root(folder: Path) -> None:
    told = "services:\n  inspect: {login: true}\n"
    lab = lab_from(LAB.replace("services:\n", told), folder)
    assert [want.name for want in lab.accounts] == ["inspect/inspector"]
    files = tree_of(lab).machines["front"]
    password = "secret-of-inspect/inspector"
    assert password in files[inspect.NOTE].content.decode()
    assert files[inspect.NOTE].mode == 0o600
    digest = hashlib.sha256(password.encode()).hexdigest()
    assert json.loads(files[inspect.CONFIG].content)["login"] == digest
    assert not [p for p, e in files.items() if password.encode() in e.content and p != inspect.NOTE]
    open_to_all = tree_of(lab_from(LAB, folder)).machines["front"]
    assert inspect.NOTE not in open_to_all
    assert json.loads(open_to_all[inspect.CONFIG].content)["login"] == ""


def test_in_a_class_it_always_asks_for_a_password(folder: Path) -> None:
    spec, _ = read(LAB.encode(), "lab.yml", folder)
    own = sandbox.own(spec, Seat("web", "s01", "web.test", "/shm/doors/web-s01"))
    assert own.services["inspect"].options.login
    assert not spec.services["inspect"].options.login
