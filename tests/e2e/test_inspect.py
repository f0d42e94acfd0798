"""web-inspect: what passes the front is seen, in the page, in the archive, and nowhere else.

Controls: a site without the word is not seen; without the inspector its sites answer all the same.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Labs
from tests.e2e.support import tools
from tests.e2e.support.chromium import Chromium, Page
from tests.e2e.support.curl import curl
from tests.e2e.support.home import ROOT
from tests.e2e.support.lab import OwnLab
from tests.e2e.support.wait import becomes, eventually

pytestmark = pytest.mark.e2e
EXERCISES = sorted(path.name for path in (ROOT / "stacks/web-inspect/exercises").iterdir())
SHOWS = "document.getElementById('state').textContent.startsWith('live')"
SPEAKS = "document.getElementById('state').textContent === 'open'"


@pytest.fixture(scope="module")
def lab(own: Labs) -> OwnLab:
    made = own("web-inspect")
    made.must("up")
    return made


def entries(lab: OwnLab, authority: Path, site: str) -> list[dict[str, Any]]:
    answer = curl(lab.url("inspect", f"/har?site={site}"), ca=authority)
    assert answer.status == 200, answer
    found: list[dict[str, Any]] = json.loads(answer.body)["log"]["entries"]
    return found


def chosen(page: Page, words: str) -> str:
    """What the inspector's page shows of the latest request whose line has these words."""
    holds = f"b => b.closest('tr').innerText.includes({json.dumps(words)})"
    button = f"[...document.querySelectorAll('#rows button')].find({holds})"

    def shown() -> str:
        told = str(page.run("document.getElementById('parts').innerText"))
        if "Timing" in told:
            return told
        page.run(f"{button}?.click()")
        return ""

    return eventually(shown)


def test_all_its_checks_hold(lab: OwnLab) -> None:
    ran = lab.labctl("check")
    assert ran.status == 0, ran.said


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_a_request_is_seen_as_the_client_made_it(
    lab: OwnLab, authority: Path, version: str
) -> None:
    path = f"/words.txt?{version.strip('-')}"
    assert curl(lab.url("www", path), version, "-H", "X-Own: yes", ca=authority).status == 200
    entry = next(e for e in entries(lab, authority, "www") if e["request"]["url"].endswith(path))
    assert (
        entry["request"]["httpVersion"] == {"--http1.1": "HTTP/1.1", "--http2": "HTTP/2.0"}[version]
    )
    assert entry["request"]["url"].startswith("https://")
    fields = {one["name"].lower(): one["value"] for one in entry["request"]["headers"]}
    assert fields["x-own"] == "yes"
    assert "inspect-connection" not in fields
    assert entry["response"]["status"] == 200


@pytest.mark.parametrize("site", ["raw", "handler", "live"])
def test_plain_and_encrypted_are_both_seen(lab: OwnLab, authority: Path, site: str) -> None:
    assert curl(lab.url(site, "/?plain", scheme="http")).status in (200, 404)
    assert curl(lab.url(site, "/?secret"), ca=authority).status in (200, 404)
    urls = [entry["request"]["url"] for entry in entries(lab, authority, site)]
    assert any(u.startswith("http://") and u.endswith("?plain") for u in urls)
    assert any(u.startswith("https://") and u.endswith("?secret") for u in urls)


def test_a_site_without_the_word_is_not_seen(lab: OwnLab, authority: Path) -> None:
    assert curl(lab.url("quiet", "/words.txt"), ca=authority).status == 200
    host = lab.host("quiet")
    assert curl(lab.url("inspect", f"/seen?host={host}"), ca=authority).status == 404


def test_conditional_requests_ranges_and_errors_are_as_without_it(
    lab: OwnLab, authority: Path
) -> None:
    for options in (
        ["-I"],
        ["-r", "0-3"],
        ["-H", "If-None-Match: *"],
        ["-X", "DELETE"],
        ["--compressed"],
    ):
        seen = curl(lab.url("www", "/words.txt"), *options, ca=authority)
        unseen = curl(lab.url("quiet", "/words.txt"), *options, ca=authority)
        assert (seen.status, seen.body) == (unseen.status, unseen.body), options
        names = {*seen.headers} - {"date", "alt-svc"}
        assert names == {*unseen.headers} - {"date", "alt-svc"}, options


def test_large_bodies_pass_in_both_directions(lab: OwnLab) -> None:
    body = "x" * 60_000
    answer = curl(lab.url("handler", "/echo", scheme="http"), body=body)
    assert (answer.status, len(answer.body)) == (200, len(body))


def test_the_page_shows_what_happens_while_it_happens(
    lab: OwnLab, authority: Path, browser: Chromium
) -> None:
    page = browser.open(lab.url("inspect"), SHOWS)
    assert page.title == f"Inspector: {lab.name}"
    curl(lab.url("raw", "/?<script>alert(1)</script>"), "--globoff", ca=authority)
    assert "X-Real-IP" in chosen(page, "alert(1)")
    assert page.run("document.querySelectorAll('#rows script').length") == 0
    assert page.run("document.documentElement.scrollWidth <= innerWidth")


def test_frames_of_a_browsers_websocket_are_shown(
    lab: OwnLab, authority: Path, browser: Chromium
) -> None:
    def spoken() -> bool:
        live = browser.open(lab.url("live"), SPEAKS)
        live.run("document.getElementById('text').value = 'by hand'")
        live.run("document.getElementById('say').requestSubmit()")
        return becomes(lambda: live.run("document.getElementById('echo').textContent") == "by hand")

    assert becomes(spoken, 40)

    def frames() -> list[str]:
        found = [e for e in entries(lab, authority, "live") if "_webSocketMessages" in e]
        return [m["data"] for e in found for m in e["_webSocketMessages"]]

    assert "by hand" in eventually(frames)
    shown = chosen(browser.open(lab.url("inspect"), SHOWS), "/ws")
    for words in ("WebSocket frames", "by hand", "text, masked", "Timing"):
        assert words in shown


def test_a_form_and_its_password_are_seen(lab: OwnLab, authority: Path, browser: Chromium) -> None:
    page = browser.open(lab.url("live"))
    page.run("document.querySelector('[name=name]').value = 'Ann'")
    page.run("document.querySelector('[name=password]').value = 's3cret'")
    page.run("document.querySelector('form').requestSubmit()")
    eventually(lambda: "You are Ann" in page.run("document.body?.innerText ?? ''"))
    posted = [e for e in entries(lab, authority, "live") if e["request"]["method"] == "POST"][-1]
    assert "password=s3cret" in posted["request"]["postData"]["text"]
    (cookie,) = posted["response"]["cookies"]
    assert (cookie["name"], cookie["httpOnly"]) == ("session", True)
    inspector = browser.open(lab.url("inspect"), SHOWS)
    shown = chosen(inspector, "POST")
    assert tools.axe(inspector) == []
    for words in ("password=s3cret", "Cookies set", f"{cookie['value']}; httpOnly"):
        assert words in shown


def test_without_the_inspector_its_sites_go_on(lab: OwnLab, authority: Path) -> None:
    daemon = "/run/service/inspect-inspect"
    lab.output("front", "s6-svc", "-wd", "-T", "10000", "-d", daemon)
    try:
        assert curl(lab.url("inspect"), ca=authority).status == 502
        for _ in range(3):
            assert curl(lab.url("www"), ca=authority).status == 200
        posted = curl(lab.url("handler", "/echo", scheme="http"), body="once")
        assert (posted.status, posted.body) == (200, "once")
    finally:
        lab.output("front", "s6-svc", "-wu", "-T", "10000", "-u", daemon)
    eventually(lambda: curl(lab.url("inspect"), ca=authority).status == 200)


def test_it_runs_as_nobody_and_listens_on_loopback_only(lab: OwnLab) -> None:
    pid = lab.pid("front", "inspect-inspect")
    assert lab.output("front", "stat", "-c", "%U", f"/proc/{pid}").strip() == "nobody"
    out = lab.output("front", "cat", "/proc/net/tcp")
    listening = {line.split()[1] for line in out.splitlines()[1:] if line.split()[3] == "0A"}
    for port in (81, 82):
        assert {one for one in listening if one.endswith(f":{port:04X}")} == {
            f"0100007F:{port:04X}"
        }


def test_one_more_site_is_a_reload(lab: OwnLab, authority: Path) -> None:
    file = lab.folder / "lab.yml"
    text = file.read_text()
    before = lab.started()
    pid = lab.pid("front", "inspect-inspect")
    file.write_text(text.replace("  quiet: www ", "  quiet: {service: www, inspect: true} "))
    try:
        lab.must("up")

        def seen() -> bool:  # what is asked during the reload may still go past the inspector
            assert curl(lab.url("quiet"), ca=authority).status == 200
            return len(entries(lab, authority, "quiet")) > 0

        eventually(seen)
        assert "<option>quiet</option>" in curl(lab.url("inspect"), ca=authority).body
        assert lab.started() == before
        assert lab.pid("front", "inspect-inspect") == pid
    finally:
        file.write_text(text)
        lab.must("up")


def test_the_way_is_explained(lab: OwnLab) -> None:
    ran = lab.home.labctl("explain", lab.url("www"))
    assert ran.status == 0, ran.said
    assert "the inspector" in ran.out


@pytest.mark.parametrize("exercise", EXERCISES)
def test_each_exercise_is_unsolved_and_can_be_solved(lab: OwnLab, exercise: str) -> None:
    ran = lab.home.labctl("lab", "test", str(lab.folder), "--exercise", exercise)
    assert ran.status == 0, ran.said
