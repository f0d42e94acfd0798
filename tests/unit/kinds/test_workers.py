"""The workers kind: its servers run for real here, those of Debian's packages by their interface.

A server that takes one request at a time is the control for those that take several.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from labctl.kinds import Scope, workers
from labctl.model import Service, Template
from labctl.render import templates
from tests.support import lab_at
from tests.unit.stacks.running import loaded, running

STACK = Path(__file__).parents[3] / "stacks/web-workers"
HANDLER = STACK / "handler/handler.py"
OWN = ("one", "forked", "threads", "asyncio")


def service(model: Any, **more: Any) -> Service:
    return Service("it", "workers", "box", workers.Options("handler", model, **more))


def scope(content: dict[str, bytes] | None = None) -> Scope:
    return Scope("lab", "lab.test", (), (), {"it": "workers"}, content or {})


def server(model: Any, count: int = 4) -> str:
    """The text of a model's server."""
    context = {"model": model, "workers": count}
    return templates.text(Template(f"workers/{workers.SERVERS[model]}.py.j2", context))


@pytest.fixture(params=OWN)
def model(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def port(model: str, tmp_path: Path) -> Iterator[int]:
    """A model's server with the lab's handler, up on the loopback interface."""
    (tmp_path / "handler.py").write_bytes(HANDLER.read_bytes())
    (tmp_path / "serve.py").write_text(server(model))
    with running(tmp_path / "serve.py") as (number, _):
        yield number


def ask(number: int, path: str, method: str = "GET") -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", number, timeout=20)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        body = answer.read()
        return answer.status, json.loads(body) if answer.status == 200 else body
    finally:
        connection.close()


def test_the_same_handler_gives_the_same_answers(port: int) -> None:
    assert ask(port, "/")[1]["pages"] == ["/compute", "/wait"]
    assert ask(port, "/no-such-page") == (404, b"")
    lab = lab_at(STACK / "lab.yml")
    (check,) = (c for c in lab.checks if c.name == "one computes the same as the others")
    assert ask(port, "/compute")[1]["result"] == check.expect["body"]["json"]["result"]


def test_who_answers_eight_at_once(port: int, model: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = [f.result()[1] for f in [pool.submit(ask, port, "/wait?ms=300") for _ in range(8)]]
    processes = {answer["process"] for answer in found}
    beside = max(answer["beside"] for answer in found)
    threads = {answer["thread"] for answer in found}
    assert (len(processes) > 1) == (model == "forked")
    assert (beside > 0) == (model in ("threads", "asyncio"))
    assert (len(threads) > 1) == (model == "threads")


@pytest.mark.parametrize("sent", [b"\r\n\r\n", b"GET\r\n\r\n", b"x" * 200_000, b"GET / HTTP/1.0"])
def test_what_is_no_request_ends_no_server(port: int, sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as stranger:
        stranger.sendall(sent)
        with suppress(OSError):  # the server has ended the connection by then
            stranger.shutdown(socket.SHUT_WR)
    assert ask(port, "/")[0] == 200


@pytest.mark.parametrize(
    ("query", "milliseconds"),
    [("", 20), ("ms=5", 5), ("n=3&ms=7", 7), ("ms=", 20), ("ms=-1", 20), ("ms=x", 20),
     ("ms=٣", 20), ("ms=" + "9" * 9000, 1000)],
)  # fmt: skip
def test_how_long_it_waits(query: str, milliseconds: int) -> None:
    assert loaded(HANDLER).milliseconds(query) == milliseconds


def test_the_handler_as_wsgi_has_it(tmp_path: Path) -> None:
    (tmp_path / "serve.py").write_text(server("gunicorn-sync"))
    application = loaded(tmp_path / "serve.py", handler=loaded(HANDLER)).application
    said: list[Any] = []
    for path in ("/compute", "/other"):
        body = b"".join(application({"PATH_INFO": path}, lambda *words: said.append(words)))
        assert dict(said[-1][1])["Content-Length"] == str(len(body))
    assert [words[0] for words in said] == ["200 OK", "404 Not Found"]


def test_the_handler_as_asgi_has_it(tmp_path: Path) -> None:
    (tmp_path / "serve.py").write_text(server("uvicorn"))
    application = loaded(tmp_path / "serve.py", handler=loaded(HANDLER)).application
    sent: list[Any] = []

    async def send(event: Any) -> None:
        sent.append(event)

    for path in ("/wait", "/other"):
        asked = {"type": "http", "path": path, "query_string": b"ms=1"}
        asyncio.run(application(asked, None, send))
    assert [event.get("status") for event in sent] == [200, None, 404, None]
    assert json.loads(sent[1]["body"])["beside"] == 0


def test_each_model_is_run_as_it_is_called() -> None:
    def words(model: Any, **more: Any) -> str:
        return " ".join(workers.expand(service(model, **more), scope()).daemons[0].run)

    assert "--workers=3 --worker-class=sync --threads=1 " in words("gunicorn-sync", workers=3)
    assert "--workers=4 --worker-class=gthread --threads=5 " in words("gunicorn-gthread", threads=5)
    assert words("uvicorn").startswith("python3 -m uvicorn --host=0.0.0.0 --port=8000 --workers=4")
    assert {words(model) for model in OWN} == {"python3 serve.py"}


def test_only_gunicorn_takes_new_code_by_a_reload() -> None:
    reloads = {model for model in workers.SERVERS
               if workers.expand(service(model), scope()).daemons[0].reload}  # fmt: skip
    assert reloads == {"gunicorn-sync", "gunicorn-gthread"}


def test_only_what_is_needed_is_installed() -> None:
    packages = {m: workers.expand(service(m), scope()).packages for m in workers.SERVERS}
    assert packages["threads"] == {"python3"}
    assert packages["gunicorn-gthread"] == {"python3", "gunicorn"}
    assert packages["uvicorn"] == {"python3", "python3-uvicorn"}


def test_a_folder_needs_a_handler_and_no_server() -> None:
    options = workers.Options("handler")
    assert not list(workers.problems(options, scope({"handler.py": b""})))
    both = list(workers.problems(options, scope({"serve.py": b""})))
    assert [complaint.path for complaint in both] == [("content",), ("content",)]
