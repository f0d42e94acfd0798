"""What a class shares: its own lab, and what its sandboxes have of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from labctl import hub, sandbox, shared
from labctl.errors import LabctlError
from labctl.expand import expand
from labctl.keep import keep, lab_home
from labctl.kinds import doorkeeper
from labctl.model import Group, Lab, Limits, Seat
from labctl.picture.paper import placed
from labctl.render import machine_files
from labctl.render.tree import Files
from labctl.spec.lab import read
from labctl.spec.problems import InvalidLab
from labctl.spec.specification import Spec
from labctl.work import class_lab, session
from tests.support import kept_for, tree_of

LAB = """
lab: course
services:
  www: static
  mail:
    kind: mail
    users: [alice, bob]
    aliases: {info: [alice, bob], s02: alice}
    shared: true
sites: {www: www}
platforms:
  bare-metal: {machines: {mx: [mail]}}
checks:
  - name: the page
    service: www
    client: http
    ask: {url: https://www.course.test/}
    expect: {status: 200}
"""
STUDENTS = {"s01": 7, "s02": 300}
GROUP = Group("web", "web.example", STUDENTS)
QUOTA = Limits(0, 0, 0)
NOW = datetime(2026, 10, 1, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "index.html").write_text("<!doctype html>")
    return tmp_path


def spec_of(text: str, folder: Path) -> Spec:
    spec, reader = read(text.encode(), "lab.yml", folder)
    assert not reader.problems
    return spec


def own_lab(text: str, folder: Path, group: Group = GROUP) -> Lab:
    """A class's own lab, placed and shut."""
    spec, reader = read(text.encode(), "lab.yml", folder)
    lab = placed(expand(hub.hub(spec, group), reader, hub.PLATFORM))
    return hub.closed(lab, "/shm/hubs/web")


def sandbox_of(text: str, folder: Path, **seat: object) -> Lab:
    """The sandbox of s02."""
    mine = replace(Seat("web", "s02", "web.example", "/shm/doors/x", hub="/shm/hubs/web/s02"),
                   **seat)  # type: ignore[arg-type]  # fmt: skip
    spec, reader = read(text.encode(), "lab.yml", folder)
    lab = placed(expand(sandbox.own(spec, mine), reader, "bare-metal"))
    return sandbox.closed(lab, mine, QUOTA)


def text_of(files: Files, path: str) -> str:
    return files[path].content.decode()


def test_the_hub_has_what_is_shared_and_no_more(folder: Path) -> None:
    lab = own_lab(LAB, folder)
    assert (lab.name, lab.domain) == ("web", "web.example")
    assert set(lab.services) == {"mail", "dns", "client", "resolver", "doorkeeper"}
    assert {name: set(m.services) for name, m in lab.machines.items()} == {
        "server": {"mail", "dns", "doorkeeper"},
        "visitor": {"client", "resolver"},
    }
    assert not lab.sites
    assert not [check for check in lab.checks if check.service == "www"]


def test_it_is_shut(folder: Path) -> None:
    lab = own_lab(LAB + "expose: [{service: mail, port: 25, host: 2525}]\n", folder)
    server = lab.machines["server"]
    assert not server.ports
    assert not any(network.reachable for network in lab.networks)
    assert all(volume.size for volume in server.volumes)
    assert lab.machines["visitor"].visiting
    assert server.resolver == "dns"  # the visitors' is away
    assert [(one.source, one.path) for one in server.mounts] == [("/shm/hubs/web", "/run/hubs")]


def test_it_has_a_front_only_where_a_shared_service_has_a_site(folder: Path) -> None:
    assert not own_lab(LAB, folder).of_kind("front")
    told = LAB.replace("www: static", "www: {kind: static, shared: true}")
    lab = own_lab(told, folder)
    assert lab.of_kind("front")
    assert [site.host for site in lab.sites] == ["www.web.example"]


def test_each_student_has_a_mailbox_and_an_account(folder: Path) -> None:
    lab = own_lab(LAB, folder)
    options = lab.services["mail"].options
    assert options.users == ("alice", "bob", "s01", "s02")
    assert list(options.aliases) == ["info"]  # the student goes before the alias
    assert {want.name for want in lab.accounts} == {
        f"mail/{user}" for user in ("alice", "bob", "s01", "s02")
    }


def test_each_student_has_sockets_and_an_address_of_their_own(folder: Path) -> None:
    files = tree_of(own_lab(LAB, folder)).machines["server"]
    text = text_of(files, doorkeeper.CONFIG)
    for student, address in (("s01", "127.128.0.7"), ("s02", "127.128.1.44")):
        assert rf'"\\{student}" {address};' in text  # never one of the map's own words
        assert f"listen unix:/run/hubs/{student}/mail-25.sock;" in text
    assert "53" not in text  # DNS is each lab's own
    assert text.count("limit_conn sockets") == 7


def test_source_addresses_are_never_those_that_a_service_trusts() -> None:
    found = {doorkeeper.source(number) for number in (1, 255, 256, 65_536, 99_999)}
    assert len(found) == 5
    assert all(address.startswith(("127.128.", "127.129.")) for address in found)


def test_a_class_without_students_has_its_hub(folder: Path) -> None:
    files = tree_of(own_lab(LAB, folder, Group("web", "web.example", {}))).machines["server"]
    assert "unix:/run/hubs/" not in text_of(files, doorkeeper.CONFIG).replace('"~^unix', "")


def test_a_sandbox_reaches_what_is_shared(folder: Path) -> None:
    lab = sandbox_of(LAB, folder)
    server = lab.machines["server"]
    assert "mail" not in lab.services
    assert dict(server.hosts) == {"mail.web.example": "127.0.0.1"}
    assert [(m.source, m.writable) for m in server.mounts if m.path == shared.INSIDE] == [
        ("/shm/hubs/web/s02", False)
    ]
    assert "swaks" in server.packages


# a service that keeps data, whose directory every daemon of a sealed machine makes
KEEPING = LAB.replace("services:", "services:\n  app: {kind: wsgi, content: www, app: 'app:app'}")


@pytest.mark.parametrize("text", [LAB, KEEPING])
def test_a_sandbox_says_how_its_student_gets_there(folder: Path, text: str) -> None:
    (folder / "www" / "app.py").write_text("def app(*_): ...\n")
    lab = sandbox_of(text, folder)
    (offer,) = lab.offers
    assert offer.account
    assert offer.account.name == "mail/s02"
    kept = kept_for([*session.wants(lab), offer.account])
    files = machine_files(lab.machines["server"], lab, kept)
    note = files[shared.NOTE]
    assert note.mode == 0o600
    assert "login: s02@web.example\n" in note.content.decode()
    assert "password: secret-of-mail/s02\n" in note.content.decode()
    lines = text_of(files, shared.CONFIG).splitlines()
    assert any(
        line.startswith("127.0.0.1:587 stream tcp nowait nobody ") and "mail-587.sock" in line
        for line in lines
    )


def test_both_ends_know_the_same_password(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOSTING_LABCTL_DATA", str(folder / "data"))
    mine, ours = sandbox_of(LAB, folder), own_lab(LAB, folder)
    (offer,) = mine.offers
    assert offer.account
    here, _ = keep(mine, session.wants(mine), lab_home(mine.name), NOW)
    there, _ = keep(ours, session.wants(ours), lab_home(ours.name), NOW)
    assert here.secrets[offer.account.name] == there.secrets["mail/s02"]
    assert there.secrets["mail/s01"] != there.secrets["mail/s02"]
    assert "mail/s01" not in here.secrets
    assert here.root == there.root


def test_a_port_that_the_machine_has_itself_is_left_to_it(folder: Path) -> None:
    told = LAB.replace("www: static", "www: {kind: static, shared: true}\n  own: static")
    (folder / "own").mkdir()
    (folder / "own" / "index.html").write_text("<!doctype html>")
    told = told.replace("sites: {www: www}", "sites: {www: www, own: own}")
    lab = sandbox_of(told, folder)
    context = shared._ports(lab.offers[0], lab.machines["server"], lab)
    assert [offer.service for offer in lab.offers] == ["www", "mail"]
    assert not context  # 80 is its own front's


@pytest.mark.parametrize("seat", [{"own": ("mail",)}, {"hub": ""}])
def test_without_a_hub_or_with_a_service_of_its_own_it_reaches_nothing(
    seat: dict[str, object], folder: Path
) -> None:
    server = sandbox_of(LAB, folder, **seat).machines["server"]
    assert not server.hosts
    assert shared.INSIDE not in {mount.path for mount in server.mounts}
    assert shared.DAEMON not in server.daemons


def test_visitors_of_a_sandbox_do_not_reach_it(folder: Path) -> None:
    visitor = sandbox_of(LAB, folder).machines["visitor"]
    assert not visitor.hosts
    assert not visitor.mounts


def test_a_lab_that_shares_nothing_has_no_hub(folder: Path) -> None:
    spec = spec_of(LAB.replace("    shared: true\n", ""), folder)
    assert shared.names(spec) == ()
    with pytest.raises(LabctlError, match="the class web has no lab of its own"):
        class_lab.own(spec, class_lab.Common(GROUP, "lab.yml"))


def test_a_doorkeeper_is_nothing_that_a_lab_file_names(folder: Path) -> None:
    with pytest.raises(InvalidLab, match="there is no kind 'doorkeeper'"):
        expand(*read(b"lab: x\nservices: {d: {kind: doorkeeper}}\n", "lab.yml", folder))
