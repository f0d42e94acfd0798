"""HTTP of the labs, as httplint judges it, and the front under a thousand connections at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.support import stacks, tools
from tests.e2e.support.home import run
from tests.e2e.support.lab import OwnLab
from tests.e2e.support.ports import free_port
from tests.e2e.support.ways import Ways

pytestmark = pytest.mark.e2e

STATIC = {"hello", "lab1", "web-inspect", "web-servers"}  # labs with sites that are files
CONNECTIONS = 1000
VARIANTS = (
    (),
    ("--header", "Accept-Encoding: gzip"),
    ("--range", "0-9"),
    ("--header", "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT"),
)


def response(url: str, authority: Path, file: Path, *options: str) -> Path:
    """An answer in a file, as it came over the connection, and when."""
    words = ["curl", "-sS", "--include", "--raw", "--http1.1", "--cacert", str(authority)]
    ran = run([*words, "-o", str(file), *options, url])
    assert ran.status == 0, ran.err
    return file


def static_urls(stack: str, ways: Ways) -> Iterator[str]:
    """The files of each static site, a folder's first, and one that is not there."""
    placed = stacks.placed(stack)
    for site in stacks.readable(stack):
        if placed.services[site.service].kind == "static":
            files = sorted(placed.contents[site.service])[:20]
            for path in ("", *files, "missing"):
                yield f"https://{ways.to(site)}/{path}"


def test_nothing_is_bad_about_what_static_sites_send(
    stack: OwnLab, ways: Ways, tmp_path: Path
) -> None:
    authority = stack.authority()
    asked = [(url, options) for url in static_urls(stack.folder.name, ways) for options in VARIANTS]
    answers = [
        response(url, authority, tmp_path / str(number), *options)
        for number, (url, options) in enumerate(asked)
    ]
    assert bool(asked) is (stack.folder.name in STATIC)
    found = zip(asked, tools.httplint(answers), strict=True)
    assert [one for one in found if one[1]] == []


def test_the_control_a_bad_answer_is_found(tmp_path: Path) -> None:
    right = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi"
    wrong = right.replace(b"text/plain", b"text\r\nLast-Modified: yesterday")
    files = [tmp_path / name for name in ("right", "wrong", "nothing")]
    for file, text in zip(files, (right, wrong, b"nothing\r\n\r\n"), strict=True):
        file.write_bytes(text)
    assert [bool(one) for one in tools.httplint(files)] == [False, True, True]


def test_a_thousand_connections_to_a_page_and_none_is_dropped(lab1: OwnLab) -> None:
    url = f"https://www.{lab1.name}.localhost:{lab1.https}/"
    found = tools.h2load(url, f"127.0.0.1:{lab1.https}", CONNECTIONS, 10 * CONNECTIONS)
    wanted = {"total": 10 * CONNECTIONS, "done": 10 * CONNECTIONS, "failed": 0, "timeout": 0}
    assert found == wanted | {
        "started": 10 * CONNECTIONS, "succeeded": 10 * CONNECTIONS, "errored": 0
    }, troubles(lab1)  # fmt: skip


def troubles(lab: OwnLab) -> list[str]:
    """What both servers that an answer has come through say of errors, the last of it."""
    lines = [line for one in ("front", "www")
             for line in lab.must("logs", "--tail", "30000", one).out.splitlines()]  # fmt: skip
    return [line for line in lines if re.search(r"\[(warn|error|alert|crit)\]|\" 5\d\d ", line)][
        -9:
    ]


def test_the_control_connections_that_nobody_takes_are_counted() -> None:
    found = tools.h2load("https://nobody.localhost/", f"127.0.0.1:{free_port()}", 5, 10)
    assert (found["succeeded"], found["failed"]) == (0, 10), found


def test_a_thousand_kept_connections_by_http_and_none_is_dropped(lab1: OwnLab) -> None:
    url = f"http://127.0.0.1:{lab1.http}/"
    found = dict(tools.wrk(url, lab1.host("www"), CONNECTIONS, 3))
    assert found.pop("requests") > CONNECTIONS
    assert set(found.values()) <= {0}, found


def test_the_control_a_name_that_is_no_site_is_counted(lab1: OwnLab) -> None:
    found = tools.wrk(f"http://127.0.0.1:{lab1.http}/", "no-such-site.invalid", 10, 1)
    assert found["refused"] == found["requests"]
