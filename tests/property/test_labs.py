"""Whatever is said in a lab file: it is refused in words, or it becomes files that stay inside."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labctl.dns import rdata
from labctl.render import DAEMONS
from labctl.render.tree import Tree
from labctl.spec.problems import InvalidLab
from tests.property import strategies
from tests.property.strategies import MARKER, as_yaml
from tests.support import lab_from, tree_of

PLACE = re.compile(r"lab\.yml:[1-9][0-9]*:[1-9][0-9]*: .+")
ordinary = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("labs")
    strategies.write_content(path)
    return path


def outcome(data: bytes, folder: Path) -> Tree | InvalidLab:
    """The lab's files, or why there are none: nothing else may happen."""
    try:
        tree = tree_of(lab_from(data, folder))
    except InvalidLab as refused:
        assert_in_words(refused)
        return refused
    assert_inside(tree)
    return tree


def assert_in_words(refused: InvalidLab) -> None:
    """Each problem has its place, and nothing in it can steer a terminal."""
    assert refused.problems
    assert refused.status == 2
    for problem in refused.problems:
        text = problem.text(refused.lines)
        assert PLACE.match(text), text
        assert all(line.isprintable() for line in text.split("\n")), repr(text)
        assert len(problem.message) < 600


def assert_inside(tree: Tree) -> None:
    """Every file has an absolute, plain path, and the Compose file says what was meant."""
    for files in tree.machines.values():
        for path, entry in files.items():
            assert path.startswith("/")
            assert path == posixpath.normpath(path)
            assert path.isprintable()
            assert re.fullmatch(r"[a-z][a-z0-9-]*", entry.owner)
    document = yaml.safe_load(tree.compose)
    assert set(document["services"]) == set(tree.machines)
    for service in document["services"].values():
        assert service["cap_drop"] == ["ALL"]
        assert "privileged" not in service
        for volume in service["volumes"]:
            assert volume["type"] == "volume" or volume["target"] == "/labctl"


@given(document=strategies.labs())
@ordinary
def test_a_valid_lab_is_rendered(document: strategies.Document, folder: Path) -> None:
    found = outcome(as_yaml(document), folder)
    assert isinstance(found, Tree), str(found)
    for name, service in document["services"].items():
        for variable, value in service.get("environment", {}).items():
            daemon = "gunicorn" if service["kind"] == "wsgi" else service["kind"]
            if variable not in ("DATA_DIR", "HOST", "PORT", "PYTHONDONTWRITEBYTECODE"):
                file = f"{DAEMONS}/{daemon}-{name}/env/{variable}"
                assert found.machines[name][file].content.decode() == value
    for text in texts_of(document):
        zones = [e.content.decode() for p, e in found.machines["dns"].items() if "/db." in p]
        assert any(rdata.quoted(text) in zone for zone in zones)


def texts_of(document: strategies.Document) -> Iterator[str]:
    for by_type in document["services"].get("dns", {}).get("records", {}).values():
        yield from by_type.get("TXT", ())


@given(document=strategies.mutated())
@settings(ordinary, max_examples=200)
def test_a_lab_with_something_hostile_in_it(document: Any, folder: Path) -> None:
    outcome(as_yaml(document), folder)


@given(tree=strategies.trees)
@ordinary
def test_any_tree_of_values(tree: Any, folder: Path) -> None:
    outcome(as_yaml(tree), folder)
    outcome(yaml.safe_dump(tree, allow_unicode=True).encode("utf-8", "surrogatepass"), folder)


@given(data=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
@ordinary
def test_any_bytes(data: bytes, folder: Path) -> None:
    assert isinstance(outcome(data, folder), InvalidLab)


@given(
    data=st.text(
        st.sampled_from(list("abwx019:-,[]{}&*!|>'\"#%@` \t\n?~<.\\/$\u00e9\u2028")), max_size=120
    )
)
@settings(ordinary, max_examples=300)
def test_anything_made_of_what_yaml_means(data: str, folder: Path) -> None:
    outcome(
        b"lab: x\nservices:\n  www:\n    kind: static\n    content: page\n" + data.encode(), folder
    )
    outcome(data.encode(), folder)


@given(st.data())
@ordinary
def test_text_arrives_as_text(folder: Path, data: st.DataObject) -> None:
    text = data.draw(st.sampled_from([x for x in strategies.HOSTILE if x.isprintable()][:12]))
    document = {
        "lab": "x",
        "title": text,
        "services": {
            "app": {"kind": "wsgi", "content": "app", "environment": {"A": text}},
            "dns": {"kind": "dns", "records": {"@": {"TXT": text}}},
        },
        "sites": {"app": "app"},
    }
    found = outcome(as_yaml(document), folder)
    assert isinstance(found, Tree), str(found)
    for machine, files in found.machines.items():
        for path, entry in files.items():
            if text and text.encode() in entry.content and len(text) > 4:
                assert machine in ("app", "dns"), path
                assert path.startswith((f"{DAEMONS}/gunicorn-app/env/", "/etc/bind/zones/", "/srv"))
    assert found.machines["app"][f"{DAEMONS}/gunicorn-app/env/A"].content.decode() == text
    zone = found.machines["dns"]["/etc/bind/zones/db.x.test"].content.decode()
    assert f"TXT    {rdata.quoted(text)}\n" in zone


def test_the_marker_is_never_worked_out(folder: Path) -> None:
    assert MARKER in strategies.HOSTILE
    document = {
        "lab": "x",
        "title": MARKER,
        "services": {"www": {"kind": "static", "content": "page"}},
    }
    found = outcome(as_yaml(document), folder)
    assert isinstance(found, Tree)
    page = found.machines["www"]["/var/www/www/a b/c+d@e.txt"]
    assert page.content.decode() == MARKER
