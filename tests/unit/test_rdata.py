"""Record data: what reaches a zone file, and what does not."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.dns import rdata

STRINGS = re.compile(r'"((?:[^"\\]|\\["\\]|\\[0-9]{3})*)"')


@pytest.mark.parametrize(
    ("type_", "value", "written"),
    [
        ("A", "198.18.7.9", "198.18.7.9"),
        ("AAAA", "FD00:0::9", "fd00::9"),
        ("CAA", "0 issue ca.example", '0 issue "ca.example"'),
        ("CAA", '128 ISSUE "ca.example; x=y"', '128 issue "ca.example; x=y"'),
        ("CNAME", "www", "www"),
        ("CNAME", "_x.example.com.", "_x.example.com."),
        ("MX", "10  mail", "10 mail"),
        ("MX", "0 .", "0 ."),
        ("NS", "ns.child", "ns.child"),
        ("SRV", "0 5 5060 sip", "0 5 5060 sip"),
        ("TXT", "hello", '"hello"'),
        ("TXT", 'a "b" \\ ; $x (y)', r'"a \"b\" \\ ; $x (y)"'),
        ("TXT", "ü\n", '"\\195\\188\\010"'),
        ("TXT", "", '""'),
        ("SSHFP", "4 2 0123abcd", "4 2 0123abcd"),
    ],
)
def test_presentation(type_: str, value: str, written: str) -> None:
    assert rdata.presentation(type_, value, "lab1.test") == written


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        ("A", "198.18.7.256"), ("A", "::1"), ("A", "www"), ("A", "1.2.3.4\n@ A 1.2.3.5"),
        ("AAAA", "1.2.3.4"), ("AAAA", "fe80::1%eth0 x"),
        ("CAA", "issue ca"), ("CAA", "256 issue ca"), ("CAA", '0 issue "a" b"'),
        ("CNAME", "a b"), ("CNAME", ""), ("CNAME", "a..b"), ("CNAME", "x; y"),
        ("CNAME", "$INCLUDE"), ("CNAME", "a" * 64), ("CNAME", ".".join(["a" * 60] * 5)),
        ("MX", "mail"), ("MX", "70000 mail"), ("MX", "10 under_score"), ("MX", ""),
        ("MX", "-1 mail"), ("NS", "."), ("NS", "("), ("SRV", "0 5 sip"),
        ("SRV", "0 5 5060 5061 sip"), ("TXT", "x" * 16_001), ("SSHFP", '4 2 "x"'),
        ("SSHFP", "1 (\n"),
    ],
)  # fmt: skip
def test_refused(type_: str, value: str) -> None:
    with pytest.raises(ValueError, match=r"^(this|the|a|16000) "):
        rdata.presentation(type_, value, "lab1.test")


@given(st.text())
def test_text_is_one_line_of_bounded_strings(text: str) -> None:
    written = rdata.quoted(text.encode(errors="replace").decode())
    parts = STRINGS.findall(written)
    assert written == " ".join(f'"{part}"' for part in parts)
    octets = [re.sub(r"\\([0-9]{3}|.)", "x", part) for part in parts]
    assert all(len(part) <= rdata.MAX_STRING for part in octets)
    assert sum(map(len, octets)) == len(text.encode(errors="replace"))


@given(st.sampled_from(["A", "AAAA", "CAA", "CNAME", "MX", "NS", "SRV", "TXT", "X"]), st.text())
def test_nothing_else_is_raised_and_no_line_is_ended(type_: str, value: str) -> None:
    try:
        written = rdata.presentation(type_, value, "lab1.test")
    except ValueError:
        return
    assert written.isascii()
    assert written.isprintable()


@pytest.mark.parametrize("name", ["@", "www", "_sip._tcp", "*", "*.dev", "a.b.c", "0"])
def test_owners(name: str) -> None:
    assert not rdata.owner_problem(name)


@pytest.mark.parametrize(
    "name", ["", "a..b", ".", "a.", "a.*", "-a", "a b", "$TTL", "(", "ü", "@.a"]
)
def test_no_owners(name: str) -> None:
    assert rdata.owner_problem(name)


def test_names() -> None:
    assert rdata.relative("lab1.test", "lab1.test") == "@"
    assert rdata.relative("www.lab1.test", "lab1.test") == "www"
    assert rdata.absolute("WWW", "lab1.test") == "www.lab1.test"
    assert rdata.absolute("@", "lab1.test") == "lab1.test"
    assert rdata.absolute("www.example.com.", "lab1.test") == "www.example.com"
    assert rdata.target("SRV", "0 5 5060 sip") == "sip"
    assert rdata.target("TXT", "0 5 5060 sip") == ""
