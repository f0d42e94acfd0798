"""An application in an image of its own: what its visitors must see, and what runs it."""

from __future__ import annotations

import pytest

from labctl.kinds import Scope, image
from labctl.model import Check, Lab
from tests.support import lab_from

LAB = """\
lab: x
services:
  shop: {kind: image, image: "shop:1", port: 3000, health: /up, command: [bin/serve, -x]}
  page: {kind: image, image: "page:1", port: 3000}
sites: {shop: shop, page: page}
"""


@pytest.fixture(scope="module")
def lab() -> Lab:
    return lab_from(LAB)


def answers(lab: Lab, site: str) -> Check:
    [found] = [c for c in lab.checks if c.name == f"{site}.x.test answers by HTTPS"]
    return found


def test_it_is_asked_where_it_says_that_it_works(lab: Lab) -> None:
    assert answers(lab, "shop").ask == {"url": "https://shop.x.test/up"}
    assert answers(lab, "page").ask == {"url": "https://page.x.test/"}


def test_a_command_of_the_lab_file_is_run_as_the_images_own_would_be(lab: Lab) -> None:
    runs = {d.name: d.run for d in lab.machines["shop"].daemons}
    assert runs["image-shop"] == ("/usr/lib/labctl/application", "bin/serve", "-x")


@pytest.mark.parametrize(
    ("path", "own"),
    [("/rails/storage", True), ("/var/www/html/storage", True), ("/usr/src/app/data", True),
     ("/etc", False), ("/etc/shop", False), ("/labctl/x", False), ("/usr", False),
     ("/srv/../etc", False), ("/srv//x", False), ("/var/lib", False), ("/x/", False)],
)  # fmt: skip
def test_data_is_kept_in_directories_of_its_own(path: str, own: bool) -> None:
    options = image.Options("shop:1", 3000, data=("/shop", path))
    scope = Scope("x", "x.test", (), (), {"shop": "image"}, {})
    found = [complaint.path for complaint in image.problems(options, scope)]
    assert found == ([] if own else [("data", 1)])
