"""The edge: which names lead where, what is rendered for it, and who its users are."""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from labctl import doors, ssh, webserver
from labctl.edge import is_edge
from labctl.edge.behind import behind
from labctl.edge.lab import Places, edge_lab
from labctl.edge.names import Group, Known, Single, ways
from labctl.errors import LabctlError
from labctl.kinds import bastion
from labctl.model import Kept, Key, Lab, Publishing, Seat
from labctl.render import machine_files
from labctl.render.compose import render
from labctl.work import edge, edge_home, seats
from labctl.work.session import wants
from tests.support import kept_for, lab_at

HELLO, LAB1 = Path("stacks/hello/lab.yml"), Path("stacks/lab1/lab.yml")
CLASS = Group("web-2026", ("web-2026.test", "web-2026.localhost"))
LAB = Single("lab1", ("lab1.test", "lab1.localhost"), ("www.lab1.test",))
PLACES = Places("/d", "/u", "/s", "/p")


def door(host: str, known: Known) -> str:
    """The door that nginx's map finds: an exact name, else the first pattern that matches."""
    table = ways(known)
    for way in table:
        if way.match == host:
            return way.door
    for way in table:
        if not way.match.startswith("~*"):
            continue
        pattern = way.match.removeprefix("~*").replace(r"\z", r"\Z").replace("(?<", "(?P<")
        if found := re.search(pattern, host, re.IGNORECASE):
            return way.door.replace("$seat", found.groupdict().get("seat") or "")
    return ""


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("s01.web-2026.test", "web-2026-s01"),
        ("www.s01.web-2026.test", "web-2026-s01"),
        ("a.b.s01.web-2026.localhost", "web-2026-s01"),
        ("web-2026.test", ""),
        ("lab1.test", "lab1"),
        ("www.lab1.localhost", "lab1"),
        ("xlab1.test", ""),
        ("www.lab1.test.example", ""),
        ("s01.web-2026xtest", ""),
        ("s01/../lab1.web-2026.test", ""),
        ("../s01.web-2026.test", ""),
        ("s01.web-2026.test\n", ""),
        ("", ""),
    ],
)
def test_a_name_leads_to_one_door_or_none(host: str, expected: str) -> None:
    assert door(host, Known((CLASS,), (LAB,))) == expected


def test_a_lab_with_the_domain_of_a_class_has_its_own_sites_only() -> None:
    hub = Single("web-2026", ("web-2026.test",), ("mail.web-2026.test",))
    known = Known((CLASS,), (hub,))
    assert door("mail.web-2026.test", known) == "web-2026"
    assert door("s01.web-2026.test", known) == "web-2026-s01"


def test_the_more_special_domain_comes_first() -> None:
    outer, inner = Single("a", ("example.test",)), Single("b", ("b.example.test",))
    for labs in ((outer, inner), (inner, outer)):
        assert door("www.b.example.test", Known((), labs)) == "b"
        assert door("www.example.test", Known((), labs)) == "a"


@pytest.mark.parametrize("domain", ['a";evil "', "a b", "a{1}", "", "a$b", "ünicode.test"])
def test_what_is_no_domain_is_never_written(domain: str) -> None:
    for known in (Known((Group("g", (domain,)),)), Known((), (Single("g", (domain,)),))):
        with pytest.raises(ValueError, match="is no domain"):
            ways(known)


def the_edge(publishing: Publishing = Publishing()) -> Lab:  # noqa: B008 (frozen)
    return edge_lab(Known((CLASS,), (LAB,)), publishing, 2222, PLACES)


def files_of(lab: Lab, machine: str) -> dict[str, str]:
    kept = Kept("", keys={bastion.HOST_KEY.name: Key("PEM", "PUBLIC")})
    found = machine_files(lab.machines[machine], lab, kept)
    return {path: entry.content.decode() for path, entry in found.items()}


def test_it_listens_on_loopback_unless_it_is_public() -> None:
    listen = files_of(the_edge(), "edge")["/etc/nginx/listen/https.conf"]
    assert "listen 127.0.0.1:443 " in listen
    assert "listen [::1]:443 " in listen
    public = files_of(the_edge(Publishing(public=True)), "edge")["/etc/nginx/listen/http.conf"]
    assert "listen 0.0.0.0:80 " in public
    assert "listen [::]:80 " in public
    only4 = files_of(the_edge(Publishing(ipv6=False)), "edge")["/etc/nginx/listen/http.conf"]
    assert "[" not in only4


def test_a_class_is_one_pattern_and_other_ports_are_a_restart() -> None:
    files = files_of(the_edge(), "edge")
    assert files["/etc/nginx/doors.map"].count("web-2026-$seat") == 2
    assert "proxy_pass http://unix:/doors/$door/http.sock;" in files["/etc/nginx/nginx.conf"]
    (daemon,) = the_edge().machines["edge"].daemons
    assert any(path.startswith(daemon.restarts) for path in files if "listen" in path)
    assert not "/etc/nginx/doors.map".startswith(daemon.restarts)


def test_a_connection_has_the_bandwidth_of_its_class() -> None:
    slow = replace(CLASS, bandwidth=800_000)
    hub = Single("web-2026", ("web-2026.test",), ("mail.web-2026.test",))
    found = edge_lab(Known((slow,), (LAB, hub)), Publishing(), 2222, PLACES)
    table = files_of(found, "edge")["/etc/nginx/rates.map"].splitlines()[1:]
    assert [line for line in table if "<seat>" in line and not line.endswith(" 100000;")] == []
    assert "mail.web-2026.test" in table[0]
    assert table[0].endswith(" 0;")
    free = files_of(the_edge(), "edge")["/etc/nginx/rates.map"].splitlines()[1:]
    assert {line.split()[-1] for line in free} == {"0;"}


def test_least_privilege_in_the_compose_file() -> None:
    text = render(the_edge(), lambda packages: "image", "/state").decode()
    edge, _, beside = text.partition("  bastion:\n")
    for part in (edge, beside):
        assert "read_only: true" in part
        assert "no-new-privileges:true" in part
        assert "docker.sock" not in part
    assert 'network_mode: "host"' in edge
    assert 'network_mode: "none"' in beside
    assert '- "NET_BIND_SERVICE"' in edge
    assert "NET_" not in beside
    assert "DAC_OVERRIDE" not in edge


def test_only_an_edge_is_one() -> None:
    assert is_edge("edge")
    assert is_edge("edge-0a1b2c3d")
    for name in ("edge-a", "edges", "my-edge", "edge-0a1b2c3d-s01"):
        assert not is_edge(name)


@pytest.fixture
def hello() -> Lab:
    return behind(lab_at(HELLO, "vps"), "/doors/hello")


def test_a_lab_behind_it_publishes_nothing_and_is_at_its_door(hello: Lab) -> None:
    assert all(machine.ports == () for machine in hello.machines.values())
    front = machine_files(hello.machines["front"], hello, kept_for(wants(hello)))
    site = front["/etc/nginx/sites-enabled/www.conf"].content.decode()
    assert f"listen unix:{doors.HTTP};" in site
    assert f"listen unix:{doors.HTTPS} ssl proxy_protocol;" in site
    assert "quic" not in site
    assert "Alt-Svc" not in site
    (nginx,) = (d for d in hello.machines["front"].daemons if d.name == webserver.DAEMON.name)
    assert ("rm", "-f", doors.HTTP, doors.HTTPS) in nginx.prepare


def test_without_a_door_nothing_of_it_is_there() -> None:
    lab = lab_at(HELLO, "vps")
    for machine in lab.machines.values():
        files = machine_files(machine, lab, kept_for(wants(lab)))
        assert not any(b"/run/door" in entry.content for entry in files.values())
        assert machine.mounts == ()
        assert ssh.BASTION_KEY not in machine.wants


def test_ssh_at_the_door_takes_the_bastions_key_only_there(hello: Lab) -> None:
    kept = kept_for(wants(hello))
    files = machine_files(hello.machines["www"], hello, kept)
    public = kept.keys[ssh.BASTION_KEY.name].public.encode()
    assert public in files[ssh.BASTION_KEYS].content
    assert public not in files[ssh.AUTHORIZED].content
    assert "ssh-door" in {daemon.name for daemon in hello.machines["www"].daemons}
    assert "ssh-door" not in {daemon.name for daemon in hello.machines["client"].daemons}


def test_a_companys_inner_front_is_at_no_door() -> None:
    lab = behind(lab_at(LAB1, "on-premise"), "/doors/x")
    assert all(port.container not in (80, 443) for m in lab.machines.values() for port in m.ports)
    kept = kept_for(wants(lab))
    texts = {
        name: b"".join(e.content for e in machine_files(lab.machines[name], lab, kept).values())
        for name in ("front", "intranet")
    }
    assert doors.HTTP.encode() in texts["front"]
    assert b"listen unix:" not in texts["intranet"]
    assert b"quic" not in texts["intranet"]


@pytest.fixture
def homes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOSTING_LABCTL_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("HOSTING_LABCTL_DOORS", str(tmp_path / "doors"))
    return tmp_path


def admitted(name: str, group: str = "", student: str = "") -> None:
    from dataclasses import replace

    seat = Seat(group, student, f"{group}.test") if group else None
    lab = replace(behind(lab_at(HELLO, "bare-metal"), "/doors/x"), name=name, seat=seat)
    seats.admit(lab, kept_for(wants(lab)))


def users(homes: Path) -> dict[str, str]:
    lines = (homes / "data/edge/users/passwd").read_text().splitlines()
    fields = (line.split(":") for line in lines)
    return {words[0]: words[4] for words in fields}


def test_a_student_logs_in_by_their_id_where_no_other_has_it(homes: Path) -> None:
    admitted("web-s01", "web", "s01")
    admitted("web-s02", "web", "s02")
    assert users(homes)["s01"] == users(homes)["s01+server"] == "web-s01 server"
    admitted("other-s01", "other", "s01")
    found = users(homes)
    assert "s01" not in found
    assert found["s01.web"] == found["web-s01"] == "web-s01 server"
    assert found["s01.other+server"] == "other-s01 server"
    assert found["s02"] == "web-s02 server"
    seats.dismiss("other-s01", purge=False)
    assert "s01" not in users(homes)
    seats.dismiss("other-s01", purge=True)
    assert users(homes)["s01"] == "web-s01 server"


def test_every_lab_has_a_user_number_of_its_own_and_keeps_it(homes: Path) -> None:
    for name in ("one", "two", "one"):
        admitted(name)
    text = (homes / "data/edge/users/passwd").read_text()
    numbers = {line.split(":")[4].split()[0]: line.split(":")[2] for line in text.splitlines()}
    assert len(set(numbers.values())) == len(numbers) == 2


def test_what_opens_a_lab_is_its_owners_only(homes: Path) -> None:
    admitted("web-s01", "web", "s01")
    key = homes / "data/edge/seats/web-s01/key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE((homes / "data/edge").stat().st_mode) == 0o700


def test_a_one_time_password_is_kept_as_a_salt_and_a_digest(homes: Path) -> None:
    said = seats.one_time_password("web", "s01")
    assert re.fullmatch(r"([a-z2-9]{4}-){3}[a-z2-9]{4}", said)
    (file,) = (homes / "data/edge/passwords/web-s01").iterdir()
    salt, digest, end = file.read_text().split()
    assert (len(salt), stat.S_IMODE(file.stat().st_mode)) == (32, 0o600)
    assert digest == hashlib.sha256((salt + said.replace("-", "")).encode()).hexdigest()
    assert 0 <= time.time() + seats.WEEK - int(end) < 60


def test_a_new_password_is_the_only_one_and_goes_with_the_student(homes: Path) -> None:
    kept = homes / "data/edge/passwords"
    seats.one_time_password("web", "s01")
    (before,) = (kept / "web-s01").iterdir()
    seats.one_time_password("web", "s01")
    (after,) = (kept / "web-s01").iterdir()
    assert before.name != after.name
    seats.dismiss("web-s01", purge=False)
    assert after.exists()
    seats.dismiss("web-s01", purge=True)  # also of one that was never up
    assert not (kept / "web-s01").exists()
    admitted("other-s01", "other", "s01")
    for group in ("web", "other"):
        seats.one_time_password(group, "s01")
    seats.refresh()
    assert [path.name for path in kept.iterdir()] == ["other-s01"]


@pytest.mark.parametrize(("lasting", "opens"), [(60, True), (0, False), (-60, False)])
def test_a_password_opens_once_and_until_its_end(homes: Path, lasting: int, opens: bool) -> None:
    files = files_of(the_edge(), "bastion")
    (program,) = (text for text in files.values() if "PAM_USER" in text and "salt digest" in text)
    program = program.replace(f"{bastion.PASSWORDS}/$lab", f"{homes}/data/edge/passwords/$lab")
    getent = homes / "getent"
    getent.write_text("#!/bin/sh\necho 's01:x:1:1:web-s01 server:/:/bin/sh'\n")
    getent.chmod(0o700)
    environment = {**os.environ, "PATH": f"{homes}:{os.environ['PATH']}", "PAM_TYPE": "auth",
                   "PAM_USER": "s01"}  # fmt: skip
    said = seats.one_time_password("web", "s01", lasting).encode()

    def status(given: bytes) -> int:
        command = ["sh", "-c", program]
        return subprocess.run(command, input=given, env=environment, check=False).returncode

    assert status(b"another") == 1
    assert [status(said), status(said)] == [0 if opens else 1, 1]


def test_names_are_answered_with_the_hosts_address_only_where_it_is_said(homes: Path) -> None:
    names = Known((CLASS,), (LAB,))
    assert edge_home.name_server(edge_home.EdgeSettings(), names) is None
    assert list(the_edge().machines) == ["edge", "bastion"]
    dns = edge_home.name_server(edge_home.EdgeSettings(dns="192.0.2.7"), names)
    assert dns
    assert dns.domains == ("lab1.test", "web-2026.test")
    lab = edge_lab(names, Publishing(public=True), 2222, PLACES, dns=dns)
    written = files_of(lab, "dns")["/etc/unbound/unbound.conf"]
    assert "interface: 192.0.2.7@53" in written
    assert 'local-data: "web-2026.test. 60 IN A 192.0.2.7"' in written
    assert 'local-zone: "." always_refuse' in written
    assert "localhost" not in written
    six = edge_lab(
        names, Publishing(public=True), 2222, PLACES, dns=replace(dns, address="2001::7")
    )
    assert "60 IN AAAA 2001::7" in files_of(six, "dns")["/etc/unbound/unbound.conf"]


def test_a_lab_is_remembered_with_its_names_and_forgotten(homes: Path, hello: Lab) -> None:
    edge_home.register(hello)
    (found,) = edge_home.known().labs
    assert found.name == hello.name
    assert found.domains == (hello.domain, hello.localhost)
    assert edge_home.forget(hello.name)
    assert not edge_home.forget(hello.name)
    assert edge_home.known().labs == ()


def test_a_domain_behind_the_edge_is_one_labs(homes: Path, hello: Lab) -> None:
    edge_home.register(hello)
    edge_home.register(hello)
    with pytest.raises(LabctlError, match=r"hello\.test would be other's and hello's"):
        edge_home.register(replace(hello, name="other"))
    others = replace(hello.sites[0], party="ads")
    edge_home.register(replace(hello, name="shop", domain="shop.test", sites=(others,)))
    with pytest.raises(LabctlError, match=r"shop-ads\.localhost would be"):
        edge_home.register(replace(hello, name="shop-ads", domain="shop-ads.test"))


def test_settings_are_remembered(homes: Path) -> None:
    assert edge_home.settings().ports == (80, 443, 2222)
    edge_home.remember(edge_home.EdgeSettings(Publishing(8080, 8443), 2223))
    assert edge_home.settings().ports == (8080, 8443, 2223)
    written = json.loads((homes / "data/edge/settings.json").read_text())
    assert written["ssh"] == 2223
    assert edge.with_ports(None, None, None, None, "192.0.2.7").dns == "192.0.2.7"
    edge_home.remember(edge_home.EdgeSettings(dns="192.0.2.7"))
    assert edge.with_ports(None, None, None, None).dns == "192.0.2.7"
    assert edge.with_ports(None, None, None, None, "").dns == ""


def test_settings_of_an_older_labctl_are_read(homes: Path) -> None:
    edge_home.remember(edge_home.EdgeSettings(ssh=2223))
    path = homes / "data/edge/settings.json"
    old = {key: value for key, value in json.loads(path.read_text()).items() if "dns" not in key}
    path.write_text(json.dumps(old))
    assert edge_home.settings().ssh == 2223


def test_a_name_server_that_leads_to_where_nobody_listens_is_refused(homes: Path) -> None:
    with pytest.raises(LabctlError, match="loopback only") as caught:
        edge.up(edge_home.EdgeSettings(dns="192.0.2.7"), lambda *said: None)
    assert "labctl edge up --public --dns 192.0.2.7" in caught.value.hint
