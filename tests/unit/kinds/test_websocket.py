"""The websocket kind."""

from __future__ import annotations

from labctl.kinds import Scope, websocket
from labctl.model import Service, Site

OPTIONS = websocket.Options("talk", "main.py", path="/socket", environment={"PORT": "1"})
SERVICE = Service("talk", "websocket", "talk", OPTIONS)


def scope(*sites: Site, content: dict[str, bytes] | None = None) -> Scope:
    return Scope("lab", "lab.test", sites, sites, {"talk": "websocket"}, content or {})


def test_the_program_runs_as_its_own_user_on_the_port_that_the_front_knows() -> None:
    expansion = websocket.expand(SERVICE, scope())
    (daemon,) = expansion.daemons
    assert (daemon.run, daemon.user) == (("python3", "main.py"), "www-data")
    assert daemon.directory == "/srv/talk"
    assert daemon.environment["PORT"] == "8000"
    assert expansion.route
    assert (expansion.route.port, expansion.route.websocket) == (8000, True)
    assert not daemon.reload


def test_the_handshake_is_checked_as_each_site_offers_it() -> None:
    sites = (
        Site("a", "talk", ("a.lab.test",)),
        Site("b", "talk", ("b.lab.test",), http="serve"),
        Site("c", "talk", ("c.lab.test",), tls="none", http="serve"),
        Site("d", "talk", ("d.lab.test",), tls="self-signed"),
    )
    checks = websocket.expand(SERVICE, scope(*sites)).checks
    assert [check.ask["url"] for check in checks] == [
        "wss://a.lab.test/socket",
        "wss://b.lab.test/socket",
        "ws://b.lab.test/socket",
        "ws://c.lab.test/socket",
    ]


def test_the_program_must_be_there() -> None:
    assert [c.path for c in websocket.problems(SERVICE.options, scope())] == [("program",)]
    there = scope(content={"main.py": b""})
    assert not list(websocket.problems(SERVICE.options, there))
