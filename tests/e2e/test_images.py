"""Images, for real: built from Debian packages, saved to a file, loaded again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from labctl.engines import archive, connect, images
from labctl.engines.dockerfile import Recipe, reference
from labctl.errors import LabctlError

pytestmark = pytest.mark.e2e

# A script of our own gives these tests image names that no lab has.
INIT = b"""#!/bin/sh
exec "$@"
"""
COMPILE = """
set -e
cd /tmp
printf '#include <iostream>\\nint main() { std::cout << "compiled\\\\n"; }\\n' >a.cc
g++ -O1 -Wall -Werror -o a a.cc
./a
"""


@pytest.fixture(scope="module")
def engine() -> Iterator[docker.DockerClient]:
    client = connect(timeout=120)
    yield client
    client.close()


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return Recipe({"init": INIT})


@pytest.fixture
def wanted(engine: docker.DockerClient, recipe: Recipe) -> Iterator[dict[str, frozenset[str]]]:
    """Two sets of packages; their images are removed afterwards, the shared base stays."""
    sets = [frozenset({"g++"}), frozenset({"netcat-openbsd"})]
    found = {reference(packages, recipe): packages for packages in sets}
    yield found
    for image in images.list_images(engine):
        if image.reference in found:
            engine.images.remove(image.reference, force=True)


def test_images_are_built_once_saved_and_loaded(
    engine: docker.DockerClient, recipe: Recipe, wanted: dict[str, frozenset[str]], tmp_path: Path
) -> None:
    told: list[images.Progress] = []
    images.build(engine, wanted, recipe, told.append)
    assert {p.image for p in told if p.state == "built"} >= set(wanted)
    assert images.missing(engine, wanted) == {}

    told.clear()
    images.build(engine, wanted, recipe, told.append)
    assert {p.state for p in told} == {"present"}

    file = tmp_path / "images.tar.gz"
    archive.save(engine, file, wanted)
    small = reference({"netcat-openbsd"}, recipe)
    engine.images.remove(small, force=True)
    assert images.missing(engine, wanted) == {small: wanted[small]}
    assert set(archive.load(engine, file)) == set(wanted)
    assert images.missing(engine, wanted) == {}

    compiler = reference({"g++"}, recipe)
    said = engine.containers.run(compiler, ["sh", "-c", COMPILE], remove=True, network_mode="none")
    assert said == b"compiled\n"


def test_a_package_that_debian_lacks_is_named(engine: docker.DockerClient, recipe: Recipe) -> None:
    packages = frozenset({"no-such-package"})
    image = reference(packages, recipe)
    with pytest.raises(LabctlError, match="no package called no-such-package"):
        images.build(engine, {image: packages}, recipe, lambda progress: None)
    assert image in images.missing(engine, {image: packages})
