"""The course's exercise, by the course's own client script and by curl."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.e2e.support.curl import Answer, curl
from tests.e2e.support.home import ROOT, run
from tests.e2e.support.lab import OwnLab

pytestmark = pytest.mark.e2e

JSON = ("--header", "Content-Type: application/json")


def register(lab: OwnLab, sent: object) -> Answer:
    body = sent if isinstance(sent, str) else json.dumps(sent)
    return curl(lab.url("app", "/api/register", scheme="http"), *JSON, body=body)


def test_the_courses_own_script_works_by_plain_http(lab1: OwnLab, tmp_path: Path) -> None:
    """Unchanged but for the line that is the learner's to fill in. requests asks glibc for the
    name, which may not know it, so it goes by the proxy's door: address, and name in the URL."""
    script = (ROOT / "stacks/lab1/app/client.py").read_text()
    url = f"http://app.{lab1.name}.localhost:{lab1.http}"
    assert 'url = "your url"' in script
    own = tmp_path / "client.py"
    own.write_text(script.replace('url = "your url"', f'url = "{url}"'))
    environment = {"http_proxy": f"http://127.0.0.1:{lab1.http}", "PATH": "/usr/bin:/bin"}
    ran = run([sys.executable, str(own)], env=environment)
    assert ran.status == 0, ran.said
    assert "Hello Sponge Bob your token is un truc au pif" in ran.out
    assert "We are Student X, Student Y" in ran.out


@pytest.mark.parametrize("key", ["token", "secret"])
def test_both_names_of_the_key_are_taken(lab1: OwnLab, key: str) -> None:
    assert register(lab1, {"name": f"by {key}", key: "of mine"}).status == 200
    page = curl(lab1.url("app", f"/info/by%20{key}", scheme="http"))
    assert f"<h1>Hello by {key} your token is of mine</h1>" in page.body


def test_what_was_sent_is_escaped(lab1: OwnLab) -> None:
    hostile = "<script>alert('x')</script>{{ 7 * 7 }}'; DROP TABLE people; --"
    assert register(lab1, {"name": "hostile", "token": hostile}).status == 200
    page = curl(lab1.url("app", "/info/hostile", scheme="http")).body
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "{{ 7 * 7 }}" in page
    assert register(lab1, {"name": "after", "token": "still there"}).status == 200


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ("{not json", 400),
        ("[]", 400),
        ('"text"', 400),
        ({"name": "only"}, 400),
        ({"name": "", "token": "x"}, 400),
        ({"name": 7, "token": "x"}, 400),
        ({"name": "a\u0000b", "token": "x"}, 400),
        ({"name": "x" * 101, "token": "x"}, 400),
        ({"name": "big", "token": "x" * 20000}, 413),
    ],
)
def test_the_api_says_in_json_what_is_wrong(lab1: OwnLab, sent: object, status: int) -> None:
    answer = register(lab1, sent)
    assert answer.status == status, answer
    assert answer.headers["content-type"] == "application/json"
    assert json.loads(answer.body)["error"]


def test_the_api_takes_json_only_and_post_only(lab1: OwnLab) -> None:
    url = lab1.url("app", "/api/register", scheme="http")
    assert curl(url, body="name=a&token=b").status == 415
    assert curl(url).status == 405


def test_nobody_of_that_name_is_404(lab1: OwnLab) -> None:
    assert curl(lab1.url("app", "/info/nobody", scheme="http")).status == 404


def test_a_cookie_counts_the_visits(lab1: OwnLab, ca: Path, tmp_path: Path) -> None:
    jar = str(tmp_path / "jar")
    for visit in (1, 2, 3):
        answer = curl(lab1.url("app"), "--cookie", jar, "--cookie-jar", jar, ca=ca)
        assert f"<strong>{visit}</strong>" in answer.body
        assert "HttpOnly" in answer.headers["set-cookie"]
    assert "<strong>1</strong>" in curl(lab1.url("app"), ca=ca).body
    forged = curl(lab1.url("app"), "--cookie", "visits=<script>", ca=ca)
    assert (forged.status, "<script>" in forged.body) == (200, False)


def test_the_page_shows_the_address_that_the_visitor_used(lab1: OwnLab, ca: Path) -> None:
    assert f"curl {lab1.url('app')[:-1]}/api/register" in curl(lab1.url("app"), ca=ca).body
