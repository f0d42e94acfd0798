"""The kind `php`: its programs are run, and sent to nobody; what its daemon is told and asked."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import pytest

from labctl.kinds import Scope, php
from labctl.model import Lab, Service, Site, Template
from labctl.render import templates
from tests.support import lab_from, tree_of

LAB = """\
lab: x
services:
  shop: {kind: php, workers: 3, upload: 8, environment: {DATA_DIR: /tmp, GREETING: "a\\"b; $c"}}
sites: {shop: shop}
"""


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    for name in ("public/index.php", "public/style.css", "todo.php"):
        (tmp_path / "shop" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "shop" / name).write_text("x")
    return lab_from(LAB, tmp_path)


def locations(lab: Lab) -> str:
    """What nginx is told of the application."""
    route = lab.services["shop"].expansion.route
    assert route
    assert route.locations
    context = {**route.locations.context, "who": ""}
    return templates.text(Template(route.locations.name, context))


@pytest.mark.parametrize(
    ("path", "hidden"),
    [("/index.php", True), ("/todo.php", True), ("/a/b.php/c", True), ("/.env", True),
     ("/.git/config", True), ("/", False), ("/style.css", False), ("/a.phpx", False),
     ("/.well-known/acme-challenge/x", False), ("/people/ada", False)],
)  # fmt: skip
def test_no_program_and_no_hidden_file_is_sent(lab: Lab, path: str, hidden: bool) -> None:
    found = re.findall(r"location ~ (\S+) \{\n    return 404;", locations(lab))
    assert len(found) == 2
    assert any(re.search(one.replace(r"\z", r"\Z"), path) for one in found) is hidden


def test_only_its_first_page_is_run_and_only_public_is_in_reach(lab: Lab) -> None:
    text = locations(lab)
    assert "root /srv/shop/public;" in text
    assert set(re.findall(r"SCRIPT_FILENAME +(\S+);", text)) == {"$document_root/index.php"}
    assert "/srv/shop/todo.php" in tree_of(lab).machines["shop"]


def test_a_request_is_bounded_alike_on_both_sides(lab: Lab) -> None:
    config = tree_of(lab).machines["shop"]["/etc/php/shop.conf"].content.decode()
    assert "client_max_body_size 8m;" in locations(lab)
    assert "post_max_size] = 8M\n" in config
    assert "pm.max_children = 3\n" in config
    assert "display_errors] = off\n" in config


def test_its_environment_is_text_and_its_data_where_labctl_says(lab: Lab) -> None:
    files = tree_of(lab).machines["shop"]
    told = {path.rpartition("/")[2]: entry.content.decode() for path, entry in files.items()
            if path.startswith("/etc/labctl/daemons/php-shop/env/")}  # fmt: skip
    assert told == {"DATA_DIR": "/var/opt/shop", "GREETING": 'a"b; $c'}


def test_whether_it_is_ready_is_asked_in_its_own_protocol(lab: Lab) -> None:
    """FastCGI specification, sections 3.3 and 3.4: records, and the pairs of the request."""
    (daemon,) = lab.services["shop"].expansion.daemons
    assert daemon.ready
    data, kinds = daemon.ready.send, []
    while data:
        version, kind, number, length, padding = struct.unpack(">BBHHB", data[:7])
        assert (version, number, padding) == (1, 1, 0)
        kinds.append((kind, data[8 : 8 + length]))
        data = data[8 + length :]
    assert [kind for kind, _ in kinds] == [1, 4, 4, 5]
    assert b"\x0b\x0eSCRIPT_NAME/.php-fpm/ping" in kinds[1][1]
    assert f"ping.path = {php.PING}\n".encode() in (
        tree_of(lab).machines["shop"]["/etc/php/shop.conf"].content
    )


def test_a_folder_needs_a_first_page() -> None:
    options = php.Options("shop")

    def complained(content: dict[str, bytes]) -> list[tuple[str | int, ...]]:
        scope = Scope("lab", "lab.test", (), (), {"shop": "php"}, content)
        return [complaint.path for complaint in php.problems(options, scope)]

    assert complained({"index.php": b""}) == [("content",)]
    assert complained({"public/index.php": b""}) == []


def test_a_site_for_certain_people_is_not_asked_by_everybody() -> None:
    sites = tuple(Site(name, "shop", (f"{name}.x.test",), clients=people)
                  for name, people in (("open", ()), ("closed", ("ann",))))  # fmt: skip
    scope = Scope("x", "x.test", sites, sites, {"shop": "php"}, {"public/index.php": b""})
    checks = php.expand(Service("shop", "php", "shop", php.Options("shop")), scope).checks
    assert {check.ask["url"] for check in checks} == {
        "https://open.x.test/", "https://open.x.test/index.php",
    }  # fmt: skip
