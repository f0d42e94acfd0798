"""A visitor of a lab with two sites: a browser, what it keeps, and what it brings along."""

from __future__ import annotations

import json

from tests.e2e.support.chromium import Chromium, Page
from tests.e2e.support.lab import OwnLab
from tests.e2e.support.wait import eventually

RESOLVE = "--host-resolver-rules=MAP *.test 127.0.0.1"
OTHERS = ("other", "tracker", "evil")


class Visitor:
    """Somebody with a browser of their own, who trusts the lab's authority."""

    def __init__(self, browser: Chromium, lab: OwnLab) -> None:
        self.browser, self.lab = browser, lab
        self.authority = lab.authority()

    def url(self, site: str, path: str = "/", scheme: str = "https") -> str:
        party = "-ads" if site in OTHERS else ""
        port = self.lab.https if scheme == "https" else self.lab.http
        return f"{scheme}://{site}.{self.lab.name}{party}.test:{port}{path}"

    def open(self, site: str, path: str = "/", scheme: str = "https") -> Page:
        page = self.browser.open(self.url(site, path, scheme))
        assert page.error == "", page.error
        return page

    def sets(self, *recipes: str, site: str = "www") -> None:
        for recipe in recipes:
            self.open(site, f"/set/{recipe}")

    def back(self, site: str, path: str = "/back", scheme: str = "https") -> set[str]:
        """The names of the cookies that a visit brings along."""
        return sent(self.open(site, path, scheme))

    def jar(self) -> dict[tuple[str, str], str]:
        """Everything that the browser keeps, by site and name."""
        kept = self.browser.call("Storage.getCookies")["cookies"]
        return {(one["domain"].lstrip(".").partition(".")[0], one["name"]): one["value"]
                for one in kept}  # fmt: skip

    def forget(self) -> None:
        self.browser.call("Storage.clearCookies")


def sent(page: Page) -> set[str]:
    found = page.run("[...document.querySelectorAll('#sent code')].map(one => one.textContent)")
    return {one.partition("=")[0] for one in found}


def becomes(page: Page, condition: str) -> None:
    """Wait for what a script says; between two pages there is nobody to ask."""

    def is_so() -> bool:
        try:
            return bool(page.run(f"document.readyState === 'complete' && ({condition})"))
        except AssertionError:
            return False

    eventually(is_so)


def leads(page: Page, script: str, to: str) -> None:
    """Do what leads to another page, and wait until that is there."""
    page.run(script)
    becomes(page, f"location.href.startsWith({json.dumps(to)})")
