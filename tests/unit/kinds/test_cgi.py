"""The cgi kind: programs where nginx finds them, compiled ones without a gap."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from labctl.kinds import Scope, cgi
from labctl.model import Kept, Lab, Service, Site, Template
from labctl.render import templates

CONTENT = {
    "index.html": b"",
    "cgi-bin/form.sh": b"#!/bin/sh\n",
    "cgi-bin/form.tcl": b"#!/usr/bin/tclsh\n",
    "cgi-bin/add.cpp": b"int main() {}\n",
    "cgi-bin/lib/table.pm": b"1;\n",
}
SERVICE = Service("forms", "cgi", "forms", cgi.Options("forms"))


def scope(content: dict[str, bytes], *sites: Site) -> Scope:
    return Scope("lab", "lab.test", sites, sites, {"forms": "cgi"}, content)


def complaints(*names: str) -> list[str]:
    content = {f"cgi-bin/{name}": b"" for name in names}
    return [c.message for c in cgi.problems(SERVICE.options, scope(content))]


def test_only_the_packages_that_its_programs_need() -> None:
    packages = cgi.expand(SERVICE, scope(CONTENT)).packages
    assert packages == {"fcgiwrap", "g++", "make", "tcl"}


def test_files_lie_where_an_administrator_looks() -> None:
    lab = Lab("lab", "", "lab.test", {"forms": SERVICE}, (), {}, (), contents={"forms": CONTENT})
    found = {file.path: file.mode for file in cgi.files(SERVICE, lab, Kept(""))}
    assert found == {
        "/var/www/forms/index.html": 0o644,
        "/usr/lib/cgi-bin/forms/form.sh": 0o755,
        "/usr/lib/cgi-bin/forms/form.tcl": 0o755,
        "/usr/lib/cgi-bin/forms/lib/table.pm": 0o644,
        "/usr/local/src/forms/add.cpp": 0o644,
        "/usr/local/src/forms/Makefile": 0o644,
    }


def test_a_service_without_cpp_compiles_nothing() -> None:
    expansion = cgi.expand(SERVICE, scope({"cgi-bin/form.sh": b""}))
    assert not expansion.daemons[0].test
    assert expansion.route
    assert expansion.route.locations
    assert "cgi-bin/(?<cgi_program>(?:" not in templates.text(expansion.route.locations, who="")


def test_names_that_are_no_programs() -> None:
    assert complaints() == ["there is no program in its folder cgi-bin/"]
    for name in ("a b.sh", ".hidden", "a.tar.gz", "x'y", "a$b", "a;b"):
        assert complaints(name) == [f"cgi-bin/{name} is not a program's name"]
    assert complaints("a.cpp", "a.cgi") == ["cgi-bin/a.cgi is what a.cpp is compiled to"]
    assert complaints("form", "form.sh", "9-b_c.py") == []


def test_each_program_is_checked_by_get_and_post_through_each_site() -> None:
    site = Site("forms", "forms", ("forms.lab.test",))
    plain = Site("old", "forms", ("old.lab.test",), tls="none", http="serve")
    checks = cgi.expand(SERVICE, scope(CONTENT, site, plain)).checks
    urls = [check.ask["url"] for check in checks]
    assert len(urls) == 2 * (2 + 3 * 2)
    assert "https://forms.lab.test/cgi-bin/add.cgi" in urls
    assert "http://old.lab.test/cgi-bin/no-such-program" in urls


@pytest.mark.parametrize(
    ("body", "passes"),
    [
        ("<td>&lt;script&gt;alert(`id`)&lt;/script&gt;$(id);</td>", True),
        ("<td><script>alert(`id`)</script>$(id);</td>", False),
        ("<script>alert(1)</script>&lt;script&gt;alert(`id`)&lt;/script&gt;$(id);", False),
        ("<td>&lt;script&gt;alert(uid=33)&lt;/script&gt;uid=33;</td>", False),
    ],
)
def test_the_check_sees_a_value_that_comes_back_raw(body: str, passes: bool) -> None:
    assert bool(re.search(cgi.ECHOED, f"<table>\n{body}\n</table>")) is passes


class Workshop:
    """A directory with the rendered Makefile and one source."""

    def __init__(self, directory: Path) -> None:
        self.source = directory / "src" / "add.cpp"
        self.served = directory / "lib" / "cgi-bin" / "add.cgi"
        self.source.parent.mkdir()
        names = {"service": "forms", "programs": ("add",), "directory": str(directory / "lib")}
        makefile = templates.text(Template("cgi/Makefile.j2", names))
        (self.source.parent / "Makefile").write_text(makefile)

    def make(self, target: str, result: int) -> subprocess.CompletedProcess[str]:
        self.source.write_text(f"int main() {{ return {result}; }}\n" if result >= 0 else "oops\n")
        command = ["make", "-s", "-C", str(self.source.parent), target]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def answer(self) -> int:
        return subprocess.run([str(self.served)], check=False).returncode


def test_a_source_goes_live_when_installed_and_a_broken_one_never(tmp_path: Path) -> None:
    shop = Workshop(tmp_path)
    assert shop.make("start", 1).returncode == 0
    assert shop.answer() == 1
    assert shop.make("build", 2).returncode == 0
    assert shop.answer() == 1
    assert shop.make("install", 2).returncode == 0
    assert shop.answer() == 2
    refused = shop.make("build", -1)
    assert refused.returncode != 0
    assert "add.cpp:1" in refused.stderr
    assert shop.make("start", -1).returncode == 0
    assert shop.answer() == 2


def test_a_change_that_was_built_but_put_back_is_not_installed(tmp_path: Path) -> None:
    shop = Workshop(tmp_path)
    shop.make("start", 1)
    shop.make("build", 2)
    assert shop.make("install", 1).returncode == 0
    assert shop.answer() == 1


def test_a_broken_source_without_a_program_to_fall_back_on_stops_the_start(tmp_path: Path) -> None:
    assert Workshop(tmp_path).make("start", -1).returncode != 0
