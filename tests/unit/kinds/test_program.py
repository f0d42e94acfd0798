"""The kind `program`: a server that speaks HTTP by itself."""

from __future__ import annotations

from labctl.kinds import Scope, program
from labctl.model import Service, Site

OPTIONS = program.Options("hand", "main.py", environment={"PORT": "1", "GREETING": "hello"})
SERVICE = Service("hand", "program", "hand", OPTIONS)


def scope(content: dict[str, bytes] | None = None, **more: bool) -> Scope:
    sites = (Site("a", "hand", ("a.lab.test",)),)
    return Scope("lab", "lab.test", sites, sites, {"hand": "program"}, content or {}, **more)


def test_it_runs_as_its_own_user_where_the_front_knows() -> None:
    expansion = program.expand(SERVICE, scope())
    (daemon,) = expansion.daemons
    assert (daemon.run, daemon.user) == (("python3", "main.py"), "www-data")
    assert (daemon.environment["HOST"], daemon.environment["PORT"]) == ("0.0.0.0", "8000")
    assert daemon.environment["GREETING"] == "hello"
    assert expansion.route
    assert (expansion.route.port, expansion.route.websocket) == (8000, False)


def test_beside_the_front_it_listens_on_loopback() -> None:
    (daemon,) = program.expand(SERVICE, scope(beside_front=True)).daemons
    assert daemon.environment["HOST"] == "127.0.0.1"


def test_the_program_must_be_there() -> None:
    assert [c.path for c in program.problems(OPTIONS, scope())] == [("program",)]
    assert not list(program.problems(OPTIONS, scope({"main.py": b""})))
