"""Types of the lab file's values: what they take, as what, and what they say otherwise."""

from __future__ import annotations

from typing import Any

import pytest

from labctl.spec import fields
from labctl.spec.fields import Wrong
from labctl.spec.names import host_label_problem


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (fields.Text(), "", ""),
        (fields.Text(), "{{7*7}} $(id)", "{{7*7}} $(id)"),
        (fields.Name(), "a-1", "a-1"),
        (fields.Domain(), "lab1.test", "lab1.test"),
        (fields.Domain(), "x.home.arpa", "x.home.arpa"),
        (fields.Memory(), "128M", 128 * 2**20),
        (fields.Memory(), "1GiB", 2**30),
        (fields.Cpus(), "0.5", 0.5),
        (fields.Subnet(), "10.0.0.0/16", "10.0.0.0/16"),
        (fields.Package(), "g++", "g++"),
        (fields.Entry(), "a.b:make", "a.b:make"),
        (fields.Integer(0, 9), "9", 9),
        (fields.Port(), "65535", 65535),
        (fields.Switch(), "On", True),
        (fields.Switch(), "no", False),
        (fields.Choice("a", "b"), "b", "b"),
        (fields.Content(), "./a/b-c/", "a/b-c"),
        (fields.HostLabel(), "@", "@"),
        (fields.HostLabel(), "WWW", "www"),
        (fields.HostLabel(), "bücher", "xn--bcher-kva"),
        (fields.HostLabel(), "XN--BCHER-KVA", "xn--bcher-kva"),
        (fields.HostLabel(), "straße", "xn--strae-oqa"),
        (fields.HostLabel(), "日本語", "xn--wgv71a119e"),
        (fields.MailLocal(), "a.b+c", "a.b+c"),
        (fields.MailAddress(), "a@bücher.example", "a@bücher.example"),
        (fields.RecordType(), "TXT", "TXT"),
    ],
)
def test_what_is_taken(kind: fields.Type, text: str, value: Any) -> None:
    assert kind.read(text) == value
    assert kind.words()
    assert kind.schema()


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        (fields.Text(5), ["123456", "a\nb", "a\n", "a\u2028b", "a\x85b"]),
        (fields.Name(), ["", "A", "1a", "a-", "a--b", "a_b", "a" * 32, "a\n", "é"]),
        (fields.Domain(), ["test", "a.com", "A.test", "-a.test", "a..test", "a.test.", "a.test\n"]),
        (fields.Memory(), ["1M", "128", "-1G", "1T", "M", "9999999M"]),
        (fields.Cpus(), ["0", "0.01", "-1", "nan", "inf", "1e3", ""]),
        (fields.Subnet(), ["10.0.0.0/8", "10.0.0.1/24", "8.8.8.0/24", "10.0.0.0/30", "::/64", "x"]),
        (fields.Package(), ["a", "A", "-a", "a b", "a;b", "a=1", "a\n"]),
        (fields.Entry(), ["app", "app:", ":app", "a b:c", "a:b()", "a-b:c"]),
        (fields.Variable(), ["", "1A", "A-B", "A=B", "A\n"]),
        (fields.Integer(0, 9), ["10", "-1", "1.0", "", "+1", "1_0", "٣", "0x1", "9" * 30]),
        (fields.Switch(), ["", "1", "maybe"]),
        (fields.Choice("a", "b"), ["", "A", "c"]),
        (
            fields.Content(),
            ["", "/a", "~", "..", "a/../b", ".", "./.", "a//b", "-a", "a\\b", "a\n"],
        ),
        (fields.HostLabel(), ["", "a b", "-a", "a-", "a..b", "*", "a_b", "1.2", "a\n", "a" * 64]),
        (fields.HostLabel(), ["xn--zz--", "\u202e", "a\u200db", "☃" * 80, "a;b", "$a", "{{a}}"]),
        (fields.MailLocal(), ["", "A", "a b", ".a", "a.", "a..b", "a@b", "a|b", "a" * 65, "a\n"]),
        (
            fields.MailAddress(),
            ["", "@", "a@", "@b", "a@b c", "a@b@c", "|x", "a@1.2.3.4", "a@[::]"],
        ),
    ],
)
def test_what_is_refused(kind: fields.Type, texts: list[str]) -> None:
    for text in texts:
        with pytest.raises(Wrong) as caught:
            kind.read(text)
        assert caught.value.message
        assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a b", "it has a space"),
        ("a;b", "it has the character ;"),
        ("-a", "a label starts or ends with a hyphen"),
        ("a..b", "a label is empty"),
        ("a" * 64, "a label has 64 characters, at most 63 fit"),
        (".".join(["a" * 60] * 4), "243 characters, at most 200 fit"),
        ("10.0.0.1", "the last label is a number, as in an address"),
        ("a\u200db", "the character U+200D is not taken in names"),
    ],
)
def test_what_is_wrong_with_a_host_name(text: str, problem: str) -> None:
    assert host_label_problem(text) == ("", problem)
