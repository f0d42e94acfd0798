"""Apache as a web server of a lab: what is rendered for it, and where it is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from labctl.edge.behind import behind
from labctl.errors import LabctlError
from labctl.explain import apache
from labctl.explain.apache_syntax import parse
from labctl.explain.steps import texts
from labctl.model import Lab
from labctl.render.tree import Files
from tests.support import lab_from, tree_of

SITES = Path(__file__).parents[2] / "golden" / "good" / "static"
LAB = """\
lab: web
services:
  front: {server: apache}
  www: static
  near: {kind: static, content: www, machine: front}
  other: {kind: static, content: www, server: nginx}
sites:
  0a: www
  00-x: near
  other: other
"""


def files(lab: Lab, machine: str = "front") -> Files:
    return tree_of(lab).machines[machine]


def test_one_word_on_the_front_is_for_its_sites_files_too() -> None:
    lab = lab_from(LAB, SITES)
    servers = {
        name: {d.name for d in machine.daemons if d.name in ("nginx", "apache2")}
        for name, machine in lab.machines.items()
        if name in ("front", "www", "other")
    }
    assert servers == {"front": {"apache2"}, "www": {"apache2"}, "other": {"nginx"}}


def test_who_answers_strangers_is_read_first_whatever_sites_are_called() -> None:
    own = files(lab_from(LAB, SITES))
    found = apache.hosts(parse(texts(own, "/etc/apache2/"), apache.MAIN))
    for port in (80, 443):
        first = next(host for host in found if host.at(port))
        assert [name for name, _ in first.names] == ["unknown.invalid"]


def test_every_line_of_sites_is_read_by_the_host_that_it_is_for() -> None:
    own = files(lab_from(LAB, SITES))
    names = [path for path in own if path.startswith("/etc/apache2/sites-enabled/")]
    assert {path.rpartition("/")[2] for path in names} == {
        "000-default.conf",
        "_0a.conf",
        "_00-x.conf",
        "other.conf",
    }


def test_a_balancer_is_loaded_where_there_are_replicas_only() -> None:
    one = lab_from(LAB, SITES)
    several = lab_from(LAB.replace("other: other", "other: {service: other, replicas: 3}"), SITES)
    assert b"proxy_balancer" not in files(one)["/etc/apache2/apache2.conf"].content
    assert b"proxy_balancer" in files(several)["/etc/apache2/apache2.conf"].content
    site = files(several)["/etc/apache2/sites-enabled/other.conf"].content.decode()
    assert site.count("BalancerMember") == 3


def test_what_it_needs_not_is_not_loaded() -> None:
    for machine in ("front", "www"):
        main = files(lab_from(LAB, SITES), machine)["/etc/apache2/apache2.conf"].content
        assert b"autoindex_module" not in main
        assert b"status_module" not in main
    assert (
        b"mod_proxy" not in files(lab_from(LAB, SITES), "www")["/etc/apache2/apache2.conf"].content
    )


def test_apache_cannot_be_behind_the_edge_and_another_front_may() -> None:
    with pytest.raises(LabctlError, match="does not listen on unix sockets"):
        behind(lab_from(LAB, SITES), "/run/doors/web")
    text = LAB.replace(
        "front: {server: apache}", "front: front\n  second: {kind: front, server: apache}"
    )
    lab = behind(lab_from(text, SITES), "/run/doors/web")
    doors = [name for name, m in lab.machines.items() if any(x.writable for x in m.mounts)]
    assert "front" in doors
    assert b"/run/door" in files(lab)["/etc/nginx/sites-enabled/00_default.conf"].content


def test_only_the_first_front_has_the_hosts_ports() -> None:
    text = LAB.replace(
        "front: {server: apache}", "front: front\n  second: {kind: front, server: apache}"
    )
    text = text.replace("other: other", "other: {service: other, front: second, port: 8080}")
    text += "expose: [{service: second, port: 443, host: 8444}, {service: second, port: 8080}]\n"
    lab = lab_from(text, SITES)
    ports = {
        name: {(p.host, p.container) for p in lab.machines[name].ports}
        for name in ("front", "second")
    }
    assert ports["front"] == {(80, 80), (443, 443)}
    assert ports["second"] == {(8444, 443), (8080, 8080)}


@pytest.mark.parametrize("machine", ["front", "www"])
def test_debians_own_site_is_replaced(machine: str) -> None:
    own = files(lab_from(LAB, SITES), machine)
    assert "/etc/apache2/sites-enabled/000-default.conf" in own


def test_the_first_fronts_checks_are_called_as_ever() -> None:
    second = LAB.replace(
        "front: {server: apache}", "front: front\n  second: {kind: front, server: apache}"
    ).replace("other: other", "other: {service: other, front: second}")
    names = {check.name for check in lab_from(second, SITES).checks}
    assert "an unknown name gets 421 by HTTP" in names
    assert "an unknown name gets 421 by HTTP of second" in names
