"""The gateway's rules, as text; that they hold is shown by the tests on a real lab."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from labctl.model import Lab
from tests.support import lab_from, tree_of

LAB = """
lab: x
platform: on-premise
services:
  app: {kind: wsgi, content: app}
  mail: {kind: mail, users: alice}
sites: {app: app}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "app.py").write_text("app = None\n")
    return tmp_path


def rules(lab: Lab) -> str:
    content = tree_of(lab).machines["gateway"]["/etc/nftables.conf"].content
    assert isinstance(content, bytes)
    return content.decode()


def chain(name: str, text: str) -> list[str]:
    """The rules of a chain, without comments."""
    found = re.search(rf"^    chain {name} {{\n(.*?)^    }}", text, re.MULTILINE | re.DOTALL)
    assert found, text
    lines = (line.strip() for line in found[1].splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def test_the_table_is_replaced_in_one_step_and_no_other_is_touched(folder: Path) -> None:
    text = rules(lab_from(LAB, folder))
    assert "\ntable ip gateway\ndelete table ip gateway\n" in text
    commands = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    assert not any("flush" in line for line in commands)
    assert not re.search(r"[io]if(name)? \"?eth", text)


def test_the_dmz_has_its_pinholes_and_nothing_more(folder: Path) -> None:
    lab = lab_from(LAB, folder)
    at = {name: lab.address_of(name) for name in ("front", "app", "mail", "relay", "resolver")}
    found = chain("from_dmz", rules(lab))
    accepted = [line.partition(" counter")[0] for line in found if " accept " in line]
    assert accepted == [
        f"ip saddr {at['front']} ip daddr {at['app']} tcp dport 8000",
        f"ip saddr {at['relay']} ip daddr {at['mail']} tcp dport 25",
        f"ip daddr {at['resolver']} meta l4proto {{ tcp, udp }} th dport 53",
        f"ip saddr {at['relay']} ip daddr $internet tcp dport 25",
    ]
    assert all('comment "' in line for line in found)
    assert found[2].startswith("ip daddr $lan counter reject")
    assert found[-1].startswith("counter reject")


def test_whatever_no_rule_lets_through_is_dropped(folder: Path) -> None:
    text = rules(lab_from(LAB, folder))
    assert "hook forward priority filter; policy drop;" in text
    assert "hook input priority filter; policy drop;" in text


def test_ports_with_datagrams_are_forwarded_for_both(folder: Path) -> None:
    lab = lab_from(LAB, folder)
    found = chain("forwarded", rules(lab))
    dns = lab.address_of("dns")
    assert f'ip daddr $public udp dport 53 dnat to {dns}:53 comment "dns"' in found
    assert f'ip daddr $public tcp dport 53 dnat to {dns}:53 comment "dns"' in found
    assert not any("udp dport 25" in line for line in found)


def test_outgoing_traffic_is_translated_or_goes_by_the_proxy(folder: Path) -> None:
    way = 'ip daddr $internet counter accept comment "the Internet, translated"'
    assert way in chain("from_lan", rules(lab_from(LAB, folder)))
    lab = lab_from(LAB + "platforms: {on-premise: {outgoing: proxy}}\n", folder)
    text = rules(lab)
    assert way not in text
    proxy = f"ip saddr {lab.address_of('proxy')} ip daddr $internet tcp dport"
    assert sum(line.startswith(proxy) for line in chain("from_dmz", text)) == 2


def test_the_rules_come_before_the_addresses(folder: Path) -> None:
    content = (
        tree_of(lab_from(LAB, folder)).machines["gateway"]["/usr/local/sbin/start-gateway"].content
    )
    assert isinstance(content, bytes)
    text = content.decode()
    assert text.index("nft -f") < text.index("\ntake 10.128.0.253 10.128.0.254\n")
    assert "\ntake 10.128.1.253 10.128.1.254\n" in text
