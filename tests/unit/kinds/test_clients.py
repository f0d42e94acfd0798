"""Sites for people with client certificates, and the client that has these."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from labctl.checks.outside import NotAsked, moved, read
from labctl.errors import LabctlError
from labctl.model import Lab
from labctl.work.capturing import key_logs
from labctl.work.session import wants
from tests.support import lab_at, lab_from, tree_of

CLOSED = """\
lab: closed
services:
  www: {kind: static, content: static}
  client: {tls-keylog: true}
sites:
  www: {service: www, clients: [alice, bob]}
  open: {service: www, clients: []}
"""
FOLDER = Path(__file__).parents[2] / "golden" / "good"


def lab(text: str = CLOSED) -> Lab:
    return lab_from(text.replace("content: static", "content: www"), FOLDER / "clients")


def test_each_person_has_a_certificate_of_a_client() -> None:
    people = [want for want in wants(lab()) if want.client]
    assert {want.names for want in people} == {("alice@closed.test",), ("bob@closed.test",)}
    files = tree_of(lab()).machines["client"]
    assert files["/root/tls/alice.key"].mode == 0o600
    assert "/root/tls/bob.pem" in files


def test_a_closed_site_is_proved_from_both_sides_of_its_door() -> None:
    found = {c.name: c for c in lab().checks if "www.closed.test" in str(c.ask)}
    assert found["www.closed.test refuses who has no certificate"].expect == {"status": 400}
    assert found["www.closed.test lets alice in"].ask["person"] == "alice"
    assert not any("304" in name or "answers by HTTPS" in name for name in found)
    assert any("304" in c.name for c in lab().checks if "open.closed.test" in str(c.ask))


def test_nobody_else_has_lists_or_people() -> None:
    bare = lab(CLOSED.replace("[alice, bob]", "[]"))
    assert not any(want.client or want.kind == "crl" for want in wants(bare))
    front = tree_of(bare).machines["front"]
    assert "/etc/ssl/labctl/revocations.pem" not in front
    assert b"ssl_verify_client" not in front["/etc/nginx/sites-enabled/www.conf"].content


def test_a_persons_certificate_is_not_shown_outside_the_lab() -> None:
    check = next(c for c in lab().checks if c.ask.get("person"))
    target = read("https://me.example", lab())
    with pytest.raises(NotAsked, match="client certificate of the lab"):
        moved(check, [target], lab())
    asked = {key: value for key, value in check.ask.items() if key != "person"}
    assert moved(replace(check, ask=asked), [target], lab()).ask["url"] == "https://me.example/"


def test_keys_are_logged_where_the_lab_says_so_only() -> None:
    assert key_logs(lab()) == {"client": "/run/tls-keys.log"}
    with pytest.raises(LabctlError, match="no machine of closed logs its TLS keys") as caught:
        key_logs(lab(CLOSED.replace("  client: {tls-keylog: true}\n", "")))
    assert "tls-keylog: true" in caught.value.hint
    assert b"SSLKEYLOGFILE" in tree_of(lab()).compose


WHO = "proxy_set_header X-Client"


def hosts(text: str, front: str = "front") -> dict[str, str]:
    """The virtual hosts of nginx by site, with all sites answered by a service behind it."""
    return virtual_hosts(lab(text), front)


def virtual_hosts(made: Lab, machine: str) -> dict[str, str]:
    """The virtual hosts of a machine's nginx, by their names."""
    files = tree_of(made).machines[machine]
    folder = "/etc/nginx/sites-enabled/"
    found = {path: entry.content.decode() for path, entry in files.items() if folder in path}
    return {path.removeprefix(folder).removesuffix(".conf"): text for path, text in found.items()}


def test_only_the_closed_site_tells_its_service_who_asks() -> None:
    found = hosts(CLOSED)
    assert f"{WHO} $client_of_www;" in found["www"]
    assert f'{WHO} "";' in found["open"]
    assert WHO not in hosts(CLOSED.replace("[alice, bob]", "[]"))["www"]


def test_at_an_apache_nobody_says_who_asks_by_another_name_either() -> None:
    text = CLOSED.replace(
        "services:\n", "services:\n  front: front\n  other: {kind: front, server: apache}\n"
    )
    files = tree_of(lab(text.replace("clients: []", "front: other"))).machines["other"]
    [site] = [e.content.decode() for path, e in files.items() if path.endswith("/open.conf")]
    assert re.findall(r"RequestHeader unset (\S+)", site) == ["X-Client", "X_Client"]


def test_programs_on_the_fronts_machine_are_told_as_well() -> None:
    made = virtual_hosts(lab_at(FOLDER / "clients-local" / "lab.yml"), "all")
    param = re.compile(r"fastcgi_param HTTP_X_CLIENT +(\S+);")
    told = {name: param.findall(text) for name, text in made.items() if "fastcgi_pass" in text}
    assert told == {
        "forms": ["$client_of_forms"],
        "watched": ["$http_x_client"],
        "open": ['""'],
        "shop": ["$client_of_shop"],
        "www": [],
    }


def test_who_asks_is_told_through_the_inspector() -> None:
    watched = CLOSED.replace("bob]", "bob], inspect: true").replace("[]}", "[], inspect: true}")
    found = hosts(watched)
    assert f"{WHO} $client_of_www;" in found["www"].partition("what the inspector")[0]
    assert f"{WHO} $http_x_client;" in found["www"].partition("what the inspector")[2]
    assert f'{WHO} "";' in found["open"]
    assert "$http_x_client" not in found["open"]
    checks = [c.name for c in lab(watched).services["inspect"].expansion.checks]
    assert not any("www.closed.test" in name for name in checks)
    assert any("open.closed.test" in name for name in checks)
