"""Expanding: what kinds make of services, and what only the whole lab shows to be wrong."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from labctl import kinds
from labctl.spec.keys import ServiceKeys
from labctl.spec.lab import load
from labctl.spec.problems import InvalidLab
from tests.support import expanded_from, lab_from

WEB = "lab: x\nservices:\n  app: {kind: wsgi, content: app}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "app.py").write_text("app = None\n")
    return tmp_path


def problems(text: str, folder: Path) -> list[str]:
    with pytest.raises(InvalidLab) as caught:
        expanded_from(text, folder)
    return [f"{p.mark.line}:{p.mark.column}: {p.message}" for p in caught.value.problems]


def test_every_lab_has_what_is_implied(folder: Path) -> None:
    assert set(expanded_from(WEB, folder).services) == {"app", *kinds.implied()}


def test_a_site_has_names_in_the_domain_and_on_the_host(folder: Path) -> None:
    text = WEB + "sites:\n  Bücher: {service: app, names: ['@', shop.x.test]}\n"
    (site,) = expanded_from(text, folder).sites
    assert site.names == (
        "xn--bcher-kva.x.test", "x.test", "shop.x.test",
        "xn--bcher-kva.x.localhost", "x.localhost", "shop.x.localhost",
    )  # fmt: skip
    assert (site.tls, site.http, site.host) == ("ca", "redirect", "xn--bcher-kva.x.test")


def test_a_site_without_tls_is_served_plainly(folder: Path) -> None:
    (site,) = expanded_from(WEB + "sites: {app: {service: app, tls: none}}\n", folder).sites
    assert site.http == "serve"


def test_sites_whose_names_are_also_file_names_live_together(folder: Path) -> None:
    text = WEB + "sites: {'@': app, apex: app, 00-default: app, default: app, nginx: app}\n"
    assert len(lab_from(text, folder).sites) == 5


def test_problems_of_every_sort_come_at_once(folder: Path) -> None:
    text = WEB + (
        "  www: {kind: static, workers: 3}\n"
        "sites:\n"
        "  a: {service: ap, color: red}\n"
        "  www: www\n"
        "  b.example.org: app\n"
        "expose:\n"
        "  - {service: app, port: 70000}\n"
        "  - {service: app, port: 26}\n"
        "subnet: 8.8.8.0/24\n"
    )
    assert problems(text, folder) == [
        "4:8: there is no folder 'www' beside the lab file",
        "4:23: unknown key 'workers'",
        "6:16: there is no service 'ap'",
        "6:20: unknown key 'color'",
        "8:3: 'b.example.org' is outside the lab's domain x.test",
        "10:26: 70000 is not a port (1–65535)",
        "11:26: 'app' does not listen on 26",
        "12:9: 8.8.8.0/24 is not reserved for laboratories or private networks",
    ]


def test_a_service_that_cannot_be_read_makes_no_further_problems(folder: Path) -> None:
    text = WEB + (
        "  shop: {kind: wsgi, workers: 99}\n"
        "sites: {shop: shop}\n"
        "expose: [{service: shop, port: 8000, host: 8000}]\n"
    )
    assert [line.partition(" ")[2] for line in problems(text, folder)] == [
        "99 is not allowed (1–16)"
    ]


@pytest.mark.parametrize(
    ("sites", "said"),
    [
        ("{ns: app}", "ns.x.test already belongs to the lab's name server"),
        ("{hosts: app}", "hosts.x.test is where the lab's machines have their names"),
        ("{www.hosts.x.test: app}", "hosts.x.test is where the lab's machines have their names"),
        ("{a: {service: app, names: b}, b: app}", "b.x.test already belongs to site 'a'"),
        ("{a: app, A: app}", "'a' is given twice"),
        ("{'@': app, x.test: app}", "x.test already belongs to site '@'"),
        ("{dns: dns}", "'dns' is a dns service and answers no HTTP"),
    ],
)
def test_names_that_are_taken(sites: str, said: str, folder: Path) -> None:
    (line,) = problems(f"{WEB}sites: {sites}\n", folder)
    assert line.partition(" ")[2] == said


@pytest.mark.parametrize(
    ("services", "said"),
    [
        (
            "  front: {kind: wsgi, content: app}\n",
            "the name 'front' is taken by the lab's own front",
        ),
        ("  one: dns\n  two: dns\n", "a second dns; a lab has one"),
        (
            (
                "  two: {kind: wsgi, content: app, machine: app, port: 9000}\n"
                "  three: {kind: wsgi, content: app, machine: app, port: 9000}\n"
            ),
            "'three' and 'two' both listen on port 9000 of the machine 'app'",
        ),
        ("  ns: {kind: mail, users: a}\n", "ns.x.test already belongs to the lab's name server"),
    ],
)
def test_services_that_stand_in_each_others_way(services: str, said: str, folder: Path) -> None:
    assert said in [line.partition(" ")[2] for line in problems(WEB + services, folder)]


def test_a_lab_may_take_another_name_and_with_it_another_domain(tmp_path: Path) -> None:
    file = tmp_path / "lab.yml"
    file.write_text("lab: x\nservices: {}\n")
    spec, _ = load(file, "y")
    assert (spec.name, spec.domain) == ("y", "y.test")


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(InvalidLab, match="cannot be read: No such file"):
        load(tmp_path / "lab.yml")
    with pytest.raises(InvalidLab, match="cannot be read: Is a directory"):
        load(tmp_path)


@pytest.mark.parametrize("kind", kinds.names())
def test_no_option_of_a_kind_hides_a_key_that_every_service_has(kind: str) -> None:
    common = {field.name for field in fields(ServiceKeys)}
    assert not common & {field.name for field in fields(kinds.load(kind).Options)}
