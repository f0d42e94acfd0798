"""HTTP of the labs, as httplint judges it, and the front under a thousand connections at a time."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.e2e.support import stacks, tools
from tests.e2e.support.lab import OwnLab

pytestmark = pytest.mark.e2e

CONNECTIONS = 1000
VARIANTS = (
    (),
    ("--header", "Accept-Encoding: gzip"),
    ("--range", "0-9"),
    ("--header", "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT"),
)


def response(url: str, authority: Path, *options: str) -> bytes:
    """An answer as it came over the connection."""
    words = ["curl", "-sS", "--include", "--raw", "--http1.1", "--cacert", str(authority)]
    ran = subprocess.run([*words, *options, url], capture_output=True, check=False, timeout=60)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_nothing_is_bad_about_what_static_sites_send(stack: OwnLab) -> None:
    lab, authority = stacks.placed(stack.folder.name), stack.authority()
    for site in stacks.readable(stack.folder.name):
        if lab.services[site.service].kind != "static":
            continue
        paths = ["/", *(f"/{path}" for path in sorted(lab.contents[site.service])), "/missing"]
        host = f"{stacks.host(site, stack)}:{stacks.port(site, stack)}"
        for path in paths[:20]:
            for options in VARIANTS:
                answer = response(f"https://{host}{path}", authority, *options)
                assert tools.httplint(answer) == [], (site.host, path, options)


def test_the_control_a_bad_answer_is_found() -> None:
    wrong = b"HTTP/1.1 200 OK\r\nContent-Type: text\r\nLast-Modified: yesterday\r\n"
    assert tools.httplint(wrong + b"Content-Length: 2\r\n\r\nhi") != []


def test_a_thousand_connections_to_a_page_and_none_is_dropped(lab1: OwnLab) -> None:
    url = f"https://www.{lab1.name}.localhost:{lab1.https}/"
    found = tools.h2load(url, f"127.0.0.1:{lab1.https}", CONNECTIONS, 10 * CONNECTIONS)
    assert found["succeeded"] == found["total"] == 10 * CONNECTIONS, found
    assert (found["failed"], found["errored"], found["timeout"]) == (0, 0, 0)


def test_a_thousand_kept_connections_by_http_and_none_is_dropped(lab1: OwnLab) -> None:
    url = f"http://127.0.0.1:{lab1.http}/"
    found = dict(tools.wrk(url, lab1.host("www"), CONNECTIONS, 3))
    assert found.pop("requests") > CONNECTIONS
    assert set(found.values()) <= {0}, found


def test_the_control_a_name_that_is_no_site_is_counted(lab1: OwnLab) -> None:
    found = tools.wrk(f"http://127.0.0.1:{lab1.http}/", "no-such-site.invalid", 10, 1)
    assert found["refused"] == found["requests"]
