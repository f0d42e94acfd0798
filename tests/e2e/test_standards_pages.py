"""Pages of every lab: valid, accessible, usable on a small screen, and without anybody else.

Each signed site's first page and what it links to on the same host are opened in a browser that
resolves the names of labs only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.support import stacks, tools
from tests.e2e.support.chromium import Chromium, Page
from tests.e2e.support.curl import curl
from tests.e2e.support.lab import OwnLab
from tests.e2e.support.ways import Ways

pytestmark = pytest.mark.e2e

PAGES = 8  # of a site, at most
TEXT = {"web-workers"}  # labs whose sites answer a line of text
SMALL = 360  # CSS pixels: a small telephone held upright
LINKS = """JSON.stringify([...document.querySelectorAll('a[href]')]
    .filter(one => one.origin === location.origin && !one.hasAttribute('download'))
    .map(one => one.pathname + one.search))"""
ASKED = "JSON.stringify(performance.getEntriesByType('resource').map(one => one.name))"
# links that lead to no page of a person: what a program gets
NO_PAGE = re.compile(
    r"\.(txt|json|gif|png|svg|bin|css|js|mjs|csv|pdf|har|xml|ya?ml|zzz)\b|/logout|\?"
)


class Reader:
    """A browser that trusts a lab, on a small screen."""

    def __init__(self, lab: OwnLab, ways: Ways, browser: Chromium) -> None:
        self.lab, self.ways, self.browser = lab, ways, browser

    def open(self, url: str) -> Page:
        page = self.browser.open(url)
        size = {"width": SMALL, "height": 740, "deviceScaleFactor": 1, "mobile": True}
        page.call("Emulation.setDeviceMetricsOverride", **size)
        return page

    def pages(self) -> Iterator[tuple[str, Page]]:
        """Each page's address, and the page; it is closed afterwards."""
        for site in stacks.readable(self.lab.folder.name):
            origin = f"https://{self.ways.to(site)}"
            waiting, seen = ["/"], {"/"}
            while waiting and len(seen) <= 4 * PAGES:
                path = waiting.pop(0)
                page = self.open(f"{origin}{path}")
                assert page.error == "", (path, page.error)
                if page.run("document.contentType") == "text/html":
                    yield f"{origin}{path}", page
                    found = [one for one in links(page) if one not in seen]
                    waiting += found[: PAGES - min(PAGES, len(seen))]
                    seen.update(found)
                page.close()


def links(page: Page) -> list[str]:
    """Paths on the same host that a page links to, each once."""
    found: list[str] = json.loads(page.run(LINKS))
    return [one for one in dict.fromkeys(found) if not NO_PAGE.search(one)]


@pytest.fixture
def reader(stack: OwnLab, ways: Ways, tmp_path: Path) -> Iterator[Reader]:
    home = stack.trusted_in(tmp_path)
    only = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE *.localhost, EXCLUDE 127.0.0.1"
    with Chromium(home, home / "profile", only) as browser:
        yield Reader(stack, ways, browser)


def test_pages_are_valid_accessible_small_and_ask_nobody_else(
    reader: Reader, tmp_path: Path
) -> None:
    """One walk for all questions: a browser's time is what this costs."""
    authority = reader.lab.authority()
    sources: dict[str, Path] = {}
    faults: list[str] = []
    for url, page in reader.pages():
        sources[url] = tmp_path / f"{len(sources)}.html"
        sources[url].write_text(curl(url, ca=authority).body)
        faults += [f"{url}: {fault}" for fault in (*tools.axe(page), *strangers(page, reader.lab))]
        width = page.run("document.documentElement.scrollWidth")
        faults += [f"{url}: {width} px wide"] if width > SMALL else []
    assert bool(sources) is (reader.lab.folder.name not in TEXT)
    named = {path.name: url for url, path in sources.items()}
    for fault in tools.invalid_html(tuple(sources.values())):
        faults.append(f"{named.get(fault.partition(':')[0], '')}: {fault}")
    assert faults == []


def strangers(page: Page, lab: OwnLab) -> list[str]:
    """What a page has asked of hosts that are not the lab's."""
    own = re.compile(rf"(data|blob):|\w+://([a-z0-9-]+\.)*{lab.name}(-[a-z0-9]+)?\.localhost[:/]")
    return [f"asks {one}" for one in json.loads(page.run(ASKED)) if not own.match(one)]


BAD = """<!DOCTYPE html><html><title>x</title><img src="http://stranger.localhost/x.png">
<input><p style="width:900px;color:#999;background:#aaa">wide and pale</p></html>"""


def test_the_control_a_bad_page_is_found(tmp_path: Path) -> None:
    file = tmp_path / "bad.html"
    file.write_text(BAD)
    assert any("alt" in fault for fault in tools.invalid_html([file]))
    with Chromium(tmp_path, tmp_path / "profile") as browser:
        page = browser.open(file.as_uri())
        size = {"width": SMALL, "height": 740, "deviceScaleFactor": 1, "mobile": False}
        page.call("Emulation.setDeviceMetricsOverride", **size)
        rules = {fault.partition(":")[0] for fault in tools.axe(page)}
        assert {"image-alt", "label", "color-contrast", "html-has-lang"} <= rules
        assert page.run("document.documentElement.scrollWidth") > SMALL
        assert page.run("performance.getEntriesByType('resource').length") == 1
