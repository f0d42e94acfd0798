"""The programs of lab1's forms, run as fcgiwrap runs them: all five give the same answer."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

PROGRAMS = Path(__file__).parents[3] / "stacks" / "lab1" / "forms" / "cgi-bin"
NAMES = {"sh": "shell", "pl": "Perl", "py": "Python", "tcl": "Tcl", "cgi": "C++"}
FORM = "application/x-www-form-urlencoded"
QUERIES = {
    b"": [],
    b"name=Bob&day=wed": [("name", "Bob"), ("day", "wed")],
    b"a=1+2&b=%2B&c=%c3%A9": [("a", "1 2"), ("b", "+"), ("c", "é")],
    b"a&b=&=c&&d==e": [("a", ""), ("b", ""), ("", "c"), ("d", "=e")],
    b"x=<script>alert(1)</script>": [("x", "&lt;script&gt;alert(1)&lt;/script&gt;")],
    b"%3Cb%3E=%22%26lt%3B'": [("&lt;b&gt;", "&quot;&amp;lt;'")],
    b"x=$(id)`id`;rm%20-rf%20/&y=|cat%20/etc/passwd": [
        ("x", "$(id)`id`;rm -rf /"),
        ("y", "|cat /etc/passwd"),
    ],
    b"x=[exec%20id]$env(PATH){&y=%25s%25n": [("x", "[exec id]$env(PATH){"), ("y", "%s%n")],
    b"x=\\x41\\n\\c\\0101%5Cx41\\\\": [("x", "\\x41\\n\\c\\0101\\x41\\\\")],
    b"x=*&y=~&z=-n&$x=@{[1]}": [("x", "*"), ("y", "~"), ("z", "-n"), ("$x", "@{[1]}")],
    b"x=%zz%&y=%4&z=%%41": [("x", "%zz%"), ("y", "%4"), ("z", "%A")],
    b"x=a%00b&y=%2500": [("x", "a�b"), ("y", "%00")],
    b"x=%0d%0aSet-Cookie:%20a=b": [("x", "\r\nSet-Cookie: a=b")],
    b"x=\xc3\xa9%F0%9F%98%80": [("x", "é😀")],
}
NOT_UTF8 = [b"x=%ff", b"x=\xff", b"x=%c0%80", b"x=%ed%a0%80", b"x=%f4%90%80%80", b"%e2%82=1"]


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every program by its suffix, the C++ one compiled without a warning."""
    compiled = tmp_path_factory.mktemp("forms") / "form.cgi"
    compiler = ["g++", "-O1", "-Wall", "-Wextra", "-Werror", "-o", str(compiled)]
    subprocess.run([*compiler, str(PROGRAMS / "form.cpp")], check=True)
    found = {suffix: PROGRAMS / f"form.{suffix}" for suffix in NAMES}
    return found | {"cgi": compiled}


def run(program: Path, variables: dict[bytes, bytes], body: bytes = b"") -> tuple[str, str]:
    """The headers and the body of a program's answer, which must be all that it says."""
    first = program.read_bytes()[:80].split(b"\n")[0]
    words = first[2:].decode().split() if first.startswith(b"#!") else []
    environment = {b"PATH": os.environb[b"PATH"], **variables}
    done = subprocess.run(
        [*words, str(program)], input=body, env=environment, capture_output=True, timeout=20,
        check=True,
    )  # fmt: skip
    assert done.stderr == b""
    head, _, rest = done.stdout.decode().partition("\r\n\r\n")
    return head, rest


def get(program: Path, query: bytes) -> tuple[str, str]:
    return run(program, {b"REQUEST_METHOD": b"GET", b"QUERY_STRING": query})


def post(program: Path, body: bytes, **changed: str) -> tuple[str, str]:
    variables = {"CONTENT_TYPE": FORM, "CONTENT_LENGTH": str(len(body)), **changed}
    encoded = {name.encode(): value.encode() for name, value in variables.items()}
    return run(program, {b"REQUEST_METHOD": b"POST", **encoded}, body)


def page(suffix: str, method: str, length: int, fields: list[tuple[str, str]]) -> str:
    source = {
        "GET": "the variable <code>QUERY_STRING</code>",
        "POST": "standard input, <code>CONTENT_LENGTH</code> bytes of it",
    }[method]
    rows = "".join(f"<tr><td>{name}</td><td>{value}</td></tr>\n" for name, value in fields)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<title>Answer</title>\n"
        '<link rel="stylesheet" href="/style.css">\n'
        f"<h1>Answered by the {NAMES[suffix]} program</h1>\n"
        f"<p>{method}: {length} bytes, from {source}.</p>\n<table>\n{rows}</table>\n"
        '<p><a href="/">Back to the form</a></p>\n'
    )


@pytest.mark.parametrize("suffix", NAMES)
@pytest.mark.parametrize("query", QUERIES)
def test_both_methods_give_the_same_table(
    commands: dict[str, Path], suffix: str, query: bytes
) -> None:
    for method, ask in (("GET", get), ("POST", post)):
        head, body = ask(commands[suffix], query)
        assert head == "Content-Type: text/html; charset=utf-8"
        assert body == page(suffix, method, len(query), QUERIES[query])


@pytest.mark.parametrize("suffix", NAMES)
@pytest.mark.parametrize("query", NOT_UTF8)
def test_what_is_not_utf8_is_a_bad_request(
    commands: dict[str, Path], suffix: str, query: bytes
) -> None:
    for ask in (get, post):
        assert ask(commands[suffix], query)[0].startswith("Status: 400 Bad Request\r\n")


@pytest.mark.parametrize("suffix", NAMES)
def test_a_nul_in_a_body_becomes_a_replacement_character(
    commands: dict[str, Path], suffix: str
) -> None:
    assert "<td>a�b</td>" in post(commands[suffix], b"x=a\0b")[1]


@pytest.mark.parametrize("suffix", NAMES)
@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"REQUEST_METHOD": "PUT"}, "405 Method Not Allowed"),
        ({"REQUEST_METHOD": "$(id)"}, "405 Method Not Allowed"),
        ({"CONTENT_TYPE": "multipart/form-data; boundary=x"}, "415 Unsupported Media Type"),
        ({"CONTENT_TYPE": ""}, "415 Unsupported Media Type"),
        ({"CONTENT_LENGTH": "4097"}, "413 Content Too Large"),
        ({"CONTENT_LENGTH": "999999999999999"}, "413 Content Too Large"),
        ({"CONTENT_LENGTH": "-1"}, "400 Bad Request"),
        ({"CONTENT_LENGTH": "1e1"}, "400 Bad Request"),
        ({"CONTENT_LENGTH": "9999999999999999999999"}, "400 Bad Request"),
    ],
)
def test_requests_that_are_refused(
    commands: dict[str, Path], suffix: str, changed: dict[str, str], status: str
) -> None:
    head, body = post(commands[suffix], b"a=b", **changed)
    assert head.split("\r\n")[0] == f"Status: {status}"
    assert body == f"{status}\n"
    assert ("Allow: GET, HEAD, POST" in head) == status.startswith("405")


@pytest.mark.parametrize("suffix", NAMES)
def test_the_longest_request_is_answered_and_a_longer_one_refused(
    commands: dict[str, Path], suffix: str
) -> None:
    many = b"&".join([b"a"] * 2048) + b"&"
    assert get(commands[suffix], many)[1].count("<tr>") == 2048
    assert post(commands[suffix], many)[1].count("<tr>") == 2048
    assert get(commands[suffix], many + b"a")[0].startswith("Status: 414 URI Too Long\r\n")


@pytest.mark.parametrize("suffix", NAMES)
def test_only_the_announced_bytes_are_read(commands: dict[str, Path], suffix: str) -> None:
    assert "<td>12</td>" in post(commands[suffix], b"a=12345", CONTENT_LENGTH="4")[1]
    assert "<td>12</td>" in post(commands[suffix], b"a=12", CONTENT_LENGTH="10")[1]
