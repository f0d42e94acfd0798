"""Keys as DNSSEC writes them, against the example of RFC 6605 section 6.1."""

import base64
import re

from labctl.dns.dnssec import ZoneKey, wire_name
from labctl.model import Key

PUBLIC = "GojIhhXUN/u4v54ZQqGSnyhWJwaubCvTmeexv7bR6edbkrSqQpF64cYbcB7wNcP+e+MAnLr+Wi9xMWyQLc8NAA=="
PRIVATE = "GU6SnQ/Ou+xC5RumuIUIuJZteXT2z0O/ok1s38Et6mQ="
EXAMPLE = ZoneKey("example.net", Key("", PUBLIC, PRIVATE))


def test_key_tag() -> None:
    assert EXAMPLE.tag == 55648


def test_ds() -> None:
    digest = "b4c8c1fe2e7477127b27115656ad6256f424625bf5c1e2770ce6d6e37df61d17"
    assert EXAMPLE.ds == f"55648 13 2 {digest.upper()}"


def test_dnskey() -> None:
    assert EXAMPLE.dnskey == f"257 3 13 {PUBLIC}"
    assert len(EXAMPLE.rdata) == 4 + 64


def test_key_files_have_the_names_that_bind_looks_for() -> None:
    stem = "Kexample.net.+013+55648"
    assert EXAMPLE.file_stem == stem
    assert list(EXAMPLE.files()) == [f"{stem}.key", f"{stem}.private", f"{stem}.state"]


def test_private_file() -> None:
    text = EXAMPLE.files()["Kexample.net.+013+55648.private"]
    assert text.startswith("Private-key-format: v1.3\nAlgorithm: 13 (ECDSAP256SHA256)\n")
    assert f"PrivateKey: {PRIVATE}\n" in text
    assert len(base64.b64decode(PRIVATE)) == 32


def test_state_leaves_nothing_to_wait_for() -> None:
    text = EXAMPLE.files()["Kexample.net.+013+55648.state"]
    assert re.findall(r"^(\w+): omnipresent$", text, re.MULTILINE) == [
        "DNSKEYState", "ZRRSIGState", "KRRSIGState", "DSState", "GoalState",
    ]  # fmt: skip
    assert "Lifetime: 0\n" in text
    assert "KSK: yes\nZSK: yes\n" in text


def test_bind_anchor() -> None:
    assert EXAMPLE.bind_anchor == f'"example.net." static-key 257 3 13 "{PUBLIC}";'


def test_wire_name_is_canonical() -> None:
    assert wire_name("Www.Example.") == b"\x03www\x07example\x00"
    assert wire_name(".") == b"\x00"
