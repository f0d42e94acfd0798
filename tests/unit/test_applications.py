"""What applications pin is fetched with its hash, from a registry, or not at all."""

from __future__ import annotations

import json
from typing import Any

import pytest

from labctl.applications import _npm_problem

HASH = "sha512-AA=="
TARBALL = "https://registry.example/left/-/left-1.0.0.tgz"


def problem(place: str, **package: Any) -> str:
    """What is wrong with a lock file that has this package, too."""
    right = {"resolved": TARBALL, "integrity": HASH}
    packages = {"": {"name": "app"}, "node_modules/right": right, place: package}
    lock = json.dumps({"lockfileVersion": 3, "packages": packages}).encode()
    content = {"js/package-lock.json": lock, "js/package.json": b"{}"}
    return _npm_problem("js/package-lock.json", content)[0]


@pytest.mark.parametrize("more", [{"resolved": TARBALL}, {}])
@pytest.mark.parametrize(
    "place", ["node_modules/left", "node_modules/@of/left", "node_modules/a/node_modules/left"]
)
def test_a_package_of_a_registry_is_taken(place: str, more: dict[str, str]) -> None:
    assert problem(place, integrity=HASH, **more) == ""


def test_one_without_a_hash_is_not() -> None:
    assert "has no hash of 'node_modules/left'" in problem("node_modules/left", resolved=TARBALL)


@pytest.mark.parametrize(
    "source",
    [
        "git+ssh://git@github.example/left/left.git#0123456789",
        "git+https://github.example/left/left.git",
        "file:../../left",
        "../left",
    ],
)
def test_a_hash_that_npm_does_not_look_at_is_none(source: str) -> None:
    said = problem("node_modules/left", resolved=source, integrity=HASH)
    assert "'node_modules/left' from elsewhere than a registry" in said


@pytest.mark.parametrize("place", ["../left", "/tmp/left", "node_modules/../../left", "left"])
def test_a_package_is_put_where_packages_are(place: str) -> None:
    assert "from elsewhere" in problem(place, resolved=TARBALL, integrity=HASH)


def test_a_link_to_a_folder_of_this_host_is_none() -> None:
    assert "from elsewhere" in problem("node_modules/left", link=True, resolved="../left")


@pytest.mark.parametrize("package", [None, [], {"integrity": HASH, "resolved": 1}])
def test_what_npm_does_not_write_is_told(package: Any) -> None:
    lock = json.dumps({"packages": {"node_modules/left": package}}).encode()
    content = {"package-lock.json": lock, "package.json": b"{}"}
    assert "is not what npm writes" in _npm_problem("package-lock.json", content)[0]
