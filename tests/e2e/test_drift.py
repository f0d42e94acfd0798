"""A machine is its learner's: files changed by hand are listed, kept, put back when asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.conftest import Labs
from tests.e2e.support.curl import curl
from tests.e2e.support.lab import OwnLab

pytestmark = pytest.mark.e2e

PAGE = "/var/www/www/index.html"


@pytest.fixture(scope="module")
def lab(own: Labs) -> OwnLab:
    made = own("hello")
    made.write("www/index.html", "<p>from the lab</p>\n")
    made.must("up")
    return made


@pytest.fixture(scope="module")
def root(lab: OwnLab) -> Path:
    return lab.authority()


@pytest.fixture(autouse=True)
def changed_by_hand(lab: OwnLab) -> None:
    """The lab as it should be, but for one file that a learner has changed."""
    lab.write("www/index.html", "<p>from the lab</p>\n")
    lab.must("up", "--reset", f"www:{PAGE}")
    lab.output("www", "tee", PAGE, input="<p>by hand</p>\n")


def page(lab: OwnLab, root: Path) -> str:
    return curl(lab.url("www"), ca=root).body


def test_it_is_listed_with_what_differs(lab: OwnLab) -> None:
    ran = lab.plan("--diff")
    assert ran.status == 0
    assert f"www:{PAGE}" in ran.out
    assert "-<p>from the lab</p>" in ran.out
    assert "+<p>by hand</p>" in ran.out
    told = lab.must("plan", "--json").json
    assert told["drift"] == [{"machine": "www", "path": PAGE, "conflict": False}]


def test_up_keeps_it(lab: OwnLab, root: Path) -> None:
    lab.write("www/other.html", "<p>other</p>\n")
    out = lab.must("up").out
    assert f"www:{PAGE}" in out
    assert "by hand" in page(lab, root)
    assert curl(lab.url("www", "/other.html"), ca=root).status == 200


def test_up_keeps_it_also_where_the_lab_changed_it_too(lab: OwnLab, root: Path) -> None:
    lab.write("www/index.html", "<p>from the lab, newer</p>\n")
    diff = lab.plan("--diff").out
    for line in ("-<p>from the lab</p>", "+<p>by hand</p>", "+<p>from the lab, newer</p>"):
        assert line in diff
    assert lab.plan("--json").json["drift"][0]["conflict"] is True
    lab.must("up")
    assert "by hand" in page(lab, root)
    assert [drift["path"] for drift in lab.must("plan", "--json").json["drift"]] == [PAGE]


def test_it_is_put_back_when_asked(lab: OwnLab, root: Path) -> None:
    lab.write("www/index.html", "<p>from the lab, newer</p>\n")
    assert lab.plan("--reset", f"www:{PAGE}").status == 3
    lab.must("up", "--reset", f"www:{PAGE}")
    assert "from the lab, newer" in page(lab, root)
    assert lab.must("plan", "--json").json["drift"] == []


def test_it_stays_over_a_restart_of_the_machine(lab: OwnLab, root: Path) -> None:
    lab.client.containers.get(lab.container("www")).restart(timeout=5)
    lab.must("up")
    assert "by hand" in page(lab, root)


def test_a_file_that_a_learner_removed_is_drift_too(lab: OwnLab, root: Path) -> None:
    lab.output("www", "rm", PAGE)
    told = lab.plan("--json").json
    assert told["drift"] == [{"machine": "www", "path": PAGE, "conflict": False}]
    lab.must("up", "--reset", PAGE)
    assert "from the lab" in page(lab, root)


def test_a_machine_that_was_stopped_gets_what_the_lab_changed_meanwhile(
    lab: OwnLab, root: Path
) -> None:
    """One `up` starts it and brings the new files; those changed by hand stay."""
    lab.client.containers.get(lab.container("www")).stop(timeout=5)
    lab.write("www/meanwhile.html", "<p>meanwhile</p>\n")
    lab.must("up")
    assert curl(lab.url("www", "/meanwhile.html"), ca=root).status == 200
    assert "by hand" in page(lab, root)
    assert lab.plan().status == 0
