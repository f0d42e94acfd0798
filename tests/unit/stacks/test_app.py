"""The course's exercise in lab1, by its WSGI interface and over the network."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest

APP = Path(__file__).parents[3] / "stacks" / "lab1" / "app"


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The application with an empty database."""
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.setenv("STUDENTS", "Ann & <Bob>")
    spec = importlib.util.spec_from_file_location("lab1_app", APP / "app.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "lab1_app", module)  # where Flask looks for its templates
    spec.loader.exec_module(module)
    return module.app


@pytest.fixture
def client(app: Any) -> Any:
    return app.test_client()


@pytest.mark.parametrize("key", ["token", "secret"])
def test_what_is_registered_is_shown_in_the_two_headings(client: Any, key: str) -> None:
    name = "Sponge <Bob> & $(id) {{7*7}}"
    assert client.post("/api/register", json={"name": name, key: '"><script>'}).status_code == 200
    answer = client.get(f"/info/{name}")
    assert answer.content_type == "text/html; charset=utf-8"
    assert (
        "<h1>Hello Sponge &lt;Bob&gt; &amp; $(id) {{7*7}} your token is "
        "&#34;&gt;&lt;script&gt;</h1>\n<h2>We are Ann &amp; &lt;Bob&gt;</h2>\n"
    ) in answer.text


def test_a_name_may_be_registered_again(client: Any) -> None:
    for token in ("first", "second"):
        client.post("/api/register", json={"name": "a/b//c", "token": token})
    assert "your token is second" in client.get("/info/a/b//c").text


def test_nobody_of_that_name(client: Any) -> None:
    assert client.get("/info/nobody").status_code == 404
    assert client.get("/info/' OR 1=1 --").status_code == 404


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"data": "{", "content_type": "application/json"}, 400),
        ({"json": []}, 400),
        ({"json": {"name": "x"}}, 400),
        ({"json": {"token": "x"}}, 400),
        ({"json": {"name": "", "token": "x"}}, 400),
        ({"json": {"name": 1, "token": "x"}}, 400),
        ({"json": {"name": "x", "token": None, "secret": "y"}}, 400),
        ({"json": {"name": "x\ny", "token": "x"}}, 400),
        ({"json": {"name": "x\ud800", "token": "x"}}, 400),
        ({"json": {"name": "x" * 101, "token": "x"}}, 400),
        ({"json": {"name": "x", "token": "x" * 20_000}}, 413),
        ({"data": {"name": "x", "token": "y"}}, 415),
        ({"data": '{"name": "x", "token": "y"}', "content_type": "text/plain"}, 415),
    ],
)
def test_bad_registrations(client: Any, request_: dict[str, Any], status: int) -> None:
    answer = client.post("/api/register", **request_)
    assert answer.status_code == status
    assert answer.json["error"]


def test_another_method_is_refused_and_the_right_one_named(client: Any) -> None:
    answer = client.get("/api/register")
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]


@pytest.mark.parametrize(
    ("cookie", "visits"),
    [
        (None, "1"),
        ("7", "8"),
        ("0", "1"),
        ("-5", "1"),
        ("1e9", "1"),
        ("<b>", "1"),
        ("9" * 3000, "1"),
        ("٣", "1"),
        ("999999", "1000000"),
        ("1000000", "1"),
    ],
)
def test_the_counter_is_kept_by_the_browser(client: Any, cookie: str | None, visits: str) -> None:
    if cookie is not None:
        client.set_cookie("visits", cookie)
    answer = client.get("/")
    assert f"<strong>{visits}</strong>" in answer.text
    sent = answer.headers["Set-Cookie"]
    assert re.match(rf"visits={visits};", sent)
    assert {"HttpOnly", "Path=/", "SameSite=Lax"} <= set(sent.split("; "))


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its name there)
        """Say nothing."""


@pytest.fixture
def url(app: Any) -> Iterator[str]:
    """The application on a port of the loopback interface."""
    with make_server("127.0.0.1", 0, app, handler_class=_Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_the_courses_own_client(url: str) -> None:
    script = (APP / "client.py").read_text(encoding="utf-8").replace("your url", url)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=20, check=True
    )
    assert "<h1>Hello Sponge Bob your token is un truc au pif</h1>\n<h2>We are " in done.stdout


def test_many_at_once(app: Any) -> None:
    def register(number: int) -> int:
        person = {"name": f"n{number}", "token": "t"}
        status: int = app.test_client().post("/api/register", json=person).status_code
        return status

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(register, range(40))) == {200}
    assert app.test_client().get("/info/n39").status_code == 200
