"""Pages of every lab: valid, accessible, usable on a small screen, and without anybody else.

Each signed site's first page and what it links to on the same host are opened in a browser that
resolves the names of labs only. Files that no such walk comes to are opened where they lie.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from labctl.spec.lab import load
from tests.e2e.support import stacks, tools
from tests.e2e.support.chromium import Chromium, Page
from tests.e2e.support.curl import curl
from tests.e2e.support.lab import OwnLab
from tests.e2e.support.ways import Ways

pytestmark = pytest.mark.e2e

PAGES = 8  # of a site, at most
TEXT = {"web-workers"}  # labs whose sites answer a line of text
SMALL = 360  # CSS pixels: a small telephone held upright
TEMPLATE = re.compile(rb"\{\{|\{%")
GALLERY = "/usr/local/share/gallery/"
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

    def pages(self) -> Iterator[tuple[str, Page]]:
        """Each page's address, and the page; it is closed afterwards."""
        for site in stacks.readable(self.lab.folder.name):
            origin = f"https://{self.ways.to(site)}"
            waiting, seen = ["/"], {"/"}
            while waiting and len(seen) <= 4 * PAGES:
                path = waiting.pop(0)
                page = on_small(self.browser, f"{origin}{path}")
                assert page.error == "", (path, page.error)
                if page.run("document.contentType") == "text/html":
                    yield f"{origin}{path}", page
                    found = [one for one in links(page) if one not in seen]
                    waiting += found[: PAGES - min(PAGES, len(seen))]
                    seen.update(found)
                page.close()


def on_small(browser: Chromium, url: str) -> Page:
    """A page, open on a small screen."""
    page = browser.open(url)
    size = {"width": SMALL, "height": 740, "deviceScaleFactor": 1, "mobile": True}
    page.call("Emulation.setDeviceMetricsOverride", **size)
    return page


def amiss(page: Page) -> Iterator[str]:
    """What is wrong with a page for somebody who cannot see it well, or on a small screen."""
    yield from tools.axe(page)
    width = page.run("document.documentElement.scrollWidth")
    if width > SMALL:
        yield f"{width} px wide"


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
        faults += [f"{url}: {fault}" for fault in (*amiss(page), *strangers(page, reader.lab))]
    assert bool(sources) is (reader.lab.folder.name not in TEXT)
    named = {path.name: url for url, path in sources.items()}
    for fault in tools.invalid_html(tuple(sources.values())):
        faults.append(f"{named.get(fault.partition(':')[0], '')}: {fault}")
    assert faults == []


def strangers(page: Page, lab: OwnLab) -> list[str]:
    """What a page has asked of hosts that are not the lab's."""
    own = re.compile(rf"(data|blob):|\w+://([a-z0-9-]+\.)*{lab.name}(-[a-z0-9]+)?\.localhost[:/]")
    return [f"asks {one}" for one in json.loads(page.run(ASKED)) if not own.match(one)]


def folders(stack: str) -> Iterator[tuple[str, Mapping[str, bytes]]]:
    """What the services of a lab have to show, by service; the gallery's page is labctl's own."""
    spec, _ = load(stacks.FOLDER / stack / "lab.yml")  # on whichever platform they are there
    yield from ((name, service.content) for name, service in spec.services.items())
    for machine, files in stacks.trees(stack).items():
        found = {path: data for path, data in files.items() if path.startswith(GALLERY)}
        yield machine, {path.removeprefix(GALLERY): data for path, data in found.items()}


def apart(folder: Path) -> Iterator[tuple[Path, str]]:
    """Pages that no walk comes to, each in a copy of the folder that its site shows.

    Those of sites that the lab's authority does not vouch for, and what is shown in place of a
    page that is not there.
    """
    for stack in stacks.STACKS:
        walked = {site.service for site in stacks.readable(stack)}
        for name, files in folders(stack):
            pages = [path for path, data in files.items()
                     if path.endswith(".html") and not TEMPLATE.search(data)
                     and (name not in walked or path == "404.html")]  # fmt: skip
            for path in files if pages else ():
                file = folder / stack / name / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(files[path])
            yield from ((folder / stack / name, path) for path in pages)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its name there)
        """Say nothing."""


@contextmanager
def shown(folder: Path) -> Iterator[str]:
    """The address at which a folder's files are sent on this host."""
    handler = partial(Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()


def test_pages_that_no_walk_comes_to_are_as_good(tmp_path: Path) -> None:
    pages = list(apart(tmp_path / "pages"))
    assert {"www", "forms", "intranet", "gallery", "shop", "nginx-staff"} <= {
        folder.name for folder, _ in pages
    }
    faults = tools.invalid_html([folder / path for folder, path in pages])
    with Chromium(tmp_path, tmp_path / "profile") as browser:
        for folder, path in pages:
            with shown(folder) as origin:
                page = on_small(browser, f"{origin}{path}")
                asked = json.loads(page.run(ASKED))
                found = [*amiss(page), *(one for one in asked if not one.startswith(origin))]
                page.close()
            faults += [f"{folder.relative_to(tmp_path)}/{path}: {fault}" for fault in found]
    assert faults == []


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
