"""The lab web-https: its form, its lesson in both languages, its exercises, its platforms."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest

from labctl.errors import LabctlError
from labctl.exercises.reader import exercises
from tests.support import lab_at
from tests.unit.stacks.running import loaded

STACK = Path(__file__).parents[3] / "stacks" / "web-https"


@pytest.fixture(scope="module")
def app() -> Any:
    return loaded(STACK / "login" / "app.py").app


def answer(app: Any, body: str = "", **environ: str) -> str:
    import io

    said: dict[str, Any] = {"wsgi.input": io.BytesIO(body.encode()), **environ}
    said |= {"CONTENT_LENGTH": str(len(body)), "REQUEST_METHOD": "POST" if body else "GET"}
    setup_testing_defaults(said)
    statuses: list[str] = []
    page = b"".join(app(said, lambda status, headers: statuses.append(status))).decode()
    assert statuses == ["200 OK"]
    return page


def test_the_form_says_how_it_came(app: Any) -> None:
    assert "This page came by HTTPS." in answer(app, HTTP_X_FORWARDED_PROTO="https")
    assert "This page came by HTTP." in answer(app, HTTP_X_FORWARDED_PROTO="http")
    assert "Your certificate says: alice." in answer(app, HTTP_X_CLIENT="alice")


def test_a_name_is_text_on_the_page(app: Any) -> None:
    assert "Welcome, alice" in answer(app, "user=alice&password=x")
    page = answer(app, "user=%3Cscript%3E{x}&password=secret", HTTP_X_CLIENT="<b>")
    assert "&lt;script&gt;{x}" in page
    assert "<b>" not in page
    assert "secret" not in page


def test_its_exercises_are_whole() -> None:
    found = exercises(STACK, lab_at(STACK / "lab.yml").machines)
    assert [one.name for one in found] == [
        "01-own-authority", "02-certbot", "03-client-certificates",
    ]  # fmt: skip
    for one in found:
        assert sum(check.points for check in one.checks) >= 5
        assert all(check.lesson for check in one.checks)


def test_it_fits_where_its_servers_have_addresses_of_their_own() -> None:
    lab = lab_at(STACK / "lab.yml", "bare-metal")
    assert {"gallery", "acme", "shop", "server"} <= set(lab.machines)
    with pytest.raises(LabctlError, match="not for on-premise"):
        lab_at(STACK / "lab.yml", "on-premise")
