"""What a check of a lab becomes when a server outside it is asked, and what cannot be asked."""

from __future__ import annotations

from typing import Any

import pytest

from labctl.checks import expect, outside
from labctl.checks.outside import NotAsked, Target
from labctl.checks.variables import Pattern, Sealed
from labctl.errors import LabctlError
from labctl.model import Check, Lab
from tests.support import lab_from

LAB = """
lab: one
services: {www: static, app: static}
sites: {www: {service: www, names: "@"}, app: app}
"""
ME = "https://me.example"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    folder = tmp_path_factory.mktemp("lab")
    for name in ("www", "app"):
        (folder / name).mkdir()
        (folder / name / "index.html").write_text("")
    return lab_from(LAB, folder)


def moved(lab: Lab, client: str, ask: Any, *urls: str, expect: Any = None) -> Check:
    check = Check("a", "", client, ask, {"status": 200} if expect is None else expect)
    return outside.moved(check, [outside.read(url, lab) for url in urls or (ME,)], lab)


@pytest.mark.parametrize(
    ("url", "target", "asked"),
    [
        ("http://app.one.test/x?y=1", "http://192.0.2.7:8000", "http://192.0.2.7:8000/x?y=1"),
        ("http://app.one.test/x", "http://192.0.2.7:80", "http://192.0.2.7/x"),
        ("http://app.one.test", "http://me.example", "http://me.example"),
        ("http://app.one.test/x", "http://me.example/mine/", "http://me.example/mine/x"),
        ("https://app.one.test/x", "https://me.example:8443", "https://me.example:8443/x"),
        ("http://app.one.test/x", "https://me.example", "https://me.example/x"),
        ("http://one.test/", "http://[2001:db8::1]:81", "http://[2001:db8::1]:81/"),
        ("http://app.one.test:80/x", "http://me.example", "http://me.example/x"),
    ],
)
def test_a_url_is_the_targets(lab: Lab, url: str, target: str, asked: str) -> None:
    assert moved(lab, "http", {"url": url}, target).ask["url"] == asked


@pytest.mark.parametrize(
    ("url", "target", "asked"),
    [
        ("ws://app.one.test/ws", "http://me.example:81", "ws://me.example:81/ws"),
        ("ws://app.one.test/ws", "https://me.example", "wss://me.example/ws"),
        ("wss://app.one.test/ws", "https://me.example", "wss://me.example/ws"),
    ],
)
def test_a_websocket_is_the_targets(lab: Lab, url: str, target: str, asked: str) -> None:
    assert moved(lab, "ws", {"url": url}, target).ask["url"] == asked


def test_each_scheme_has_a_target_of_its_own(lab: Lab) -> None:
    urls = ("https://me.example:8443", "http://me.example:8080")
    plain = moved(lab, "http", {"url": "http://app.one.test/"}, *urls)
    secure = moved(lab, "http", {"url": "https://app.one.test/"}, *urls)
    assert plain.ask["url"] == "http://me.example:8080/"
    assert secure.ask["url"] == "https://me.example:8443/"


def test_each_site_has_a_target_of_its_own(lab: Lab) -> None:
    urls = ("app=http://a.example", "http://b.example", "@=http://c.example")
    hosts = ("app.one.test", "www.one.test", "one.test")
    asked = [moved(lab, "http", {"url": f"http://{host}/"}, *urls).ask["url"] for host in hosts]
    assert asked == ["http://a.example/", "http://b.example/", "http://c.example/"]


def test_what_is_expected_is_said_of_the_target(lab: Lab) -> None:
    expected = {
        "location": "https://app.one.test/x",
        "body": {"contains": "at app.one.test:"},
        "header": {"fields": {"x": {"matches": Pattern(r"^https://app\.one\.test/")}}},
    }
    check = moved(lab, "http", {"url": "https://app.one.test/"}, expect=expected)
    assert check.expect["location"] == "https://me.example/x"
    assert check.expect["body"] == {"contains": "at me.example:"}
    pattern = check.expect["header"]["fields"]["x"]["matches"]
    assert isinstance(pattern, Pattern)
    assert expect.holds({"matches": pattern}, "https://me.example/y")
    assert not expect.holds({"matches": pattern}, "https://meXexample/y")


def test_headers_are_about_the_target(lab: Lab) -> None:
    ask = {"url": "wss://app.one.test/", "origin": "https://app.one.test"}
    assert moved(lab, "ws", ask).ask["origin"] == ME
    evil = {"url": "wss://app.one.test/", "origin": "https://evil.example"}
    assert moved(lab, "ws", evil).ask["origin"] == "https://evil.example"


def test_a_secret_stays_sealed(lab: Lab) -> None:
    ask = {"url": Sealed("http://app.one.test/${secret.x}"), "body": Sealed("${secret.x}")}
    check = moved(lab, "http", ask)
    assert check.ask == {"url": Sealed("https://me.example/${secret.x}"), "body": ask["body"]}


def test_redirects_are_followed_to_the_target_only(lab: Lab) -> None:
    ask = {"url": "http://app.one.test/", "follow": True}
    assert moved(lab, "http", ask, "http://me.example").ask["connect"] == "me.example"
    assert "connect" not in moved(lab, "http", {**ask, "follow": False}).ask


def test_a_handshake_is_the_targets(lab: Lab) -> None:
    expected = {"names": {"contains": "app.one.test"}}
    check = moved(lab, "tls", {"host": "app.one.test"}, "https://me.example:8443", expect=expected)
    assert check.ask == {"host": "me.example", "port": 8443}
    assert check.expect == {"names": {"contains": "me.example"}}


@pytest.mark.parametrize(
    ("client", "ask", "targets", "reason"),
    [
        ("file", {"path": "/x"}, ME, "a machine of the lab"),
        ("dns", {"name": "app.one.test"}, ME, "other servers of the lab"),
        ("http", {"url": "https://app.one.test/"}, "http://me.example", "it needs TLS"),
        ("ws", {"url": "wss://app.one.test/"}, "http://me.example", "it needs TLS"),
        ("tls", {"host": "app.one.test"}, "http://me.example", "it needs TLS"),
        ("tls", {"host": "app.one.test", "port": 993}, ME, "another port"),
        ("tls", {"host": "app.one.test", "starttls": "smtp"}, ME, "another port"),
        ("http", {"url": "http://app.one.test:8000/"}, ME, "another port"),
        ("http", {"url": "http://x/", "connect": "y"}, ME, "one host for the name of another"),
        ("http", {"url": "http://elsewhere.example/"}, ME, "no target stands for"),
        ("http", {"url": "http://www.one.test/"}, f"app={ME}", "no target stands for"),
        ("http", {"url": Sealed("http://app.one.test/${account.al}")}, ME, "an account of the lab"),
        ("http", {"url": "http://app.one.test/", "headers": {"Referer": "http://www.one.test"}},
         ME, "other names of the lab"),
    ],
)  # fmt: skip
def test_what_is_not_asked(lab: Lab, client: str, ask: Any, targets: str, reason: str) -> None:
    with pytest.raises(NotAsked, match=reason):
        moved(lab, client, ask, targets)


def test_a_redirect_to_tls_needs_both_targets(lab: Lab) -> None:
    ask, expected = {"url": "http://app.one.test/"}, {"location": "https://app.one.test/"}
    with pytest.raises(NotAsked, match="plain HTTP"):
        moved(lab, "http", ask, expect=expected)
    check = moved(lab, "http", ask, ME, "http://me.example", expect=expected)
    assert check.expect["location"] == f"{ME}/"
    assert check.ask["url"] == "http://me.example/"


def test_what_a_learner_names(lab: Lab) -> None:
    assert outside.read(ME, lab) == Target("https", "me.example", 443)
    assert str(outside.read("app=http://me.example:81/x/", lab)) == (
        "app.one.test=http://me.example:81/x"
    )
    assert outside.read("http://me.example/a=b", lab).path == "/a=b"


@pytest.mark.parametrize(
    "text",
    ["", "me.example", "ftp://me.example", "http://", "http://me.example:99999", "http://[::1",
     "http://me:secret@me.example", "http://me.example/?x=1", "http://me.example/#x",
     "http://me example/", "http://me.example/\n", "nobody=http://me.example",
     "intranet.other.test=http://me.example"],
)  # fmt: skip
def test_what_is_no_target(lab: Lab, text: str) -> None:
    with pytest.raises(LabctlError) as raised:
        outside.read(text, lab)
    assert raised.value.status == 2
