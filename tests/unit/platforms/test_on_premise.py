"""On-premise: who stands where, what is forwarded, from where each check is asked."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from labctl.kinds.gateway import Forward
from labctl.model import Check, Lab, Port
from labctl.render import compose
from labctl.spec.problems import InvalidLab
from tests.support import STATE, expanded_from, image, lab_from

LAB = """
lab: x
platform: on-premise
services:
  www: static
  mail: {kind: mail, users: alice}
  wiki: {kind: static, content: www}
sites:
  www: www
  wiki: {service: wiki, inside: true}
"""
GATEWAY = "198.18.0.123"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "index.html").write_text("<!doctype html>")
    return tmp_path


def problems(text: str, folder: Path) -> list[tuple[str, str]]:
    with pytest.raises(InvalidLab) as caught:
        expanded_from(text, folder)
    return [(f"{p.mark.line}:{p.mark.column}", p.message) for p in caught.value.problems]


def networks(lab: Lab) -> dict[str, set[str]]:
    return {name: set(machine.addresses) for name, machine in lab.machines.items()}


def forwards(lab: Lab) -> set[Forward]:
    return set(lab.services["gateway"].options.forward)


def test_everything_has_its_segment(folder: Path) -> None:
    where = networks(lab_from(LAB, folder))
    assert where.pop("gateway") == {"internet", "dmz", "lan"}
    found = {
        one: {n for n, its in where.items() if its == {one}} for one in set().union(*where.values())
    }
    assert found == {
        "internet": {"client", "resolver"},
        "dmz": {"front", "dns", "relay"},
        "lan": {"www", "wiki", "mail", "intranet", "inside-dns", "workstation"},
    }  # fmt: skip


def test_the_gateway_alone_is_seen_from_outside(folder: Path) -> None:
    lab = lab_from(LAB, folder)
    gateway = lab.machines["gateway"]
    assert dict(gateway.addresses) == {
        "internet": GATEWAY, "dmz": "10.128.0.253", "lan": "10.128.1.253",
    }  # fmt: skip
    assert gateway.ports == (Port(80, 80), Port(443, 443), Port(443, 443, "udp"))
    assert {m.public for n, m in lab.machines.items() if n not in ("client", "resolver")} == {
        GATEWAY
    }
    assert [name for name, machine in lab.machines.items() if machine.ports] == ["gateway"]


def test_strangers_know_one_address(folder: Path) -> None:
    lab = lab_from(LAB, folder)
    assert lab.public_address_of("front") == lab.public_address_of("mail") == GATEWAY
    assert lab.public_address_of("client") == lab.address_of("client")


def test_people_inside_ask_the_inside_resolver(folder: Path) -> None:
    machines = lab_from(LAB, folder).machines
    assert {n for n, m in machines.items() if m.resolver == "inside-dns"} == {
        "www", "wiki", "mail", "intranet", "inside-dns", "workstation",
    }  # fmt: skip


def test_ports_lead_to_the_dmz_first(folder: Path) -> None:
    assert forwards(lab_from(LAB, folder)) == {
        Forward(80, "front", 80), Forward(443, "front", 443), Forward(25, "relay", 25),
        Forward(587, "mail", 587), Forward(993, "mail", 993), Forward(53, "dns", 53),
    }  # fmt: skip


def test_what_the_lab_lacks_is_not_forwarded(folder: Path) -> None:
    lab = lab_from(LAB.replace("  mail: {kind: mail, users: alice}\n", ""), folder)
    assert {forward.port for forward in forwards(lab)} == {80, 443, 53}
    assert "relay" not in lab.machines


def test_exposed_ports_come_in_by_the_gateway(folder: Path) -> None:
    text = LAB + (
        "expose:\n"
        "  - {service: mail, port: 143, host: 8143}\n"
        "  - {service: mail, port: 25, host: 993}\n"
        "  - {service: dns, port: 53, host: 5353}\n"
        "  - {service: resolver, port: 53, host: 5354}\n"
    )
    lab = lab_from(text, folder)
    assert forwards(lab) >= {Forward(8143, "mail", 143), Forward(20_000, "mail", 25)}
    assert set(lab.machines["gateway"].ports) >= {
        Port(8143, 8143), Port(993, 20_000), Port(5353, 53), Port(5353, 53, "udp"),
    }  # fmt: skip
    assert lab.machines["resolver"].ports == (Port(5354, 53), Port(5354, 53, "udp"))


def test_a_port_that_nobody_listens_on_is_a_problem(folder: Path) -> None:
    text = LAB + "platforms:\n  on-premise:\n    forward: [80, 4000]\n"
    assert problems(text, folder) == [("13:19", "no service listens on port 4000")]


def test_machines_stand_in_one_network(folder: Path) -> None:
    text = LAB.replace("www: static", "www: {kind: static, machine: client}")
    message = "www, client cannot share a machine: they stand in different networks"
    assert problems(text, folder) == [("5:32", message)]


def test_what_the_platform_brings_has_its_names(folder: Path) -> None:
    text = LAB.replace("wiki: {kind", "gateway: {kind").replace("service: wiki", "service: gateway")
    ((_, message),) = problems(text, folder)
    assert message == "the name 'gateway' is taken by what on-premise brings: its gateway"


def test_each_front_has_its_own_sites(folder: Path) -> None:
    lab = lab_from(LAB, folder)
    assert {site.name: site.front for site in lab.sites} == {
        "www": "front", "wiki": "intranet-front",
    }  # fmt: skip
    wanted = {name: {w.name for w in lab.services[name].expansion.wants}
              for name in ("front", "intranet-front")}  # fmt: skip
    assert wanted == {"front": {"site/www"}, "intranet-front": {"site/wiki"}}


def test_the_same_checks_as_elsewhere_hold(folder: Path) -> None:
    """By name and expectation, those of inside sites apart."""

    def asked(platform: str) -> set[tuple[str, str]]:
        lab = lab_from(LAB.replace("on-premise", platform), folder)
        return {(check.name, repr(check.expect)) for check in lab.checks}

    assert asked("bare-metal") <= asked("on-premise")


def origin(lab: Lab, words: str) -> str:
    (check,) = [check for check in lab.checks if words in check.name]
    return check.origin


def test_what_the_gateway_does_not_forward_is_asked_inside(folder: Path) -> None:
    lab = lab_from(LAB, folder)
    assert origin(lab, "read by IMAP") == origin(lab, "by port 587") == "client"
    assert origin(lab, "read by POP3") == origin(lab, "by port 465") == "workstation"
    assert origin(lab, "POP3: a login after STARTTLS") == "workstation"
    assert origin(lab, "wiki.x.test answers by HTTPS") == "workstation"
    assert origin(lab, "wiki.x.test does not exist outside") == "client"
    more = LAB + "platforms: {on-premise: {forward: [80, 443, 25, 587, 993, 53, 995]}}\n"
    assert origin(lab_from(more, folder), "read by POP3") == "client"


def test_mail_from_outside_comes_by_the_relay_wherever_it_is_asked(folder: Path) -> None:
    lab = lab_from(LAB, folder)
    (check,) = [check for check in lab.checks if "read by POP3" in check.name]
    assert check.ask["connect"] == lab.address_of("relay")


def targets(lab: Lab, words: str) -> Check:
    (check,) = [check for check in lab.checks if words in check.name]
    return check


def test_the_dmz_is_asked_for_all_of_the_lan_but_its_pinholes(folder: Path) -> None:
    lab = lab_from(LAB, folder)
    closed = targets(lab, "front in the DMZ")
    assert closed.origin == "front"
    assert set(closed.ask["targets"]) >= {"mail:25", "wiki:80", "inside-dns:53", "intranet:443"}
    assert "www:80" not in closed.ask["targets"]
    assert "mail:25" not in targets(lab, "relay in the DMZ").ask["targets"]
    assert "mail:25" in targets(lab, "dns in the DMZ").ask["targets"]


def test_the_proxy_comes_where_the_lab_wants_it(folder: Path) -> None:
    lab = lab_from(LAB + "platforms: {on-premise: {outgoing: proxy}}\n", folder)
    assert set(lab.machines["proxy"].addresses) == {"dmz"}
    assert targets(lab, "no way but the proxy").expect == {"connected": []}
    assert targets(lab, "the proxy reaches").origin == "workstation"


def test_inner_networks_are_routed_by_the_gateway_and_not_by_the_host(folder: Path) -> None:
    found = yaml.safe_load(compose.render(lab_from(LAB, folder), image, STATE))
    lan = found["networks"]["lan"]
    assert lan["driver_opts"] == {
        "com.docker.network.bridge.enable_ip_masquerade": "false",
        "com.docker.network.bridge.inhibit_ipv4": "true",
    }
    assert lan["ipam"]["config"] == [{"subnet": "10.128.1.0/24", "gateway": "10.128.1.254"}]
    # the engine gives a machine the way out, and its ports, by the order of these names
    outer = "labctl-x_internet"
    assert min(lan["name"], found["networks"]["dmz"]["name"], outer) == outer
    assert found["services"]["gateway"]["sysctls"]["net.ipv4.ip_forward"] == "1"
    assert {name for name, one in found["services"].items() if "sysctls" in one} == {"gateway"}
