"""What a lab keeps: made once, renewed in time, whole at every moment."""

from __future__ import annotations

import os
import pickle
import re
import stat
import subprocess
import sys
import time
from base64 import b64decode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from labctl import keep as kept_things
from labctl.errors import LabctlError
from labctl.keep import keep, root_pem, serials
from labctl.model import Kept, Lab, Machine, Network, Record, Service, Site, Want

NOW = datetime.now(UTC)
SITES = ("www", "forms", "app", "chat", "selfsigned", "mail")


def site(name: str) -> Site:
    return Site(name, name, (f"{name}.lab1.test", f"{name}.lab1.localhost"))


def machine(name: str, address: str) -> Machine:
    return Machine(name, (name,), frozenset(), frozenset(), {"internet": address}, name)


LAB = Lab(
    name="lab1",
    title="",
    domain="lab1.test",
    services={"www": Service("www", "static", "www", None)},
    sites=tuple(site(name) for name in SITES),
    machines={"www": machine("www", "198.18.0.2")},
    networks=(Network("internet", "198.18.0.0/24"),),
    records=(Record("@", "A", "198.18.0.2"),),
)


def wants_of(lab: Lab) -> tuple[Want, ...]:
    return (
        *(
            Want("certificate", s.certificate, s.names, "self" if s.name == "selfsigned" else "ca")
            for s in lab.sites
        ),
        Want("ec-key", "dns/csk"),
        Want("rsa-key", "mail/dkim"),
        Want("password", "mail/alice"),
        Want("password", "mail/bob"),
        Want("token", "app/key"),
    )


WANTS = wants_of(LAB)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "data" / "lab1"


def contents(home: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in home.iterdir()}


def verified(kept: Kept, want: Want, scratch: Path) -> bool:
    (scratch / "root.pem").write_text(kept.root)
    (scratch / "leaf.pem").write_text(kept.certificates[want.name].chain)
    command = ["openssl", "verify", "-x509_strict", "-CAfile", str(scratch / "root.pem")]
    command += ["-verify_hostname", want.names[0], "-untrusted", str(scratch / "leaf.pem")]
    command += [str(scratch / "leaf.pem")]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_the_first_run_makes_everything(home: Path, tmp_path: Path) -> None:
    kept, notices = keep(LAB, WANTS, home, NOW)
    for want in WANTS[: len(SITES)]:
        assert verified(kept, want, tmp_path) is (want.issuer == "ca")
    assert kept.keys.keys() == {"dns/csk", "mail/dkim"}
    assert len(b64decode(kept.keys["dns/csk"].public)) == 64
    assert len(b64decode(kept.keys["dns/csk"].private)) == 32
    assert re.fullmatch("[a-z2-9]{12}", kept.secrets["mail/alice"])
    assert re.fullmatch("[0-9a-f]{32}", kept.secrets["app/key"])
    assert kept.secrets["mail/alice"] != kept.secrets["mail/bob"]
    assert root_pem(home) == kept.root
    assert notices == (
        (
            "root and intermediate certificate made (new): "
            "they can sign for lab1.test and lab1.localhost only"
        ),
        "6 certificates made (new): site/www, site/forms, site/app, …",
        "2 keys made (new): dns/csk, mail/dkim",
        "secret made (new): all passwords and tokens are derived from it",
    )


def test_only_the_owner_can_read(home: Path) -> None:
    previous = os.umask(0)
    try:
        keep(LAB, WANTS, home, NOW)
    finally:
        os.umask(previous)
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in home.iterdir()} == {0o600}


def test_a_second_run_changes_nothing(home: Path) -> None:
    first, _ = keep(LAB, WANTS, home, NOW)
    before = contents(home)
    second, notices = keep(LAB, WANTS, home, NOW + timedelta(days=59))
    assert (second, notices) == (first, ())
    assert contents(home) == before


def test_nothing_is_imported_that_only_making_needs(home: Path) -> None:
    keep(LAB, WANTS, home, NOW)
    program = (
        "import sys, pickle; from labctl.keep import keep; "
        "keep(*pickle.load(sys.stdin.buffer)); assert 'cryptography' not in sys.modules"
    )
    subprocess.run(
        [sys.executable, "-c", program],
        input=pickle.dumps((LAB, WANTS, home, NOW)),
        check=True,
    )


def test_a_dry_run_creates_nothing(home: Path) -> None:
    kept, notices = keep(LAB, WANTS, home, NOW, write=False)
    assert notices
    assert kept.certificates.keys() == {s.certificate for s in LAB.sites}
    assert not home.parent.exists()


def test_a_dry_run_shows_what_is_kept(home: Path) -> None:
    first, _ = keep(LAB, WANTS, home, NOW)
    before = contents(home)
    assert keep(LAB, WANTS, home, NOW, write=False) == (first, ())
    later, notices = keep(LAB, WANTS, home, NOW + timedelta(days=61), write=False)
    assert later.root == first.root
    assert notices == (
        "6 certificates renewed (less than 30 days were left): site/www, site/forms, site/app, …",
    )
    assert contents(home) == before


def test_a_leaf_is_renewed_under_the_same_root(home: Path) -> None:
    first, _ = keep(LAB, WANTS, home, NOW)
    later = NOW + timedelta(days=61)
    second, _ = keep(LAB, WANTS, home, later)
    assert second.root == first.root
    parsed = x509.load_pem_x509_certificate(second.certificates["site/www"].chain.encode())
    assert parsed.not_valid_after_utc == (later + timedelta(days=90)).replace(microsecond=0)
    assert (second.keys, second.secrets) == (first.keys, first.secrets)


def test_only_the_site_with_other_names_gets_another_certificate(home: Path) -> None:
    first, _ = keep(LAB, WANTS, home, NOW)
    changed = (replace(WANTS[0], names=("web.lab1.test",)), *WANTS[1:])
    second, notices = keep(LAB, changed, home, NOW)
    assert notices == ("1 certificate made again (other names): site/www",)
    assert second.certificates["site/app"] == first.certificates["site/app"]
    issuer = (replace(WANTS[0], names=("web.lab1.test",), issuer="self"), *WANTS[1:])
    _, notices = keep(LAB, issuer, home, NOW)
    assert notices == ("1 certificate made again (another issuer): site/www",)


def test_a_renewed_intermediate_signs_everything_again(home: Path, tmp_path: Path) -> None:
    first, _ = keep(LAB, WANTS, home, NOW - timedelta(days=620))
    second, notices = keep(LAB, WANTS, home, NOW)
    assert second.root == first.root
    assert notices == (
        "intermediate certificate renewed (less than 120 days were left)",
        "5 certificates made again (another issuer): site/www, site/forms, site/app, …",
        "1 certificate renewed (it had ended): site/selfsigned",
    )
    assert verified(second, WANTS[0], tmp_path)


def test_near_the_root_s_end_nothing_is_renewed_in_vain(home: Path) -> None:
    keep(LAB, WANTS, home, NOW)
    late = NOW + timedelta(days=3640)
    keep(LAB, WANTS, home, late)
    before = contents(home)
    _, notices = keep(LAB, WANTS, home, late + timedelta(days=1))
    assert [line.split(" ends")[0] for line in notices] == ["the root certificate"]
    assert contents(home) == before


@pytest.mark.parametrize(
    ("shift", "message"),
    [(timedelta(days=3651), "ended on"), (timedelta(days=-2), "is valid from")],
)
def test_a_root_out_of_time_is_an_error(home: Path, shift: timedelta, message: str) -> None:
    keep(LAB, WANTS, home, NOW)
    with pytest.raises(LabctlError, match=message) as caught:
        keep(LAB, WANTS, home, NOW + shift)
    assert "labctl down --purge lab1" in caught.value.hint


def test_a_clock_that_was_wrong_for_a_while_is_mended(home: Path) -> None:
    keep(LAB, WANTS, home, NOW)
    keep(LAB, WANTS, home, NOW + timedelta(days=1000))
    _, notices = keep(LAB, WANTS, home, NOW)
    assert notices[0].startswith("intermediate certificate renewed (it was not valid yet")


def test_another_domain_needs_another_root(home: Path) -> None:
    keep(LAB, WANTS, home, NOW)
    before = contents(home)
    with pytest.raises(LabctlError) as caught:
        keep(replace(LAB, domain="example.test"), (), home, NOW)
    assert caught.value.message == (
        "lab1: its kept root certificate can sign for lab1.test and lab1.localhost only, "
        "the lab is now example.test and lab1.localhost"
    )
    assert "labctl down --purge lab1" in caught.value.hint
    assert contents(home) == before


@pytest.mark.parametrize("name", ["www.example.org", "*.lab1.test", "127.0.0.1"])
def test_a_name_that_the_authority_may_not_sign(home: Path, name: str) -> None:
    with pytest.raises(LabctlError, match=r"site/x: the lab's authority may not sign for"):
        keep(LAB, [Want("certificate", "site/x", ("x.lab1.test", name))], home, NOW)
    keep(LAB, [Want("certificate", "site/x", (name,), "self")], home, NOW)


def test_a_site_that_comes_back_finds_its_certificate(home: Path) -> None:
    first, _ = keep(LAB, WANTS, home, NOW)
    without, _ = keep(LAB, WANTS[1:], home, NOW)
    assert "site/www" not in without.certificates
    assert keep(LAB, WANTS, home, NOW) == (first, ())


def test_there_is_no_root_before_the_first_run(home: Path) -> None:
    with pytest.raises(LabctlError, match="lab1 has no root certificate yet"):
        root_pem(home)
    assert not home.exists()


@pytest.mark.parametrize(
    "change",
    [
        {"records": (Record("@", "A", "198.18.0.3"),)},
        {"sites": LAB.sites[1:]},
        {"machines": {"www": machine("www", "198.18.0.9")}},
        {"machines": {"www": replace(LAB.machines["www"], further={"www": "169.254.16.9"})}},
    ],
)
def test_the_serial_follows_what_zones_are_made_from(home: Path, change: dict[str, object]) -> None:
    first = keep(LAB, (), home, NOW)[0].serial
    assert first == int(NOW.timestamp())
    later = NOW + timedelta(hours=1)
    assert keep(LAB, (), home, later)[0].serial == first
    changed = Lab(**{**vars(LAB), **change})
    assert keep(changed, (), home, later)[0].serial == int(later.timestamp())
    # A second change in the same second, or after the clock was set back, is larger still.
    assert keep(LAB, (), home, NOW)[0].serial == int(later.timestamp()) + 1


@pytest.mark.parametrize(
    ("old", "now", "expected"),
    [
        (0, 1000, 1000),
        (1000, 1000, 1001),
        (2000, 1000, 2001),
        (2**32 - 1, 2**32 + 5, 5),
        (2**32 - 1, 2**32 - 1, 1),
        (2**32 - 1, 2**32, 1),
        (1, 2**31 + 1, 2),
    ],
)
def test_serial_arithmetic(old: int, now: int, expected: int) -> None:
    assert serials.following(old, now) == expected


def test_where_things_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("HOSTING_LABCTL_DATA", "XDG_DATA_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", "/home/alice")
    assert kept_things.lab_home("lab1") == Path("/home/alice/.local/share/hosting-labctl/lab1")
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    assert kept_things.data_home() == Path("/home/alice/.local/share/hosting-labctl")
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert kept_things.data_home() == Path("/data/hosting-labctl")
    monkeypatch.setenv("HOSTING_LABCTL_DATA", "/srv/labs")
    assert kept_things.data_home() == Path("/srv/labs")


def test_a_thousand_sites(home: Path) -> None:
    lab = replace(LAB, sites=tuple(site(f"s{number}") for number in range(1000)))
    wants = tuple(Want("certificate", s.certificate, s.names) for s in lab.sites)
    began = time.process_time()
    first, notices = keep(lab, wants, home, NOW)
    made = time.process_time()
    again, _ = keep(lab, wants, home, NOW)
    read = time.process_time()
    assert again == first
    assert len(notices) == 2
    # Bounds wide enough for a busy machine; `make bench` measures.
    assert made - began < 6
    assert read - made < 1
