"""What a daemon refuses never goes live: its words are shown, the old keeps serving."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import Labs
from tests.e2e.support.curl import curl
from tests.e2e.support.lab import OwnLab

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def lab(own: Labs) -> OwnLab:
    made = own("lab1")
    made.write("www.conf", "add_header X-Lesson good always;\n")
    made.replace("lab.yml", '    names: "@"', '    names: "@"\n    config: www.conf')
    made.must("up")
    return made


@pytest.fixture(scope="module")
def root(lab: OwnLab) -> Path:
    return lab.authority()


@pytest.fixture(autouse=True)
def old_keeps_serving(lab: OwnLab, root: Path) -> Iterator[None]:
    """Whatever a test breaks, all sites still answer, and mending it is enough."""
    files = {path: path.read_bytes() for path in lab.folder.rglob("*") if path.is_file()}
    before = lab.started()
    yield
    still = lab.plan().status
    pages = {site: curl(lab.url(site), ca=root) for site in ("www", "forms", "app", "chat")}
    for path, content in files.items():
        path.write_bytes(content)
    lab.must("up")
    assert still == 3
    assert {site: page.status for site, page in pages.items()} == dict.fromkeys(pages, 200)
    assert pages["www"].headers["x-lesson"] == "good"
    assert lab.plan().status == 0
    assert lab.started() == before


Refuse = Callable[..., str]


@pytest.fixture
def refused(lab: OwnLab) -> Refuse:
    """Run ``up``, which must fail, and say so with all these words."""

    def up(*words: str) -> str:
        ran = lab.up()
        assert ran.status == 1, ran.said
        for word in words:
            assert word in ran.err
        assert "Traceback" not in ran.err.replace("Traceback (most recent call last)", "")
        return ran.err

    return up


def test_a_virtual_host_that_nginx_refuses(lab: OwnLab, refused: Refuse) -> None:
    lab.write("www.conf", "add_header X-Lesson bad always;\nno_such_directive on;\n")
    refused(
        "nginx on front refuses",
        'unknown directive "no_such_directive"',
        f"{lab.folder.name}/www.conf:2",
    )


def test_an_application_with_a_syntax_error(lab: OwnLab, refused: Refuse) -> None:
    source = (lab.folder / "app/app.py").read_text()
    lab.write("app/app.py", source + "\ndef broken(:\n")
    line = len(source.splitlines()) + 2
    refused("gunicorn-app on app refuses", "SyntaxError", f"app/app.py:{line}")


def test_an_application_that_imports_what_is_not_there(lab: OwnLab, refused: Refuse) -> None:
    lab.replace("app/app.py", "import sqlite3", "import no_such_module")
    refused("gunicorn-app on app refuses", "No module named 'no_such_module'", "app/app.py:")


def test_a_chat_server_with_a_syntax_error(lab: OwnLab, refused: Refuse) -> None:
    lab.replace("chat/chat.py", "import asyncio", "import asyncio asyncio")
    refused("websocket-chat on chat refuses", "SyntaxError", "chat/chat.py:")


def test_a_cpp_program_that_does_not_compile(lab: OwnLab, refused: Refuse) -> None:
    lab.replace("forms/cgi-bin/form.cpp", "int main(", "int no_such_name = missing;\nint main(")
    refused("fcgiwrap-forms on forms refuses", "missing", "form.cpp:")


def test_a_record_beside_a_configuration_that_a_learner_has_broken(
    lab: OwnLab, refused: Refuse
) -> None:
    """No record of a lab file gets as far as named without being right: the learner breaks it."""
    config = "/etc/bind/named.conf"
    good = lab.output("dns", "cat", config)
    lab.output("dns", "tee", config, input=f"{good}no-such-statement;\n")
    record = "services:\n  dns:\n    records:\n      note:\n        TXT: words\n"
    lab.replace("lab.yml", "services:\n", record)
    line = len(good.splitlines()) + 1
    try:
        refused("named on dns refuses", f"{config}:{line}: unknown option 'no-such-statement'")
    finally:
        lab.output("dns", "tee", config, input=good)
    assert lab.output("client", "dig", "+short", "TXT", f"note.{lab.domain}") == ""


def test_one_refusal_does_not_keep_other_machines_from_changing(
    lab: OwnLab, root: Path, refused: Refuse
) -> None:
    lab.write("www.conf", "no_such_directive on;\n")
    lab.replace("forms/index.html", "<h1>One form", "<h1>Changed: one form")
    refused("nginx on front refuses")
    assert "<h1>Changed: one form" in curl(lab.url("forms"), ca=root).body
