"""The sites in a browser engine: trusted after ``ca trust``, stopped where they must be."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.e2e.support.chromium import Chromium, Page
from tests.e2e.support.impostor import impostor
from tests.e2e.support.lab import OwnLab
from tests.e2e.support.visitor import becomes
from tests.e2e.support.wait import eventually

pytestmark = pytest.mark.e2e

RESOLVE = "--host-resolver-rules=MAP *.example.com 127.0.0.1, MAP impostor.* 127.0.0.1"


@pytest.fixture(scope="module")
def trusting(lab1: OwnLab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """A browser whose user has said ``labctl ca trust``."""
    home = lab1.trusted_in(tmp_path_factory.mktemp("trusting"))
    with Chromium(home, home / "profile", RESOLVE) as browser:
        yield browser


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """A browser that knows nothing of the lab."""
    home = tmp_path_factory.mktemp("stranger")
    with Chromium(home, home / "profile", RESOLVE) as browser:
        yield browser


TITLES = {
    "www": "A static site",
    "forms": "Forms and CGI",
    "app": "A small API",
    "chat": "Chat",
}


@pytest.mark.parametrize("site", TITLES)
def test_a_site_opens_once_its_authority_is_trusted(
    lab1: OwnLab, trusting: Chromium, site: str
) -> None:
    page = trusting.open(lab1.url(site))
    assert (page.error, page.title) == ("", TITLES[site])


@pytest.mark.parametrize("site", TITLES)
def test_without_trust_the_same_site_is_stopped(
    lab1: OwnLab, stranger: Chromium, site: str
) -> None:
    assert stranger.open(lab1.url(site)).error == "net::ERR_CERT_AUTHORITY_INVALID"


def test_a_self_signed_site_is_stopped_also_with_trust(lab1: OwnLab, trusting: Chromium) -> None:
    assert trusting.open(lab1.url("selfsigned")).error == "net::ERR_CERT_AUTHORITY_INVALID"


def test_an_unknown_name_has_no_page(lab1: OwnLab, trusting: Chromium) -> None:
    assert trusting.open(lab1.url("no-such-site")).error == "net::ERR_SSL_UNRECOGNIZED_NAME_ALERT"


def test_the_labs_key_cannot_sign_for_the_rest_of_the_internet(
    lab1: OwnLab, trusting: Chromium, tmp_path: Path
) -> None:
    with impostor(lab1, tmp_path, "www.example.com") as port:
        page = trusting.open(f"https://www.example.com:{port}/")
    assert page.error.startswith("net::ERR_CERT_"), page.error
    with impostor(lab1, tmp_path, "127.0.0.1") as port:
        page = trusting.open(f"https://127.0.0.1:{port}/")
    assert page.error.startswith("net::ERR_CERT_"), page.error
    control = f"impostor.{lab1.domain}"
    with impostor(lab1, tmp_path, control) as port:
        page = trusting.open(f"https://{control}:{port}/")
        assert (page.error, page.title) == ("", "Impostor")


def test_http_leads_the_browser_to_https(lab1: OwnLab, trusting: Chromium) -> None:
    page = trusting.open(lab1.url("www", "/words.txt", scheme="http"))
    assert page.run("location.href") == lab1.url("www", "/words.txt")


def test_the_picture_and_the_style_of_a_page_are_loaded(lab1: OwnLab, trusting: Chromium) -> None:
    page = trusting.open(lab1.url("www"))
    assert eventually(lambda: page.run("document.images[0].naturalWidth")) > 0
    assert page.run("document.styleSheets.length") > 0


def test_a_form_is_filled_in_and_answered(lab1: OwnLab, trusting: Chromium) -> None:
    page = trusting.open(lab1.url("forms"))
    page.run("document.getElementById('name').value = 'Zoë <b>'")
    page.run("document.querySelector('[formaction=\"/cgi-bin/form.py\"][formmethod=post]').click()")
    becomes(page, "document.title === 'Answer'")
    assert "Zoë <b>" in page.run("document.body.innerText")


def test_the_cookie_of_the_application_is_kept(lab1: OwnLab, trusting: Chromium) -> None:
    counts = [
        int(trusting.open(lab1.url("app")).run("document.querySelector('strong').textContent"))
        for _ in range(2)
    ]
    assert counts[1] == counts[0] + 1


def test_two_tabs_chat_with_each_other(lab1: OwnLab, trusting: Chromium) -> None:
    room, text = f"room-{secrets.token_hex(4)}", f"hello <i>{os.getpid()}</i>"
    tabs = [trusting.open(lab1.url("chat")) for _ in range(2)]
    for number, tab in enumerate(tabs):
        tab.run(f"document.getElementById('room').value = '{room}'")
        tab.run(f"document.getElementById('name').value = 'tab{number}'")
        tab.run("document.getElementById('enter').requestSubmit()")
    for tab in tabs:
        eventually(partial(shows, tab, "members", "tab0, tab1"))
    tabs[0].run(f"document.getElementById('text').value = '{text}'")
    tabs[0].run("document.getElementById('say').requestSubmit()")
    for tab in tabs:
        eventually(partial(shows, tab, "messages", text))
        assert tab.run("document.querySelectorAll('#messages i').length") == 0


def shows(page: Page, element: str, text: str) -> bool:
    return text in page.run(f"document.getElementById('{element}').textContent")
