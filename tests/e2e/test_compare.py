"""`labctl compare` and `labctl experiment`, on a host where a lab is up that is not theirs.

Controls: what an intruder reads on one machine it does not read on machines apart; a place
without protection (a noise that makes none, a daemon that does not die) would show as no
difference.
"""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Labs
from tests.e2e.support.home import Home, Ran
from tests.e2e.support.lab import LABEL, OwnLab
from tests.e2e.support.wait import eventually

pytestmark = pytest.mark.e2e

PLATFORMS = ("bare-metal", "vps")


@pytest.fixture(scope="module")
def lab(own: Labs) -> OwnLab:
    """lab1 on one machine, up all the time."""
    lab = own("lab1")
    lab.must("up", "--on", "bare-metal")
    return lab


def trials(lab: OwnLab) -> list[str]:
    """Everything that the engine has of copies of the lab."""
    api, filters = lab.client.api, {"label": LABEL}
    found = [*api.containers(all=True, filters=filters), *api.networks(filters=filters)]
    found += api.volumes(filters=filters)["Volumes"] or []
    names = [one["Labels"][LABEL] for one in found]
    return [name for name in names if name.startswith(f"{lab.name}-cmp-")]


def files_of_trials(lab: OwnLab) -> list[Path]:
    places = (lab.home.state, lab.home.data)
    found = [path for place in places for path in place.glob(f"{lab.name}-cmp-*")]
    subnets = lab.home.data / "subnets.json"
    return found + ([subnets] if "-cmp-" in subnets.read_text() else [])


@pytest.fixture(scope="module")
def compared(lab: OwnLab, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, str]:
    """The figures of a comparison by key and platform, and its page."""
    page = tmp_path_factory.mktemp("page") / "compare.html"
    before = lab.started()
    words = ("--on", ",".join(PLATFORMS), "--html", str(page), "--json")
    ran = lab.home.labctl("compare", lab.name, *words)
    assert ran.status == 0, ran.said
    assert lab.started() == before, "the lab that is up was touched"
    assert trials(lab) == []
    assert files_of_trials(lab) == []
    rows = {row["key"]: row for row in ran.json["rows"]}
    figures = {key: {name: figure["value"] for name, figure in row["figures"].items()}
               for key, row in rows.items()}  # fmt: skip
    return figures, page.read_text()


def test_every_experiment_gives_figures_for_every_platform(compared: tuple[Any, str]) -> None:
    figures, _ = compared
    assert {key.partition(".")[0] for key in figures} == {
        "answer", "reach", "blast", "crash", "neighbour", "change", "who",
    }  # fmt: skip
    assert all(set(values) == set(PLATFORMS) for values in figures.values())


def test_the_page_has_all_of_it_and_asks_nobody(compared: tuple[Any, str]) -> None:
    _, page = compared
    assert page.count('class="topology"') == len(PLATFORMS)
    assert page.count('class="bars"') > 10
    assert "src=" not in page
    assert "href=" not in page


def test_what_runs_is_counted(compared: tuple[Any, str]) -> None:
    figures, _ = compared
    assert figures["answer.machines"] == {"bare-metal": 3, "vps": 9}
    for platform in PLATFORMS:
        assert 0.5 < figures["answer.seconds"][platform] < 60
        assert figures["answer.processes"][platform] > 20
        assert figures["answer.disk"][platform] > 0
    engine = figures["answer.engine"]
    if os.geteuid() == 0:
        assert engine["bare-metal"] < engine["vps"], "a process a machine"


def test_the_scan_finds_what_listens(compared: tuple[Any, str], lab: OwnLab) -> None:
    figures, _ = compared
    assert figures["reach.addresses"] == {"bare-metal": 1, "vps": 7}
    assert figures["reach.outside"]["bare-metal"] >= 10
    assert figures["reach.outside"]["vps"] > figures["reach.outside"]["bare-metal"]
    assert figures["reach.neighbour"]["bare-metal"] is None


def test_an_intruder_reads_its_own_machine_and_no_other(compared: tuple[Any, str]) -> None:
    figures, _ = compared
    for what in ("files", "data", "keys", "processes"):
        assert figures[f"blast.{what}"]["bare-metal"] > 0
        assert figures[f"blast.{what}"]["vps"] == 0
    assert figures["blast.ports"]["vps"] > 5, "no firewall is between virtual servers"


def test_who_dies_with_whom(compared: tuple[Any, str]) -> None:
    figures, _ = compared
    # a host that is busy with something else may make one more site slow, but not all of them
    assert all(1 <= stopped <= 2 for stopped in figures["crash.daemon.sites"].values())
    assert figures["crash.nginx.sites"]["bare-metal"] == 5
    assert 2 <= figures["crash.nginx.sites"]["vps"] <= 3
    assert figures["crash.machine.sites"]["bare-metal"] == 5
    assert 1 <= figures["crash.machine.sites"]["vps"] <= 2
    for kind in ("daemon", "nginx", "machine"):
        for platform in PLATFORMS:
            assert 100 < figures[f"crash.{kind}.ms"][platform] < 30_000


def test_noise_is_heard_next_door(compared: tuple[Any, str]) -> None:
    figures, _ = compared
    quiet, forks = figures["neighbour.quiet.p50"], figures["neighbour.forks.p50"]
    assert forks["bare-metal"] > 3 * quiet["bare-metal"]
    assert forks["bare-metal"] > forks["vps"]
    assert figures["neighbour.after.failing"] == {"bare-metal": 0, "vps": 0}


def test_a_page_and_a_site_come_without_loss(compared: tuple[Any, str]) -> None:
    figures, _ = compared
    for platform in PLATFORMS:
        assert figures["change.page.lost"][platform] == 0
        assert figures["change.site.lost"][platform] == 0
    assert figures["change.memory.lost"]["bare-metal"] > 0


def test_what_cannot_be_measured_is_said(compared: tuple[Any, str]) -> None:
    figures, page = compared
    assert figures["who.hardware"]["vps"].startswith("the provider")
    assert "<strong>Not measured:</strong>" in page


def test_one_experiment_alone_works_on_the_lab_that_is_up(lab: OwnLab) -> None:
    before = lab.started()
    ran = lab.home.labctl("experiment", "blast", lab.name, "--json")
    assert ran.status == 0, ran.said
    assert ran.json["platform"] == "bare-metal"
    values = {figure["key"]: figure["value"] for figure in ran.json["figures"]}
    assert values["blast.data"] > 0
    read = [f["note"] for f in ran.json["figures"] if f["key"] == "blast.data"]
    assert "/var/vmail" in read[0], "the mail of others is among it"
    assert lab.started() == before
    assert trials(lab) == []


def test_only_what_can_really_be_read_is_counted(lab: OwnLab) -> None:
    key = lab.output("server", "cat", "/etc/ssl/private/www.key")
    lab.output("server", "mv", "/etc/ssl/private/www.key", "/root/hidden.key")
    try:
        without = _keys(lab.home.labctl("experiment", "blast", lab.name, "--json"))
    finally:
        lab.output("server", "mv", "/root/hidden.key", "/etc/ssl/private/www.key")
    assert _keys(lab.home.labctl("experiment", "blast", lab.name, "--json")) == without + 1
    assert lab.output("server", "cat", "/etc/ssl/private/www.key") == key


def _keys(ran: Ran) -> int:
    return int(next(f["value"] for f in ran.json["figures"] if f["key"] == "blast.keys"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_leaves_nothing(lab: OwnLab, home: Home, number: signal.Signals) -> None:
    process = home.begin("compare", lab.name, "--on", "vps")
    try:
        eventually(lambda: len(trials(lab)) > 8 or process.poll() is not None)
        assert process.poll() is None, "it ended by itself"
        os.killpg(process.pid, number)  # as a terminal does: Compose gets it too
        assert process.wait(300) == 130
    finally:
        if process.poll() is None:
            process.kill()
    assert trials(lab) == []
    assert files_of_trials(lab) == []


def test_killed_the_next_one_begins_by_clearing_up(lab: OwnLab, home: Home) -> None:
    process = home.begin("compare", lab.name, "--on", "vps")
    eventually(lambda: len(trials(lab)) > 8 or process.poll() is not None)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert trials(lab)
    ran = home.labctl("experiment", "who", lab.name)
    assert ran.status == 0, ran.said
    ran = home.labctl("experiment", "answer", lab.name, "--on", "vps")
    assert ran.status == 0, ran.said
    assert trials(lab) == []


def test_a_second_one_at_a_time_is_refused(lab: OwnLab, home: Home) -> None:
    process = home.begin("experiment", "answer", lab.name, "--on", "vps")
    try:
        eventually(lambda: bool(trials(lab)))
        ran = home.labctl("compare", lab.name, "--on", "vps")
        assert ran.status == 1
        assert "another experiment is going on" in ran.err
        assert process.wait(120) == 0
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        process.wait(60)
