"""YAML as nodes with places; what is too big, too deep or no text is refused at once."""

from __future__ import annotations

import time

import pytest

from labctl.spec.document import Mapping, Scalar, Sequence, parse
from labctl.spec.problems import InvalidLab, Mark

LAUGHS = b"k0: &a0 [x, x, x, x, x, x, x, x, x]\n" + b"".join(
    b"k%d: &a%d [%s]\n" % (n, n, b", ".join([b"*a%d" % (n - 1)] * 9)) for n in range(1, 10)
)


def said(data: bytes) -> str:
    with pytest.raises(InvalidLab) as caught:
        parse(data, "lab.yml")
    return str(caught.value)


def test_nodes_know_their_place() -> None:
    root = parse(b"a: 1\nb:\n  - 'two'\n", "lab.yml").root
    assert isinstance(root, Mapping)
    key, value = root.items["a"]
    assert (key.mark, value.mark) == (Mark(1, 1, 1), Mark(1, 4, 1))
    _, items = root.items["b"]
    assert isinstance(items, Sequence)
    assert items.items == [Scalar("two", Mark(3, 5, 5), plain=False)]


@pytest.mark.parametrize("word", ["no", "0123", "22:22", "1e3", "2026-01-01", "~", "=", "<<"])
def test_a_plain_word_stays_what_was_typed(word: str) -> None:
    root = parse(f"a: {word}\n".encode(), "lab.yml").root
    assert isinstance(root, Mapping)
    assert root.items["a"][1] == Scalar(word, Mark(1, 4, len(word)), plain=True)


def test_an_anchor_may_be_used_again() -> None:
    root = parse(b"a: &x [1]\nb: *x\n", "lab.yml").root
    assert isinstance(root, Mapping)
    assert root.items["a"][1] is root.items["b"][1]


def test_a_byte_order_mark_is_no_matter() -> None:
    assert isinstance(parse("\ufefflab: x\n".encode(), "lab.yml").root, Mapping)


def test_a_file_of_10_mb() -> None:
    start = time.process_time()
    assert said(b"#" * 10 * 2**20) == (
        "lab.yml:1:1: the file has 10.0 MiB; a lab file has at most 1 MiB\n"
        "hint: is this the right file?"
    )
    assert time.process_time() - start < 0.5


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 100_000,
        b"{a: " * 100_000,
        b"- " * 100_000,
        b"a: [" + b"x," * 300_000 + b"]",
        LAUGHS,
    ],
    ids=["lists", "mappings", "items", "long", "laughs"],
)
def test_bombs_are_refused_quickly(data: bytes) -> None:
    start = time.process_time()
    assert said(data).startswith("lab.yml:")
    assert time.process_time() - start < 5


@pytest.mark.parametrize("text", ["\x00", "a: \x07", "a: \x1b[0m", "a: b\x7f", "a: \x85"])
def test_control_characters_are_named(text: str) -> None:
    assert "control character U+00" in said(text.encode())


def test_control_characters_written_as_escapes_are_named_too() -> None:
    (problem,) = parse(b'a: "\\e[0m"', "lab.yml").problems
    assert (problem.message, problem.mark) == ("control character U+001B", Mark(1, 4, 7))
