"""The name server and the resolver, by dig and delv, from a stranger's machine."""

from __future__ import annotations

import re

import pytest

from tests.e2e.support.lab import OwnLab
from tests.e2e.support.outside import Outside

pytestmark = pytest.mark.e2e


def dig(outside: Outside, *words: str) -> tuple[str, set[str], list[str]]:
    """Status, flags and answers (the data only)."""
    out = outside.output("dig", "+noall", "+comments", "+answer", "+time=3", *words)
    status = re.search(r"status: (\w+)", out)
    flags = re.search(r"^;; flags: ([a-z ]*);", out, re.MULTILINE)
    rows = [line.split(None, 4) for line in out.splitlines() if line and line[0] != ";"]
    assert status
    assert flags
    return status[1], set(flags[1].split()), [row[4] for row in rows if row[3] != "RRSIG"]


@pytest.fixture(scope="module")
def server(lab1: OwnLab) -> str:
    return f"@ns.{lab1.domain}"


@pytest.mark.parametrize("site", ["", "www.", "forms.", "app.", "chat.", "selfsigned."])
def test_a_site_has_the_fronts_address_validated(lab1: OwnLab, outside: Outside, site: str) -> None:
    status, flags, answers = dig(outside, "+adflag", f"{site}{lab1.domain}")
    front = lab1.inspect("front")["NetworkSettings"]["Networks"]
    assert status == "NOERROR"
    assert "ad" in flags
    assert answers == [front[f"labctl-{lab1.name}_internet"]["IPAddress"]]


def test_the_name_server_answers_with_authority_and_signatures(
    lab1: OwnLab, outside: Outside, server: str
) -> None:
    status, flags, answers = dig(outside, server, "+norecurse", f"www.{lab1.domain}")
    assert (status, "aa" in flags, "ra" in flags, len(answers)) == ("NOERROR", True, False, 1)
    signed = outside.output("dig", server, "+dnssec", "+norecurse", f"www.{lab1.domain}")
    assert "RRSIG\tA 13 3" in re.sub(r"\s+A 13", "\tA 13", signed)


def test_what_does_not_exist_is_denied_with_proof(lab1: OwnLab, outside: Outside) -> None:
    status, flags, answers = dig(outside, "+adflag", f"no-such-name.{lab1.domain}")
    assert (status, "ad" in flags, answers) == ("NXDOMAIN", True, [])


def test_an_address_has_its_name(lab1: OwnLab, outside: Outside) -> None:
    networks = lab1.inspect("mail")["NetworkSettings"]["Networks"]
    address = networks[f"labctl-{lab1.name}_internet"]["IPAddress"]
    status, flags, answers = dig(outside, "+adflag", "-x", address)
    assert (status, "ad" in flags, answers) == ("NOERROR", True, [f"mail.{lab1.domain}."])


def test_delv_validates_from_the_labs_key_and_from_no_other(lab1: OwnLab) -> None:
    name, zone = f"www.{lab1.domain}", f"+root={lab1.domain}"
    anchors = lab1.output("client", "cat", "/etc/bind/bind.keys")
    good = lab1.output("client", "delv", "-a", "/etc/bind/bind.keys", zone, name)
    assert "; fully validated" in good
    key = re.search(r"13 \"([^\"]{20,})\"", anchors)
    assert key, anchors
    wrong = anchors.replace(key[1], key[1][:-6] + "AAAA==")
    lab1.output("client", "tee", "/tmp/wrong.keys", input=wrong)
    bad = lab1.exec("client", "delv", "-a", "/tmp/wrong.keys", zone, name)
    lab1.output("client", "rm", "/tmp/wrong.keys")
    assert "fully validated" not in bad.said


def test_a_zone_transfer_is_refused(lab1: OwnLab, outside: Outside, server: str) -> None:
    out = outside.exec("dig", server, "AXFR", lab1.domain).out
    assert "; Transfer failed." in out
    assert "SOA" not in out


@pytest.mark.parametrize("name", ["www.example.com", "example.test", "."])
def test_names_of_others_are_refused(outside: Outside, server: str, name: str) -> None:
    status, _, answers = dig(outside, server, name)
    assert (status, answers) == ("REFUSED", [])
    status, _, answers = dig(outside, name)
    assert status in ("REFUSED", "NXDOMAIN")
    assert answers == []


def test_tcp_and_udp_both_answer(lab1: OwnLab, outside: Outside, server: str) -> None:
    for transport in ("+tcp", "+notcp"):
        assert dig(outside, server, transport, lab1.domain)[0] == "NOERROR"


def test_mail_is_published(lab1: OwnLab, outside: Outside) -> None:
    domain = lab1.domain
    assert dig(outside, "MX", domain)[2][0].endswith(f"mail.{domain}.")
    assert any("v=spf1" in text for text in dig(outside, "TXT", domain)[2])
    assert "v=DMARC1" in dig(outside, "TXT", f"_dmarc.{domain}")[2][0]
    assert "v=DKIM1" in dig(outside, "TXT", f"mail._domainkey.{domain}")[2][0]
