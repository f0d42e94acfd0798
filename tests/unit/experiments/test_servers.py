"""What the experiment `servers` asks, and how its table stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from labctl.cli.experiment import text
from labctl.experiments import Figure, load, servers
from tests.support import lab_at

ROOT = Path(__file__).parents[3]
LAB = lab_at(ROOT / "stacks" / "web-servers" / "lab.yml")
FIRST = {"header": {"etag": '"abc"', "last-modified": "Sun, 22 Nov 2026 23:59:59 GMT"}}


def row(key: str) -> servers.Question:
    return next(one for one in servers.QUESTIONS if one.key == key)


def test_one_site_of_each_server_that_sends_files_itself() -> None:
    found = servers.sites(LAB)
    assert {server: site.name for server, site in found.items()} == {
        "nginx": "nginx-files",
        "apache": "apache-files",
    }
    endings = [question.key for question in servers.types(LAB, found)]
    assert endings == [
        f"type-{e}" for e in ("css", "csv", "html", "md", "mjs", "svg", "txt", "zzz")
    ]


def test_the_lesson_says_how_many_things_are_asked() -> None:
    asked = [*servers.types(LAB, servers.sites(LAB)), *servers.QUESTIONS]
    assert len({one.key for one in asked}) == len(asked) == 35
    for lesson, told in (
        ("README.md", "same 35 things"),
        ("README.fr.md", "trente-cinq questions"),
    ):
        assert told in (ROOT / "stacks/web-servers" / lesson).read_text(encoding="utf-8")


def test_a_lab_without_such_sites_has_none() -> None:
    assert servers.sites(lab_at(ROOT / "stacks" / "hello" / "lab.yml")) == {}


@pytest.mark.parametrize(
    ("key", "sent"),
    [
        ("match", {"If-None-Match": '"abc"'}),
        ("gzip-match", {"Accept-Encoding": "gzip", "If-None-Match": '"abc"'}),
        ("since", {"If-Modified-Since": "Sun, 22 Nov 2026 23:59:59 GMT"}),
        ("later", {"If-Modified-Since": "Mon, 23 Nov 2026 00:00:00 GMT"}),
        ("range", {"Range": "bytes=0-3"}),
    ],
)
def test_validators_of_the_first_answer_are_sent_back(key: str, sent: dict[str, str]) -> None:
    assert row(key).headers(FIRST) == sent


def test_strangers_ask_at_the_sites_address() -> None:
    site = servers.sites(LAB)["apache"]
    ask = servers._check(LAB, site, row("unknown"), {}).ask
    assert ask["url"] == "http://no-such-site.web-servers.test/"
    assert ask["connect"] == "apache-files.web-servers.test"


@pytest.mark.parametrize(
    ("key", "seen", "said"),
    [
        ("range", {"status": 206, "header": {"content-range": "bytes 0-3/9"}}, "206 bytes 0-3/9"),
        ("etag", {"header": {"etag": 'W/"abc"'}}, "weak, 3 characters"),
        ("etag", {"header": {}}, "none"),
        ("unknown-tls", {"error": "curl: (35) TLS: alert"}, "no answer: alert"),
    ],
)
def test_what_a_cell_says(key: str, seen: servers.Seen, said: str) -> None:
    assert servers.shown(row(key), seen) == said


def test_figures_of_two_sides_stand_side_by_side() -> None:
    figures = [
        Figure("a.nginx", "a thing", "1", side="nginx"),
        Figure("b.nginx", "another", "2", side="nginx"),
        Figure("a.apache", "a thing", "3", side="apache"),
    ]
    lines = [line.split("  ") for line in text(load("servers"), figures).splitlines()]
    cells = [[cell.strip() for cell in line if cell.strip()] for line in lines]
    assert cells == [
        ["FIGURE", "NGINX", "APACHE"],
        ["a thing", "1", "3"],
        ["another", "2", "–"],
    ]
