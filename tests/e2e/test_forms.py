"""One form, five languages, GET and POST, friendly and hostile visitors."""

from __future__ import annotations

import html
import re
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.e2e.support.curl import Answer, curl
from tests.e2e.support.lab import OwnLab

pytestmark = pytest.mark.e2e

PROGRAMS = ("form.sh", "form.pl", "form.py", "form.tcl", "form.cgi")
HOSTILE = {
    "markup": "<script>alert(1)</script>",
    "shell": "$(id) `id` ; id | id && id",
    "quotes": "\"'\\",
    "format": "%s %n %x \\x41 \\n $1",
    "tcl": "[exec id] {a} $env(PATH)",
    "glob": "* ? ~ /etc/*",
    "unicode": "crème brûlée 🍮 Ж",
    "entity": "&lt;b&gt; &amp;",
    "equals": "a=b=c",
    "line": "one\r\nX-Injected: yes",
}


@pytest.fixture(scope="module")
def base(lab1: OwnLab) -> str:
    return lab1.url("forms", "/cgi-bin/")


def send(base: str, ca: Path, program: str, method: str, form: str, *more: str) -> Answer:
    if method == "GET":
        return curl(f"{base}{program}?{form}", "--globoff", *more, ca=ca)
    return curl(f"{base}{program}", *more, ca=ca, body=form)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_shows_each_value_as_it_was_sent(
    base: str, ca: Path, program: str, method: str
) -> None:
    form = "&".join(f"{name}={quote(value, safe='')}" for name, value in HOSTILE.items())
    answer = send(base, ca, program, method, form)
    assert answer.status == 200, answer
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "x-injected" not in answer.headers
    rows = re.findall(r"<tr><td>(.*?)</td><td>(.*?)</td></tr>", answer.body, re.DOTALL)
    seen = {html.unescape(name): html.unescape(value) for name, value in rows}
    assert {n: v.replace("\r", "") for n, v in seen.items()} == {
        n: v.replace("\r", "") for n, v in HOSTILE.items()
    }
    assert "<script>" not in answer.body
    assert "uid=" not in answer.body


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize(
    "form", ["", "&&&", "=", "novalue", "a=%", "a=%4", "a=%zz", "a=1&a=2", "%00=%00", "a=+b+"]
)
def test_a_program_survives_what_is_hardly_a_form(
    base: str, ca: Path, program: str, method: str, form: str
) -> None:
    answer = send(base, ca, program, method, form or "&")
    assert answer.status == 200, answer


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_refuses_what_it_cannot_take(base: str, ca: Path, program: str) -> None:
    assert send(base, ca, program, "POST", "a=" + "x" * 5000).status == 413
    assert send(base, ca, program, "GET", "a=" + "x" * 5000).status == 414
    assert send(base, ca, program, "GET", "a=%ff%fe").status == 400
    assert send(base, ca, program, "GET", "a=1", "--request", "DELETE").status == 405
    kind = ("--header", "Content-Type: text/plain")
    assert send(base, ca, program, "POST", "a=1", *kind).status == 415


@pytest.mark.parametrize(
    "name", ["no-such.sh", "../forms/form.sh", "form.sh/extra", "form.cpp", ""]
)
def test_only_programs_that_are_there_run(base: str, ca: Path, name: str) -> None:
    assert curl(f"{base}{name}", "--path-as-is", ca=ca).status in (403, 404)


def test_a_header_does_not_become_the_programs_proxy(lab1: OwnLab, ca: Path) -> None:
    look = "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'; env\n"
    path = "/usr/lib/cgi-bin/forms/env.sh"
    lab1.output("forms", "sh", "-c", f"cat >{path}; chmod 755 {path}", input=look)
    try:
        answer = curl(lab1.url("forms", "/cgi-bin/env.sh"), "--header", "Proxy: http://evil",
                      "--header", "X-Seen: yes", ca=ca)  # fmt: skip
    finally:
        lab1.output("forms", "rm", path)
    assert "HTTP_X_SEEN=yes" in answer.body
    assert "evil" not in answer.body
