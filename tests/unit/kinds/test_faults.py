"""The gallery of faults: what is kept for it; its page and its asker know every exhibit."""

from __future__ import annotations

import ast
import json

from labctl.kinds import faults
from labctl.work.session import wants
from tests.support import lab_from, tree_of

LAB = lab_from("lab: wrong\nservices:\n  gallery: faults\n")


def test_each_exhibit_has_a_certificate_of_its_own_kind() -> None:
    found = {want.name: want for want in wants(LAB)}
    assert found["fault/gallery/expired"].fault == "expired"
    assert found["fault/gallery/self-signed"].issuer == "self"
    assert found["fault/gallery/wrong-host"].names == ("somebody-else.gallery.wrong.test",)
    assert [name for name, want in found.items() if want.revoked] == ["fault/gallery/revoked"]
    assert any(want.kind == "crl" for want in found.values())
    good = found["fault/gallery/good"]
    assert (good.fault, good.issuer, good.revoked) == ("", "ca", False)


def test_every_exhibit_is_served_and_asked() -> None:
    files = tree_of(LAB).machines["gallery"]
    config = files["/etc/nginx/sites-enabled/gallery.conf"].content.decode()
    asked = json.loads(files["/etc/labctl/gallery.json"].content)
    page = files["/usr/local/share/gallery/index.html"].content.decode()
    for exhibit in faults.EXHIBITS:
        host = f"{exhibit.name}.gallery.wrong.test"
        assert f"    server_name {host};\n" in config
        assert asked[exhibit.name]["url"] in page
        assert host in asked[exhibit.name]["url"]
        assert files[f"/etc/ssl/private/{exhibit.name}.key"].mode == 0o600
    assert asked["old-protocol"]["url"].endswith(":1010/")


def test_what_asks_the_clients_is_a_whole_program() -> None:
    program = tree_of(LAB).machines["gallery"][faults.ASKER]
    assert program.mode == 0o755
    ast.parse(program.content)


def test_there_is_a_control_that_is_accepted() -> None:
    expected = {check.name: check.expect for check in LAB.checks if check.service == "gallery"}
    assert expected["good: curl accepts it"] == {"status": 200}
    assert expected["revoked: curl accepts it"] == {"status": 200}
    assert "error" in expected["expired: curl refuses it"]
