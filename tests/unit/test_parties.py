"""Another party's sites in a lab: a registrable domain of their own, everywhere it matters."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509

from labctl.expand import expand
from labctl.keep import keep
from labctl.model import Lab, Seat, party_domain
from labctl.spec.checks import made
from labctl.spec.lab import load
from labctl.spec.problems import InvalidLab
from labctl.work.session import wants
from tests.support import expanded_from, lab_from, tree_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LAB = """\
lab: visits
services:
  www: {kind: static, content: www}
sites:
  www: {service: www, names: "@"}
  pixel: {service: www, party: ads, names: "@"}
checks:
  - name: theirs
    client: http
    ask: https://pixel.${domain.ads}/
    expect: {status: 200}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "index.html").write_text("x")
    (tmp_path / "lab.yml").write_text(LAB)
    return tmp_path


@pytest.fixture
def lab(folder: Path) -> Lab:
    return lab_from(LAB, folder)


@pytest.mark.parametrize(
    ("domain", "theirs"),
    [
        ("shop.test", "shop-ads.test"),
        ("shop.localhost", "shop-ads.localhost"),
        ("a.shop.example", "a.shop-ads.example"),
        ("shop.home.arpa", "shop-ads.home.arpa"),
        ("a.shop.home.arpa", "a.shop-ads.home.arpa"),
    ],
)
def test_the_label_below_the_public_suffix_is_another_one(domain: str, theirs: str) -> None:
    assert party_domain(domain, "ads") == theirs
    assert party_domain(domain, "") == domain


def test_their_names_are_below_their_domains_and_ours_below_ours(lab: Lab) -> None:
    assert [site.names for site in lab.sites] == [
        ("www.visits.test", "visits.test", "www.visits.localhost", "visits.localhost"),
        (
            "pixel.visits-ads.test",
            "visits-ads.test",
            "pixel.visits-ads.localhost",
            "visits-ads.localhost",
        ),
    ]
    assert lab.domains == ("visits.test", "visits-ads.test")
    assert lab.localhosts == ("visits.localhost", "visits-ads.localhost")


def test_a_lab_without_others_is_as_it_was(folder: Path) -> None:
    alone = lab_from(LAB.split("  pixel:")[0], folder)
    assert (alone.domains, alone.localhosts) == (("visits.test",), ("visits.localhost",))


def test_the_labs_authority_may_sign_for_them(lab: Lab, tmp_path: Path) -> None:
    kept, _ = keep(lab, wants(lab), tmp_path / "kept", NOW, write=False)
    root = x509.load_pem_x509_certificate(kept.root.encode())
    constraints = root.extensions.get_extension_for_class(x509.NameConstraints).value
    permitted = {
        name.value
        for name in constraints.permitted_subtrees or ()
        if isinstance(name, x509.DNSName)
    }
    assert permitted == {*lab.domains, *lab.localhosts}
    leaf = x509.load_pem_x509_certificate(kept.certificates["site/pixel"].chain.encode())
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert set(names.get_values_for_type(x509.DNSName)) == set(lab.sites[1].names)


def test_every_resolver_and_client_knows_their_zone(lab: Lab) -> None:
    machines = tree_of(lab).machines
    for machine, path in (
        ("resolver", "/etc/unbound/unbound.conf"),
        ("client", "/etc/bind/bind.keys"),
        ("dns", "/etc/bind/named.conf"),
    ):
        assert b"visits-ads.test" in machines[machine][path].content, path


def test_checks_know_their_domain(folder: Path, lab: Lab) -> None:
    (spec,) = expanded_from(LAB, folder).checks
    assert made(spec, lab).ask["url"] == "https://pixel.visits-ads.test/"


def test_a_domain_that_is_too_long_is_told(folder: Path) -> None:
    with pytest.raises(InvalidLab) as caught:
        lab_from(LAB.replace("lab: visits", f"lab: visits\ndomain: {60 * 'a'}.test"), folder)
    (problem,) = caught.value.problems
    assert problem.message.endswith("a label has 64 characters, at most 63 fit")
    assert problem.path == "sites.pixel.party"


def test_a_class_has_no_such_domain_and_says_so(folder: Path) -> None:
    seat = Seat("web", "ada", "web.test")
    with pytest.raises(InvalidLab) as caught:
        expand(*load(folder / "lab.yml", seat=seat))
    (problem,) = caught.value.problems
    assert problem.message == "in a class there is no other party's domain"
