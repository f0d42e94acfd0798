"""Static files: types, ranges, conditions, a 404 page (RFC 9110 sections 8, 13, 14)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.support.curl import Answer, curl
from tests.e2e.support.lab import OwnLab

pytestmark = pytest.mark.e2e

Ask = Callable[..., Answer]
NUMBERS = 65536


@pytest.fixture(scope="module")
def ask(lab1: OwnLab, ca: Path) -> Ask:
    def get(path: str, *options: str) -> Answer:
        return curl(lab1.url("www", path), "--path-as-is", *options, ca=ca)

    return get


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/style.css", "text/css; charset=utf-8"),
        ("/words.txt", "text/plain; charset=utf-8"),
        ("/images/server.svg", "image/svg+xml; charset=utf-8"),
        ("/images/dawn.png", "image/png"),
        ("/numbers.bin", "application/octet-stream"),
    ],
)
def test_a_file_has_its_type(ask: Ask, path: str, kind: str) -> None:
    answer = ask(path)
    assert (answer.status, answer.headers["content-type"]) == (200, kind)


@pytest.mark.parametrize(
    ("asked", "given", "length"),
    [
        ("0-0", f"bytes 0-0/{NUMBERS}", 1),
        ("100-199", f"bytes 100-199/{NUMBERS}", 100),
        ("-10", f"bytes 65526-65535/{NUMBERS}", 10),
        ("65530-", f"bytes 65530-65535/{NUMBERS}", 6),
        ("65530-99999", f"bytes 65530-65535/{NUMBERS}", 6),
    ],
)
def test_a_part_of_a_file(ask: Ask, asked: str, given: str, length: int) -> None:
    answer = ask("/numbers.bin", "--range", asked)
    assert (answer.status, answer.headers["content-range"]) == (206, given)
    assert answer.headers["content-length"] == str(length)


def test_several_parts_come_with_their_places(ask: Ask) -> None:
    answer = ask("/numbers.bin", "--range", "0-1,10-11")
    assert answer.status == 206
    assert answer.headers["content-type"].startswith("multipart/byteranges")


def test_a_part_beyond_the_end_does_not_exist(ask: Ask) -> None:
    answer = ask("/numbers.bin", "--range", "70000-")
    assert (answer.status, answer.headers["content-range"]) == (416, f"bytes */{NUMBERS}")


def test_an_unchanged_page_is_not_sent_again(ask: Ask) -> None:
    first = ask("/words.txt")
    tag, date = first.headers["etag"], first.headers["last-modified"]
    for header in (f"If-None-Match: {tag}", f"If-Modified-Since: {date}"):
        again = ask("/words.txt", "--header", header)
        assert (again.status, again.body) == (304, ""), header
    assert ask("/words.txt", "--header", 'If-None-Match: "other"').status == 200
    old = "If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT"
    assert ask("/words.txt", "--header", old).status == 200


def test_a_part_only_of_the_file_that_one_knows(ask: Ask) -> None:
    tag = ask("/numbers.bin").headers["etag"]
    assert ask("/numbers.bin", "--range", "0-9", "--header", f"If-Range: {tag}").status == 206
    assert ask("/numbers.bin", "--range", "0-9", "--header", 'If-Range: "other"').status == 200


def test_head_has_the_headers_and_no_body(ask: Ask) -> None:
    answer = ask("/numbers.bin", "--head")
    assert (answer.status, answer.headers["content-length"], answer.body) == (200, "65536", "")


def test_what_is_missing_gets_the_sites_own_page_with_404(ask: Ask) -> None:
    answer = ask("/missing.html")
    assert answer.status == 404
    assert "<h1>There is no such page</h1>" in answer.body


def test_a_folder_is_reached_by_its_slash(ask: Ask) -> None:
    answer = ask("/images")
    assert (answer.status, answer.headers["location"]) == (301, "/images/")
    assert ask("/images/").status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/images/..%2f..%2f..%2fetc%2fpasswd",
        "/.git/config",
    ],
)
def test_nothing_outside_the_site_is_sent(ask: Ask, path: str) -> None:
    answer = ask(path)
    assert answer.status in (400, 404), answer
    assert "root:" not in answer.body


def test_a_static_site_takes_no_post(ask: Ask) -> None:
    assert ask("/", "--data", "a=b").status == 405
