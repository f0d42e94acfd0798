"""web-cookies in a browser: what comes back from where, sessions, forged requests, consent.

The browser knows the lab by its names below .test: below .localhost it takes plain HTTP for as good
as HTTPS. Each thing that must not happen stands beside the same thing happening.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Labs
from tests.e2e.support.chromium import Chromium, Page
from tests.e2e.support.curl import curl
from tests.e2e.support.home import ROOT
from tests.e2e.support.lab import OwnLab
from tests.e2e.support.visitor import RESOLVE, Visitor, becomes, leads, sent
from tests.e2e.support.wait import eventually

pytestmark = pytest.mark.e2e

EXERCISES = tuple(p.name for p in sorted((ROOT / "stacks/web-cookies/exercises").iterdir()))
PARTITIONED = {"__Host-partitioned"}  # what the second frame of /frame sets, sooner or later


@pytest.fixture(scope="module")
def lab(own: Labs) -> OwnLab:
    made = own("web-cookies")
    made.must("up")
    return made


@pytest.fixture(scope="module")
def trusting(lab: OwnLab, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose user has said ``labctl ca trust``."""
    return lab.trusted_in(tmp_path_factory.mktemp("visitor"))


@pytest.fixture(scope="module")
def _browser(lab: OwnLab, trusting: Path) -> Iterator[Visitor]:
    profile = profile_in(trusting / "profile", third_party_cookies=True)
    with Chromium(trusting, profile, RESOLVE) as browser:
        yield Visitor(browser, lab)


def profile_in(folder: Path, *, third_party_cookies: bool) -> Path:
    """A profile in which that is decided: Chromium's default has been both."""
    (folder / "Default").mkdir(parents=True)
    decided = {"profile": {"cookie_controls_mode": 0 if third_party_cookies else 1}}
    (folder / "Default" / "Preferences").write_text(json.dumps(decided))
    return folder


@pytest.fixture
def visitor(_browser: Visitor) -> Visitor:
    """A visitor without a cookie."""
    _browser.forget()
    return _browser


def test_every_check_holds(lab: OwnLab) -> None:
    ran = lab.labctl("check", "--json")
    assert [(c["check"], c["differences"]) for c in ran.json if not c["passed"]] == []
    assert ran.status == 0


# attributes


def test_domain_and_path_say_where_a_cookie_goes(visitor: Visitor) -> None:
    visitor.sets("plain", "domain", "foreign", "path")
    assert visitor.back("www") == {"plain", "domain"}
    assert visitor.back("www", "/deep/back") == {"plain", "domain", "path"}
    assert visitor.back("sub") == {"domain"}
    assert visitor.back("other") == set()


def test_secure_goes_by_https_alone_and_httponly_is_hidden_from_scripts(visitor: Visitor) -> None:
    visitor.sets("plain", "secure", "httponly")
    page = visitor.open("www", "/back")
    assert sent(page) == {"plain", "secure", "httponly"}
    seen = page.run("document.cookie")
    assert "secure=" in seen
    assert "httponly=" not in seen
    assert visitor.back("www", scheme="http") == {"plain", "httponly"}
    visitor.forget()
    visitor.open("www", "/set/secure", "http")
    assert visitor.back("www") == set(), "a Secure cookie was taken from plain HTTP"


def test_a_lifetime_is_kept_and_zero_ends_it(visitor: Visitor) -> None:
    begun = time.time()
    visitor.sets("plain", "expires", "max-age")
    took = time.time() - begun
    kept = {one["name"]: one for one in visitor.browser.call("Storage.getCookies")["cookies"]}
    assert kept["plain"]["session"] is True
    for name, seconds in (("expires", 60), ("max-age", 30)):
        left = kept[name]["expires"] - begun
        assert seconds - 1.5 < left < seconds + took + 1.5, "a date has whole seconds"
    visitor.open("www", "/forget")
    assert visitor.jar() == {}


def test_a_prefix_is_held_to_its_promise(visitor: Visitor) -> None:
    visitor.sets("host", "host-wrong", "none-wrong", "none")
    assert visitor.back("www") == {"__Host-good", "none"}
    sub = visitor.open("sub")
    sub.run(f"document.cookie = '__Host-good=evil; Secure; Path=/; Domain={visitor.lab.domain}'")
    sub.run(f"document.cookie = 'tossed=evil; Secure; Path=/; Domain={visitor.lab.domain}'")
    assert visitor.back("www") == {"__Host-good", "none", "tossed"}
    assert visitor.jar()["www", "__Host-good"] == "by-www"


def told(page: Page) -> set[str]:
    """What the frame of another site has got, as it tells the page around it."""
    text = eventually(lambda: page.run("document.getElementById('told').textContent"))
    return set() if text == "no cookie" else set(text.split(", "))


def test_samesite_says_from_where_a_request_may_come(visitor: Visitor) -> None:
    visitor.sets("strict", "lax", "none")
    assert visitor.back("www") == {"strict", "lax", "none"}
    assert told(visitor.open("other", "/frame")) - PARTITIONED == {"none"}
    for way, got in (
        ("document.getElementById('link').click()", {"lax", "none"}),
        ("document.forms[0].submit()", {"none"}),
    ):
        page = visitor.open("other", "/frame")
        leads(page, way, visitor.url("www", "/back"))
        assert sent(page) == got, way


def test_another_host_of_the_site_is_no_other_site(visitor: Visitor) -> None:
    visitor.sets("strict", "lax", "none", site="other")
    page = visitor.open("sub", "/frame")
    assert told(page) - PARTITIONED == {"none"}, "sub and other are two sites"
    visitor.forget()
    visitor.sets("strict", "lax")
    page = visitor.open("sub")
    leads(page, f"location.href = '{visitor.url('www', '/back')}'", visitor.url("www", "/back"))
    assert sent(page) == {"strict", "lax"}, "sub and www are one"


def test_a_partitioned_cookie_is_for_one_site_around(visitor: Visitor) -> None:
    told(visitor.open("other", "/frame"))
    eventually(lambda: told(visitor.open("other", "/frame")) >= PARTITIONED)
    assert "__Host-partitioned" not in visitor.back("www")


def test_without_third_party_cookies_only_partitioned_ones_are_left(
    lab: OwnLab, trusting: Path
) -> None:
    profile = profile_in(trusting / "blocking", third_party_cookies=False)
    with Chromium(trusting, profile, RESOLVE) as browser:
        visitor = Visitor(browser, lab)
        visitor.sets("none")
        eventually(lambda: told(visitor.open("other", "/frame")) == PARTITIONED)
        assert visitor.back("www") == {"none"}


# sessions


def log_in(visitor: Visitor, site: str, path: str = "/") -> Page:
    page = visitor.open(site, path)
    page.run("document.querySelector('[name=password]').value = 'tea-party'")
    leads(page, "document.getElementById('login').requestSubmit()", visitor.url(site))
    becomes(page, "document.getElementById('user')?.textContent === 'alice'")
    return page


def known_as(visitor: Visitor, site: str, cookie: str) -> bool:
    """Whether a stranger who says this cookie is taken for alice."""
    url = visitor.lab.url(site)
    page = curl(url, "--header", f"Cookie: {cookie}", ca=visitor.authority)
    assert page.status == 200, page
    return '<strong id="user">alice</strong>' in page.body


def total(visitor: Visitor, site: str, cookie: str) -> str:
    """What a stranger who says this cookie would have to pay."""
    page = curl(visitor.lab.url(site), "--header", f"Cookie: {cookie}", ca=visitor.authority)
    return page.body.partition('<strong id="total">')[2].partition("</strong>")[0]


def test_a_signed_basket_is_the_shops_and_an_unsigned_one_anybodys(visitor: Visitor) -> None:
    for site in ("shop", "careless"):
        page = visitor.open(site)
        page.run("document.querySelector('[name=what][value=teapot]').click()")
        becomes(page, "document.getElementById('total').textContent === '25 €'")
    signed = visitor.jar()["shop", "__Host-basket"]
    assert total(visitor, "shop", f"__Host-basket={signed}") == "25 €"
    payload, _, signature = signed.partition(".")
    cheaper = base64.urlsafe_b64encode(json.dumps({"basket": {"cup": 1}}).encode()).decode()
    for forged in (f"{payload[:-1]}A.{signature}", f"{cheaper}.{signature}", cheaper):
        assert total(visitor, "shop", f"__Host-basket={forged}") == "0 €", forged
    mine = base64.urlsafe_b64encode(json.dumps({"teapot": [1, 1]}).encode()).decode()
    assert total(visitor, "careless", f"basket={mine}") == "1 €"


def test_a_session_that_evil_has_fixed_is_evils_at_the_careless_shop(visitor: Visitor) -> None:
    page = visitor.open("evil")
    careless = visitor.url("careless")
    leads(page, "document.getElementById('gift').click()", careless)
    log_in(visitor, "careless")
    assert known_as(visitor, "careless", "session=a-number-that-evil-knows")
    log_in(visitor, "shop", "/?session=a-number-that-evil-knows")
    assert not known_as(visitor, "shop", "__Host-session=a-number-that-evil-knows")
    number = visitor.jar()["shop", "__Host-session"]
    assert known_as(visitor, "shop", f"__Host-session={number}"), "the control: its own number"


def orders(page: Page) -> str:
    return str(page.run("document.getElementById('orders')?.textContent ?? ''"))


def test_evil_orders_at_the_careless_shop_only(visitor: Visitor) -> None:
    for site in ("careless", "shop"):
        log_in(visitor, site)
    page = visitor.open("evil")
    leads(page, "document.forms[0].submit()", visitor.url("careless"))
    becomes(page, "document.getElementById('orders')?.textContent.includes('teapots for evil')")
    page = visitor.open("evil")
    leads(page, "document.forms[1].submit()", visitor.url("shop", "/order"))
    assert "log in first" in page.run("document.body.innerText")
    assert "evil" not in orders(visitor.open("shop"))


def test_from_the_same_site_only_the_token_helps(visitor: Visitor) -> None:
    page = log_in(visitor, "shop")
    page.run("document.querySelector('#order [name=what]').value = 'of my own'")
    page.run("document.getElementById('order').requestSubmit()")
    becomes(page, "document.getElementById('orders')?.textContent.includes('of my own')")
    page = visitor.open("sub")
    page.run(
        "document.body.innerHTML = '<form method=post><input name=what value=forged></form>';"
        f"document.forms[0].action = '{visitor.url('shop', '/order')}'"
    )
    leads(page, "document.forms[0].submit()", visitor.url("shop", "/order"))
    assert "does not come from our page" in page.run("document.body.innerText")
    assert "forged" not in orders(visitor.open("shop"))


# consent


def seen(visitor: Visitor) -> list[str]:
    """The pages that the tracker has noted."""
    lab = visitor.lab
    url = f"https://tracker.{lab.name}-ads.localhost:{lab.https}/seen.json"
    answer = curl(url, ca=visitor.authority)
    assert answer.status == 200, answer
    found: list[str] = json.loads(answer.body)
    return found


def look(page: Page, button: str) -> dict[str, Any]:
    """What makes a button visible: its size and colours, and where it is."""
    script = f"""(() => {{
        const one = document.getElementById('{button}'), style = getComputedStyle(one);
        const box = one.getBoundingClientRect();
        return {{width: Math.round(box.width), height: Math.round(box.height),
                 top: Math.round(box.top), font: style.font, color: style.color,
                 background: style.backgroundColor, border: style.border,
                 decoration: style.textDecorationLine, tag: one.tagName}};
    }})()"""
    found: dict[str, Any] = page.run(script)
    return found


def press(page: Page, button: str) -> None:
    """Answer the question; the newspaper's first page comes back, without it."""
    page.run(f"document.getElementById('{button}').click()")
    becomes(page, "location.pathname === '/' && !document.getElementById('banner')")


def test_nothing_is_set_before_consent(visitor: Visitor) -> None:
    before = seen(visitor)
    for path in ("/", "/page/2", "/cookies"):
        visitor.open("news", path)
    assert visitor.jar() == {}
    assert seen(visitor) == before
    visitor.open("nagging")
    assert set(visitor.jar()) == {("nagging", "reader"), ("tracker", "reader")}, "the control"
    assert len(seen(visitor)) == len(before) + 1


def test_refusing_is_as_visible_as_accepting(visitor: Visitor) -> None:
    page = visitor.open("news")
    assert look(page, "refuse") == look(page, "accept")
    assert look(page, "refuse")["tag"] == "BUTTON"
    page = visitor.open("nagging")
    assert page.run("document.getElementById('refuse')") is None, "the control"
    accept, choose = look(page, "accept"), look(page, "choose")
    assert accept["width"] * accept["height"] > 10 * choose["width"] * choose["height"]


def test_a_refusal_is_kept_and_nothing_else_is(visitor: Visitor) -> None:
    before = seen(visitor)
    press(visitor.open("news"), "refuse")
    page = visitor.open("news", "/page/2")
    assert page.run("document.getElementById('banner')") is None
    assert visitor.jar() == {("news", "consent"): "none"}
    assert seen(visitor) == before


def test_consent_is_taken_back_as_easily_as_it_was_given(visitor: Visitor) -> None:
    page = visitor.open("news")
    press(page, "accept")
    eventually(lambda: ("tracker", "reader") in visitor.jar())
    mine = visitor.jar()["tracker", "reader"]
    assert mine in visitor.open("tracker").run("document.body.innerText")
    page = visitor.open("news", "/page/3")
    leads(page, "document.getElementById('change').click()", visitor.url("news", "/cookies"))
    press(page, "refuse")
    eventually(lambda: ("tracker", "reader") not in visitor.jar())
    assert visitor.jar() == {("news", "consent"): "none"}
    known = seen(visitor)
    visitor.open("news", "/page/1")
    assert seen(visitor) == known
    assert visitor.open("tracker").run("document.getElementById('nobody') !== null")


def test_nobody_else_consents_for_a_reader(visitor: Visitor) -> None:
    page = visitor.open("evil")
    to = visitor.url("news", "/consent")
    page.run(
        "document.body.innerHTML = '<form method=post><input name=choice value=all></form>';"
        f"document.forms[0].action = '{to}'"
    )
    leads(page, "document.forms[0].submit()", to)
    assert "only our own page can ask you" in page.run("document.body.innerText")
    assert visitor.jar() == {}


def test_one_purpose_can_be_chosen_without_the_other(visitor: Visitor) -> None:
    before = seen(visitor)
    page = visitor.open("news", "/cookies")
    assert page.run("document.querySelectorAll('[name=purpose]:checked').length") == 0
    page.run("document.querySelector('[value=measure]').click()")
    press(page, "some")
    assert set(visitor.jar()) == {("news", "consent"), ("news", "reader")}
    assert seen(visitor) == before


# exercises


@pytest.mark.parametrize("exercise", EXERCISES)
def test_each_is_unsolved_and_can_be_solved(lab: OwnLab, exercise: str) -> None:
    ran = lab.home.labctl("lab", "test", str(lab.folder), "--exercise", exercise)
    assert ran.status == 0, ran.said
