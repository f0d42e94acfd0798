"""The kind `node`: a program in JavaScript on a port of its own, and the libraries it pins."""

from __future__ import annotations

import json

from labctl.kinds import Scope, node
from labctl.model import Service, Site

LOCK = {"lockfileVersion": 3, "packages": {"": {}, "node_modules/ms": {"integrity": "sha512-x"}}}
CONTENT = {
    "main.mjs": b"",
    "package.json": b"{}",
    "package-lock.json": json.dumps(LOCK).encode(),
}
OPTIONS = node.Options(
    "chat", "main.mjs", libraries="package-lock.json",
    environment={"PORT": "1", "NODE_PATH": "/tmp", "NODE_ENV": "development"},
)  # fmt: skip
SERVICE = Service("chat", "node", "chat", OPTIONS)


def scope(content: dict[str, bytes] | None = None, beside: bool = False) -> Scope:
    sites, found = (Site("a", "chat", ("a.lab.test",)),), content or CONTENT
    return Scope("lab", "lab.test", sites, sites, {"chat": "node"}, found, beside)


def test_it_runs_as_its_own_user_where_the_front_knows() -> None:
    expansion = node.expand(SERVICE, scope())
    (daemon,) = expansion.daemons
    assert (daemon.run, daemon.user) == (("node", "main.mjs"), "www-data")
    assert expansion.route
    assert expansion.route.port == 8000
    (local,) = node.expand(SERVICE, scope(beside=True)).daemons
    assert (daemon.environment["HOST"], local.environment["HOST"]) == ("0.0.0.0", "127.0.0.1")


def test_the_lab_file_says_what_labctl_leaves_open() -> None:
    (daemon,) = node.expand(SERVICE, scope()).daemons
    assert daemon.environment["NODE_ENV"] == "development"
    assert daemon.environment["PORT"] == "8000"
    assert daemon.environment["NODE_PATH"] == "/usr/lib/libraries/chat/node_modules"


def test_what_pins_its_libraries_names_its_image() -> None:
    (libraries,) = node.expand(SERVICE, scope()).extra.libraries
    assert (libraries.tool, libraries.path) == ("npm", "/usr/lib/libraries/chat")
    assert dict(libraries.files) == {name: CONTENT[name] for name in CONTENT if "json" in name}
    bare = Service("chat", "node", "chat", node.Options("chat", "main.mjs"))
    assert not node.expand(bare, scope()).extra.libraries
    assert "NODE_PATH" not in node.expand(bare, scope()).daemons[0].environment


def test_the_program_and_its_pins_must_be_there() -> None:
    assert not list(node.problems(OPTIONS, scope()))
    found = list(node.problems(OPTIONS, scope({"package.json": b"{}"})))
    assert [complaint.path for complaint in found] == [("libraries",), ("program",)]
