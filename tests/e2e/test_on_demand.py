"""Applications that sleep: the first request is answered, whatever it is, and nobody is cut off."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from tornado.httpclient import HTTPRequest
from tornado.netutil import Resolver
from tornado.websocket import WebSocketClientConnection, websocket_connect

from tests.e2e.support.asleep import Sleeping
from tests.e2e.support.curl import Answer, curl
from tests.e2e.support.home import Home
from tests.e2e.support.lab import OwnLab
from tests.e2e.support.wait import eventually
from tests.e2e.test_chat import Loopback

pytestmark = pytest.mark.e2e

LAB = """\
lab: hello
title: Applications that sleep
services:
  www: static
  app: {kind: wsgi, packages: []}
  echo: {kind: websocket, program: echo.py}
  broken: {kind: wsgi, packages: []}
sites:
  www: www
  app: {service: app, http: serve}
  echo: {service: echo, http: serve}
  broken: {service: broken, http: serve}
"""
APP = """\
import hashlib, os

VERSION = "one"
DEATHS = os.path.join(os.environ["DATA_DIR"], "deaths")


def app(environ, start_response):
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    path = environ["PATH_INFO"]
    if path == "/die":
        with open(DEATHS, "a") as file:
            file.write("x")
        os._exit(1)
    status = "502 Bad Gateway" if path == "/bad" else "200 OK"
    start_response(status, [("Content-Type", "text/plain")])
    told = {"/bad": "mine", "/version": VERSION, "/deaths": ""}
    if path == "/deaths" and os.path.exists(DEATHS):
        return [open(DEATHS, "rb").read()]
    return [told.get(path, hashlib.sha256(body).hexdigest()).encode()]
"""
ECHO = """\
import asyncio, os
import tornado.web, tornado.websocket


class Echo(tornado.websocket.WebSocketHandler):
    def on_message(self, message):
        self.write_message(message)


async def main():
    application = tornado.web.Application([("/ws", Echo)])
    application.listen(int(os.environ["PORT"]), os.environ["HOST"])
    await asyncio.Event().wait()


asyncio.run(main())
"""
BROKEN = "raise ValueError('no luck today')\n"
APP_DAEMON, ECHO_DAEMON, BROKEN_DAEMON = "gunicorn-app", "websocket-echo", "gunicorn-broken"
DOZES_AFTER = 30 + 5  # seconds: patience and step of `doze`


@pytest.fixture(scope="module")
def lab(home: Home) -> Iterator[OwnLab]:
    made = OwnLab(Sleeping(home.directory), "hello")
    made.write("lab.yml", LAB)
    for path, text in (("app/app.py", APP), ("echo/echo.py", ECHO), ("broken/app.py", BROKEN)):
        made.write(path, text)
    try:
        made.must("up", "--on", "bare-metal")
        yield made
    finally:
        made.remove()


@pytest.fixture(autouse=True)
def sleeping(lab: OwnLab) -> None:
    """Each test begins with all applications asleep."""
    for daemon in (APP_DAEMON, ECHO_DAEMON):
        put_to_sleep(lab, daemon)


def put_to_sleep(lab: OwnLab, daemon: str) -> None:
    lab.output("server", "s6-svc", "-wD", "-d", f"/run/service/{daemon}")
    assert asleep(lab, daemon)


def asleep(lab: OwnLab, daemon: str) -> bool:
    state = lab.output("server", "s6-svstat", "-o", "up,pid", f"/run/service/{daemon}")
    return state.split() == ["false", "-1"]


def ask(lab: OwnLab, path: str = "/", site: str = "app", body: str = "") -> Answer:
    return curl(lab.url(site, path, scheme="http"), body=body)


async def opened(lab: OwnLab) -> WebSocketClientConnection:
    Resolver.configure(Loopback)
    request = HTTPRequest(lab.url("echo", "/ws", scheme="ws"), connect_timeout=20)
    return await websocket_connect(request)


async def echoed(connection: WebSocketClientConnection, text: str) -> str | bytes | None:
    await connection.write_message(text)
    return await asyncio.wait_for(connection.read_message(), 10)


def test_it_is_up_and_ready_with_its_applications_asleep(lab: OwnLab) -> None:
    assert lab.labctl("status").status == 0
    assert asleep(lab, APP_DAEMON)
    assert lab.must("plan").status == 0


def test_the_first_request_wakes_it(lab: OwnLab) -> None:
    assert ask(lab, "/version").body == "one"
    assert not asleep(lab, APP_DAEMON)
    assert asleep(lab, ECHO_DAEMON)


def test_without_its_waker_it_would_not(lab: OwnLab) -> None:
    """The control: nothing else starts an application."""
    waker = f"/run/service/wake-{APP_DAEMON}"
    lab.output("server", "s6-svc", "-wD", "-d", waker)
    try:
        assert ask(lab).status == 502
        assert asleep(lab, APP_DAEMON)
    finally:
        lab.output("server", "s6-svc", "-u", waker)
    eventually(lambda: ask(lab).status == 200)


def test_ten_large_bodies_at_once_arrive_whole(lab: OwnLab) -> None:
    bodies = [str(number) * 2**20 for number in range(10)]
    with ThreadPoolExecutor(len(bodies)) as pool:
        answers = list(pool.map(lambda body: ask(lab, body=body), bodies))
    assert [a.status for a in answers] == [200] * len(bodies)
    assert [a.body for a in answers] == [hashlib.sha256(b.encode()).hexdigest() for b in bodies]


def test_a_websocket_may_be_what_wakes_it(lab: OwnLab) -> None:
    async def talk() -> None:
        connection = await opened(lab)
        assert await echoed(connection, "good morning") == "good morning"
        connection.close()

    asyncio.run(talk())


def test_it_sleeps_when_nobody_is_connected_and_not_before(lab: OwnLab) -> None:
    """Two applications are woken; of one a WebSocket stays open, and silent."""

    async def stay() -> None:
        connection = await opened(lab)
        begun = time.monotonic()
        assert ask(lab).status == 200
        await asyncio.to_thread(eventually, lambda: asleep(lab, APP_DAEMON), DOZES_AFTER + 15)
        assert time.monotonic() - begun > 30
        assert not asleep(lab, ECHO_DAEMON)
        assert await echoed(connection, "still there") == "still there"
        connection.close()

    asyncio.run(stay())
    eventually(lambda: asleep(lab, ECHO_DAEMON), DOZES_AFTER + 15)


def test_an_applications_own_502_is_passed_on(lab: OwnLab) -> None:
    for _ in range(2):  # by the waker, and by itself
        answer = ask(lab, "/bad")
        assert (answer.status, answer.body) == (502, "mine")


def test_what_changes_something_is_asked_once_of_an_application_that_dies(lab: OwnLab) -> None:
    before = len(ask(lab, "/deaths").body)
    assert ask(lab, "/die", body="something").status == 502
    assert len(ask(lab, "/deaths").body) == before + 1


def test_one_that_was_killed_is_started_by_the_next_request(lab: OwnLab) -> None:
    assert ask(lab).status == 200
    lab.output("server", "s6-svc", "-wD", "-k", f"/run/service/{APP_DAEMON}")
    assert asleep(lab, APP_DAEMON)
    assert ask(lab).status == 200


def test_one_that_cannot_start_is_a_502_and_does_not_loop(lab: OwnLab) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: ask(lab, site="broken"), range(4)))
    assert {answer.status for answer in answers} == {502}
    logs = lab.labctl("logs", "server").said
    assert "ValueError: no luck today" in logs
    assert f"wake: {BROKEN_DAEMON} does not start" in logs
    assert asleep(lab, BROKEN_DAEMON)
    assert logs.count("ValueError: no luck today") <= 4 * 2
    assert lab.labctl("status").status == 0


def test_new_code_while_it_sleeps(lab: OwnLab) -> None:
    lab.write("app/app.py", APP.replace('"one"', '"two"'))
    lab.must("up")
    assert asleep(lab, APP_DAEMON)
    assert ask(lab, "/version").body == "two"


def test_new_code_while_it_is_awake(lab: OwnLab) -> None:
    assert ask(lab).status == 200
    lab.write("app/app.py", APP.replace('"one"', '"three"'))
    lab.must("up")
    assert ask(lab, "/version").body == "three"


def test_code_that_is_none_is_refused_also_for_one_that_sleeps(lab: OwnLab) -> None:
    was = ask(lab, "/version").body
    put_to_sleep(lab, APP_DAEMON)
    lab.write("app/app.py", "this is no Python\n")
    refused = lab.up()
    assert refused.status == 1
    assert "gunicorn-app on server refuses" in refused.said
    assert asleep(lab, APP_DAEMON)
    assert ask(lab, "/version").body == was
    lab.write("app/app.py", APP)
    lab.must("up")


def test_an_apache_in_front_wakes_them_too_and_keeps_none_awake(lab: OwnLab) -> None:
    lab.replace("lab.yml", "services:\n", "services:\n  front: {server: apache}\n")
    lab.must("up")
    for daemon in (APP_DAEMON, ECHO_DAEMON):
        put_to_sleep(lab, daemon)
    test_ten_large_bodies_at_once_arrive_whole(lab)
    test_a_websocket_may_be_what_wakes_it(lab)
    assert ask(lab, "/version").body == "one"
    eventually(lambda: not connected(lab))


def connected(lab: OwnLab) -> bool:
    """Whether anybody is connected to an application, as ``doze`` sees it."""
    script = ". /usr/lib/labctl/sockets; sockets 8000 01 03 || sockets 8001 01 03"
    return lab.exec("server", "sh", "-c", script).status == 0
