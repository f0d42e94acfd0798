"""The applications of web-cookies, by their WSGI interface."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import Client

APPS = Path(__file__).parents[3] / "stacks" / "web-cookies" / "apps"
MODULES = tuple(path.stem for path in APPS.glob("*.py"))
OWN, OTHER = "web-cookies.test:8443", "web-cookies-ads.test:8443"


class Browser:
    """A client of one application, at several of its hosts."""

    def __init__(self, app: Any) -> None:
        self.client = Client(app)

    def get(self, host: str, path: str = "/", **more: Any) -> Any:
        return self.client.get(path, base_url=f"https://{host}", **more)

    def post(self, host: str, path: str, **data: Any) -> Any:
        return self.client.post(path, base_url=f"https://{host}", data=data)

    def told(self, host: str, cookie: str) -> Any:
        """The first page for somebody who says this cookie, and has no others."""
        stranger = Client(self.client.application, use_cookies=False)
        return stranger.get("/", base_url=f"https://{host}", headers={"Cookie": cookie})

    def jar(self, host: str) -> dict[str, str]:
        """The cookies that would go to a host's first page."""
        domain = host.partition(":")[0]
        return {
            cookie.key: cookie.value
            for cookie in self.client._cookies.values()
            if cookie.domain == domain and cookie.path == "/"
        }


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Imports a module of the lab, with a data directory of its own."""
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.syspath_prepend(str(APPS))
    before = {name: sys.modules.pop(name) for name in MODULES if name in sys.modules}
    yield lambda name: Browser(importlib.import_module(name).app)
    for name in MODULES:
        sys.modules.pop(name, None)
    sys.modules.update(before)


@pytest.fixture
def shop(load: Any) -> Browser:
    return load("shop")


def tags(html: str, pattern: str) -> list[str]:
    return re.findall(pattern, html)


# attributes


def test_links_lead_to_the_other_hosts_of_the_lab(load: Any) -> None:
    www = load("attributes")
    for asked in (f"www.{OWN}", f"other.{OTHER}"):
        page = www.get(asked).text
        assert f"https://sub.{OWN}/back" in page
        assert f"https://other.{OTHER}/frame" in page


def test_each_recipe_is_sent_as_it_is_shown(load: Any) -> None:
    www = load("attributes")
    shown = tags(www.get(f"www.{OWN}").text, r'href="/set/([a-z-]+)"')
    assert len(shown) == 16
    for name in shown:
        answer = www.get(f"www.{OWN}", f"/set/{name}")
        sent = answer.headers["Set-Cookie"]
        assert answer.status_code == 200
        # up to the moment of an expiry
        assert sent.partition("; Expires")[0] in answer.text.replace("&#34;", '"')
        assert ":8443" not in sent, "a cookie has no port (RFC 6265 section 8.5)"
    assert www.get(f"www.{OWN}", "/set/nothing").status_code == 404


def test_all_are_forgotten_by_name_domain_and_path(load: Any) -> None:
    answer = load("attributes").get(f"www.{OWN}", "/forget")
    sent = answer.headers.getlist("Set-Cookie")
    assert len(sent) == 16
    assert all(line.endswith("; Max-Age=0") for line in sent)


def test_what_came_back_is_text_and_never_kept_by_a_cache(load: Any) -> None:
    www = load("attributes")
    www.client.set_cookie("evil", "<script>", domain=f"www.{OWN}".partition(":")[0])
    answer = www.get(f"www.{OWN}", "/back")
    assert "evil=&lt;script&gt;" in answer.text
    assert "evil=<" not in answer.text
    assert answer.headers["Cache-Control"] == "no-store"


# shops


def logged_in(shop: Browser, host: str) -> str:
    answer = shop.post(host, "/login", user="alice", password="tea-party")
    assert answer.status_code == 303
    return answer.headers["Set-Cookie"]


@pytest.mark.parametrize("site", ["shop", "careless"])
def test_who_says_the_password_is_known(shop: Browser, site: str) -> None:
    host = f"{site}.{OWN}"
    assert shop.post(host, "/login", user="alice", password="wrong").status_code == 403
    assert shop.post(host, "/login", user="<b>", password="").status_code == 403
    assert '<strong id="user">' not in shop.get(host).text
    logged_in(shop, host)
    assert '<strong id="user">alice</strong>' in shop.get(host).text
    shop.post(host, "/logout")
    assert '<strong id="user">' not in shop.get(host).text


def test_the_careful_session_has_a_number_of_its_own_after_each_login(shop: Browser) -> None:
    numbers = {SimpleCookie(logged_in(shop, f"shop.{OWN}"))["__Host-session"].value for _ in "ab"}
    assert len(numbers) == 2


def test_a_number_that_was_brought_along_is_fixed_at_the_careless_one_only(shop: Browser) -> None:
    careless, careful = f"careless.{OWN}", f"shop.{OWN}"
    shop.get(careless, "/?session=known")
    shop.get(careful, "/?session=known")
    logged_in(shop, careless)
    logged_in(shop, careful)
    told = shop.told(careless, "session=known").text
    assert '<strong id="user">alice</strong>' in told
    assert '<strong id="user">' not in shop.told(careful, "__Host-session=known").text


def test_an_order_needs_the_token_of_the_page_at_the_careful_one_only(shop: Browser) -> None:
    for site, status in (("shop", 403), ("careless", 303)):
        logged_in(shop, f"{site}.{OWN}")
        assert shop.post(f"{site}.{OWN}", "/order", what="x").status_code == status
    page = shop.get(f"shop.{OWN}").text
    (token,) = tags(page, 'name="token" value="([^"]+)"')
    assert shop.post(f"shop.{OWN}", "/order", what="a <cup>", token=token).status_code == 303
    assert "<li>a &lt;cup&gt;</li>" in shop.get(f"shop.{OWN}").text


def test_a_logged_out_number_is_nobody_at_the_careful_one(shop: Browser) -> None:
    number = SimpleCookie(logged_in(shop, f"shop.{OWN}"))["__Host-session"].value
    shop.post(f"shop.{OWN}", "/logout")
    again = shop.told(f"shop.{OWN}", f"__Host-session={number}")
    assert '<strong id="user">' not in again.text


@pytest.mark.parametrize("site", ["shop", "careless"])
def test_a_basket_is_kept_and_a_broken_one_is_empty(shop: Browser, site: str) -> None:
    host = f"{site}.{OWN}"
    for what in ("cup", "cup", "teapot"):
        assert shop.post(host, "/basket", what=what).status_code == 303
    assert "41 €" in shop.get(host).text
    assert shop.post(host, "/basket", what="moon").status_code == 400
    name = "__Host-basket" if site == "shop" else "basket"
    for broken in ("", "eyJ", "W10=", "bnVsbA==", "eyJhIjoxfQ=="):
        page = shop.told(host, f"{name}={broken}")
        assert (page.status_code, "0 €" in page.text) == (200, True), broken


# newspapers


def test_nothing_is_set_before_consent_and_everything_at_the_other(load: Any) -> None:
    news = load("news")
    answer = news.get(f"news.{OWN}")
    assert "Set-Cookie" not in answer.headers
    assert "pixel.gif" not in answer.text
    answer = news.get(f"nagging.{OWN}")
    assert answer.headers["Set-Cookie"].startswith("reader=")
    assert f"https://tracker.{OTHER}/pixel.gif" in answer.text


@pytest.mark.parametrize(
    ("form", "kept", "reader", "pixel"),
    [
        ({"choice": "none"}, "none", False, False),
        ({"choice": "all"}, "measure.ads", True, True),
        ({"purpose": "ads"}, "ads", False, True),
        ({"purpose": "measure"}, "measure", True, False),
        ({"purpose": "something"}, "none", False, False),
        ({}, "none", False, False),
    ],
)
def test_a_choice_is_kept_and_no_more_is_done(
    load: Any, form: dict[str, str], kept: str, reader: bool, pixel: bool
) -> None:
    news, host = load("news"), f"news.{OWN}"
    assert news.post(host, "/consent", **form).status_code == 303
    page = news.get(host).text
    assert 'id="banner"' not in page
    assert ("pixel.gif" in page) is pixel
    assert news.jar(host).get("consent") == kept
    assert ("reader" in news.jar(host)) is reader


def test_consent_is_taken_back_as_it_was_given(load: Any) -> None:
    news, host = load("news"), f"news.{OWN}"
    news.post(host, "/consent", choice="all")
    news.get(host)
    assert set(news.jar(host)) == {"consent", "reader"}
    answer = news.post(host, "/consent", choice="none")
    assert answer.location == "/?forget=1"
    assert "forget.gif" in news.get(host, answer.location).text
    assert news.jar(host) == {"consent": "none"}


def test_no_other_site_consents_for_a_reader(load: Any) -> None:
    news = load("news")
    for site, status in (("cross-site", 403), ("same-site", 403), ("same-origin", 303)):
        answer = news.client.post(
            "/consent", base_url=f"https://news.{OWN}", headers={"Sec-Fetch-Site": site}
        )
        assert answer.status_code == status


# the other party


def test_the_tracker_knows_a_reader_again_and_forgets_them(load: Any) -> None:
    ads, host = load("ads"), f"tracker.{OTHER}"
    for page in ("https://a/1", "https://b/2"):
        assert ads.get(host, f"/pixel.gif?page={page}").content_type == "image/gif"
    told = ads.get(host).text
    assert "https://a/1, 1 time" in told
    assert "https://b/2, 1 time" in told
    assert ads.get(host, "/seen.json").json == ["https://a/1", "https://b/2"]
    ads.get(host, "/forget.gif")
    assert ads.get(host, "/seen.json").json == []
    assert 'id="nobody"' in ads.get(host).text


def test_evil_has_a_form_for_each_shop(load: Any) -> None:
    page = load("ads").get(f"evil.{OTHER}").text
    assert tags(page, 'action="([^"]+)"') == [
        f"https://careless.{OWN}/order",
        f"https://shop.{OWN}/order",
    ]
