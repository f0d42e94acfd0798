"""web-chat by real clients through the front: three ways in, every ending, and what it costs."""

from __future__ import annotations

import json
import secrets
from functools import partial
from pathlib import Path

import pytest

from tests.e2e.conftest import Labs
from tests.e2e.support import tools
from tests.e2e.support.chromium import Chromium, Page
from tests.e2e.support.curl import curl
from tests.e2e.support.home import ROOT
from tests.e2e.support.lab import OwnLab
from tests.e2e.support.wait import eventually

pytestmark = pytest.mark.e2e
EXERCISES = sorted(path.name for path in (ROOT / "stacks/web-chat/exercises").iterdir())


@pytest.fixture(scope="module")
def lab(own: Labs) -> OwnLab:
    made = own("web-chat")
    made.must("up")
    return made


def enter(browser: Chromium, lab: OwnLab, room: str, name: str, way: str) -> Page:
    page = browser.open(lab.url("chat"), "typeof enter === 'function'")
    page.run(f"document.getElementById('room').value = '{room}'")
    page.run(f"document.getElementById('name').value = '{name}'")
    page.run(f"document.getElementById('way').value = '{way}'")
    page.run("document.getElementById('enter').requestSubmit()")
    eventually(partial(shows, page, "state", "connected"))
    return page


def say(page: Page, text: str) -> None:
    page.run(f"document.getElementById('text').value = {json.dumps(text)}")
    page.run("document.getElementById('say').requestSubmit()")


def shows(page: Page, element: str, text: str) -> bool:
    return text in page.run(f"document.getElementById('{element}').textContent")


def test_all_its_checks_hold(lab: OwnLab) -> None:
    ran = lab.labctl("check")
    assert ran.status == 0, ran.said


def test_all_three_ways_lead_into_one_room(lab: OwnLab, browser: Chromium) -> None:
    room = f"room-{secrets.token_hex(4)}"
    pages = {
        way: enter(browser, lab, room, f"by-{way}", way) for way in ("websocket", "events", "poll")
    }
    for way, page in pages.items():
        text = f"<i>hello</i> from {way}"
        say(page, text)
        for other in pages.values():
            eventually(partial(shows, other, "messages", text))
            assert other.run("document.querySelectorAll('#messages i').length") == 0
    for way, other in (("websocket", "events"), ("events", "websocket")):
        eventually(partial(shows, pages[way], "clock", ":"))
        eventually(partial(shows, pages[way], "members", f"by-{other}"))
    assert tools.axe(pages["websocket"]) == []
    pages["events"].close()
    eventually(lambda: not shows(pages["websocket"], "members", "by-events"))


def test_a_page_comes_back_after_a_restart(lab: OwnLab, browser: Chromium) -> None:
    room = f"room-{secrets.token_hex(4)}"
    page = enter(browser, lab, room, "Ann", "websocket")
    lab.output("chat", "s6-svc", "-r", "/run/service/websocket-chat")
    eventually(partial(shows, page, "log", "closed (1001 the server goes down, cleanly)"))
    eventually(lambda: page.run("document.getElementById('state').textContent") == "connected", 40)
    say(page, "here again")
    eventually(partial(shows, page, "messages", "here again"))


def test_every_close_code_is_seen_through_the_front(lab: OwnLab) -> None:
    url = f"wss://chat.{lab.domain}/ws"
    out = lab.output("chat", "python3", "/srv/chat/close_codes.py", url)
    codes = [line.split()[0] for line in out.splitlines()]
    assert codes == ["1000", "1001", "1006", "1008", "1009", "1011"]


@pytest.mark.parametrize(
    ("code", "text", "seen"),
    [
        (1000, "/close", "1000 by the server"),
        (1001, "/away", "1001 by the server"),
        (1006, "/cut", "1006, without a close frame"),
        (1009, "x" * 9000, "1009 by the server"),
        (1011, "/fail", "1011 by the server"),
    ],
)
def test_a_browser_and_the_inspector_see_how_it_ended(
    lab: OwnLab, browser: Chromium, authority: Path, code: int, text: str, seen: str
) -> None:
    room = f"room-{secrets.token_hex(4)}"
    page = enter(browser, lab, room, "Ann", "websocket")

    def provoked() -> bool:  # again: a browser drops connections when the host's network changes
        page.run(f"current.send({json.dumps(text)})")
        return shows(page, "log", f"closed ({code}")

    eventually(provoked)
    page.close()

    def ended() -> bool:
        answer = curl(lab.url("inspect", "/har?site=chat"), ca=authority)
        entries = [
            one
            for one in json.loads(answer.body)["log"]["entries"]
            if f"room={room}" in one["request"]["url"]
        ]
        return any(one.get("_closed", "").startswith(seen) for one in entries)

    eventually(ended)


@pytest.mark.parametrize("scheme", ["ws", "wss"])
def test_the_client_of_the_slides(lab: OwnLab, scheme: str) -> None:
    url = f"{scheme}://chat.{lab.domain}/ws?room=slides-{scheme}"
    out = lab.output("chat", "python3", "/srv/chat/slides_client.py", url)
    for word in ("coucou", "byebye", "vive la MMC"):
        assert word in out


def test_events_come_at_once_through_front_and_inspector(lab: OwnLab) -> None:
    url = f"https://chat.{lab.domain}/events?room=at-once"
    ran = lab.exec("client", "timeout", "15", "curl", "-sN", url)
    assert ran.status == 124, "an answer that does not end"
    assert '"type": "welcome"' in ran.out
    assert '"type": "time"' in ran.out


def test_the_experiment_compares_all_ways(lab: OwnLab) -> None:
    ran = lab.home.labctl("experiment", "push", lab.name, "--json")
    assert ran.status == 0, ran.said
    figures = {one["key"]: one for one in ran.json["figures"]}
    for way in ("websocket", "events", "long-poll", "asking"):
        assert figures[f"push.{way}.p50"]["note"] == "120 messages heard"
        assert figures[f"push.{way}.connections"]["value"] == 10
    assert figures["push.websocket.p50"]["value"] < figures["push.asking.p50"]["value"]
    assert figures["push.websocket.bytes"]["value"] < figures["push.long-poll.bytes"]["value"]
    assert figures["push.websocket.requests"]["value"] == 10
    assert figures["push.long-poll.requests"]["value"] > 100


@pytest.mark.parametrize("exercise", EXERCISES)
def test_each_exercise_is_unsolved_and_can_be_solved(lab: OwnLab, exercise: str) -> None:
    ran = lab.home.labctl("lab", "test", str(lab.folder), "--exercise", exercise)
    assert ran.status == 0, ran.said
