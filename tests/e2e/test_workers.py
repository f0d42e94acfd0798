"""The lab of worker models: each server is what it is called, and a load tells them apart.

Control of the load: two models that differ only in how many requests they take at a time.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from labctl.experiments.curves import AT_ONCE
from tests.e2e.conftest import Labs
from tests.e2e.support.home import ROOT
from tests.e2e.support.lab import OwnLab

pytestmark = pytest.mark.e2e

EXERCISES = sorted(path.name for path in (ROOT / "stacks/web-workers/exercises").iterdir())
MEASURED = ("one", "gunicorn-sync")


@pytest.fixture(scope="module")
def lab(own: Labs) -> OwnLab:
    """The lab, up."""
    made = own("web-workers")
    made.must("up")
    return made


def test_every_server_is_what_it_is_called(lab: OwnLab) -> None:
    ran = lab.labctl("check", "--json")
    wrong = {c["check"]: c["differences"] for c in ran.json if not c["passed"]}
    assert not wrong
    assert len([c for c in ran.json if " computes the same as " in c["check"]]) == 7


def test_seven_servers_share_one_machine_and_none_is_root(lab: OwnLab) -> None:
    found = lab.output(
        "workers", "sh", "-c",
        "for p in /proc/[0-9]*; do grep -Eq 'serv[e](.py|:app)' $p/cmdline && stat -c %U $p; done;"
        "true",
    )  # fmt: skip
    assert set(found.split()) == {"www-data"}
    assert len(found.split()) >= 12  # gunicorn's parents and workers, and one of each other


@pytest.mark.parametrize("exercise", EXERCISES)
def test_each_exercise_is_unsolved_and_can_be_solved(lab: OwnLab, exercise: str) -> None:
    ran = lab.home.labctl("lab", "test", str(lab.folder), "--exercise", exercise)
    assert ran.status == 0, ran.said


@pytest.fixture(scope="module")
def measured(lab: OwnLab, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    """The experiment on the lab that is up, with sites for two of its servers only."""
    text = (lab.folder / "lab.yml").read_text().partition("\nchecks:")[0]
    head, sites, rest = text.partition("\nsites:")
    kept = [line for line in rest.splitlines()
            if not (found := re.match(r"  ([a-z-]+):", line)) or found[1] in MEASURED]  # fmt: skip
    lab.write("lab.yml", head + sites + "\n".join(kept) + "\n")
    lab.must("up")
    before = lab.started()
    picture = tmp_path_factory.mktemp("picture") / "workers.svg"
    ran = lab.home.labctl("experiment", "workers", lab.name, "--svg", picture, "--json")
    assert ran.status == 0, ran.said
    assert lab.started() == before, "it only looks"
    return {figure["key"]: figure for figure in ran.json["figures"]}, picture


def value(measured: tuple[dict[str, Any], Path], key: str) -> float:
    figure = measured[0][f"workers.{key}"]
    assert figure["value"] is not None, figure["note"]
    return float(figure["value"])


def values(measured: tuple[dict[str, Any], Path], page: str, name: str, what: str) -> list[float]:
    """What was measured with 1, 2, 4 … requests under way."""
    return [value(measured, f"{page}.{name}.{at_once}.{what}") for at_once in AT_ONCE]


def test_four_wait_where_one_waits(measured: tuple[dict[str, Any], Path]) -> None:
    """Each waits for 20 ms: nobody alone gives more than 50 answers a second, nor four 200."""
    one, four = (values(measured, "wait", name, "rate") for name in MEASURED)
    assert max(one) <= 50 < max(four) <= 200


def test_what_queues_takes_longer(measured: tuple[dict[str, Any], Path]) -> None:
    for page in ("compute", "wait"):
        for name in MEASURED:
            times = values(measured, page, name, "p50")
            assert times[-1] > 4 * min(times)


BECAUSE = {
    "compute.one": "one process computes one answer at a time",
    "compute.gunicorn-sync": "4 processes compute, on 2 processors",
    "wait.one": "one process waits for one answer",
    "wait.gunicorn-sync": "4 processes wait, one request each",
}


@pytest.mark.parametrize("curve", BECAUSE)
def test_each_bend_has_its_reason(measured: tuple[dict[str, Any], Path], curve: str) -> None:
    figure = measured[0][f"workers.{curve}.bend"]
    assert figure["value"] in AT_ONCE
    assert BECAUSE[curve] in figure["note"]


def test_the_picture_shows_both(measured: tuple[dict[str, Any], Path]) -> None:
    drawing = ElementTree.parse(measured[1]).getroot()
    told = drawing.findtext("{http://www.w3.org/2000/svg}desc") or ""
    assert told.count("gunicorn-sync: ") == 4
    assert "href" not in measured[1].read_text()


def test_an_experiment_without_curves_draws_none(lab: OwnLab, tmp_path: Path) -> None:
    ran = lab.home.labctl("experiment", "reach", lab.name, "--svg", tmp_path / "x.svg")
    assert (ran.status, (tmp_path / "x.svg").exists()) == (2, False)
    assert "the experiment 'reach' has no curves to draw" in ran.err
