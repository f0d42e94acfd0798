"""The experiment with worker models: what wrk says, where curves bend, tables and picture."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, cast
from xml.etree import ElementTree

import pytest

from labctl.engines.api import Finished
from labctl.errors import LabctlError
from labctl.experiments import COMPARED, NAMES, Figure, workers
from labctl.experiments.apparatus import wrk
from labctl.experiments.apparatus.bench import Bench
from labctl.experiments.apparatus.wrk import Measured
from labctl.experiments.curves import AT_ONCE, curves
from labctl.kinds.workers import SERVERS, Options
from labctl.model import Service
from tests.support import lab_at

SAID = """\
Running 1s test @ http://threads.web-workers.test/wait
  1 threads and 4 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency    21.86ms    0.87ms  26.31ms   73.33%
    Req/Sec   180.90     21.83   202.00    100.00%
  Latency Distribution
     50%   21.75ms
     75%   22.29ms
     90%   22.94ms
     99%    1.25s\x20
  180 requests in 1.00s, 39.45KB read
Requests/sec:    179.70
Transfer/sec:     39.38KB
"""
SVG = "{http://www.w3.org/2000/svg}"


def service(model: Any = "gunicorn-sync", count: int = 4) -> Service:
    return Service("it", "workers", "workers", Options("handler", model, count))


def flat(rate: float, base: float) -> dict[int, Measured | str]:
    """What a server shows that has room for ``rate × base`` requests at once (base in seconds)."""
    found: dict[int, Measured | str] = {}
    for n in AT_ONCE:
        reached = min(rate, n / base)
        time = 1000 * n / reached
        found[n] = Measured(reached, time, time, time)
    return found


def test_what_wrk_says_is_read() -> None:
    assert wrk.read(SAID) == Measured(179.70, 21.86, 21.75, 1250.0)


@pytest.mark.parametrize(
    "line", ["  Non-2xx or 3xx responses: 7", "  Socket errors: connect 0, read 9, write 0"]
)
def test_bad_answers_are_no_answers(line: str) -> None:
    assert wrk.read(SAID.replace("Requests/sec", f"{line}\nRequests/sec")).failed == line.strip()


@pytest.mark.parametrize(
    "said", ["", "unable to connect", SAID.replace("179.70", "0.00"), SAID.replace("50%", "51%")]
)
def test_what_is_no_measurement_is_refused(said: str) -> None:
    with pytest.raises(ValueError, match=r"measurement|answered|latency"):
        wrk.read(said)


@pytest.mark.parametrize("rate", [5.7, 48.0, 250.0, 4e4])
def test_most_answers_come_after_all_have_queued(rate: float) -> None:
    """Half of the answers are later than the first round; a broken server is not waited for."""
    lasting = [workers.seconds(at_once, rate) for at_once in AT_ONCE]
    assert all(s * rate >= 2 * n or s == 10 for s, n in zip(lasting, AT_ONCE, strict=True))
    assert max(lasting) <= 10


def test_the_bend_is_where_twice_as_many_give_no_more() -> None:
    figure = workers.bend("wait", service(), 2.0, flat(200, 0.02))
    assert figure.value == 4
    assert "4 processes wait, one request each" in figure.note
    assert "with 64 at once half of the answers take 320 ms (64 ÷ 200/s = 320 ms)" in figure.note


def test_a_curve_without_a_bend() -> None:
    figure = workers.bend("wait", service("threads"), 2.0, flat(1e9, 0.02))
    assert figure.value == 64
    assert figure.note.startswith("no bend up to there; each request waits in a thread")


def test_nothing_measured_is_no_bend() -> None:
    assert workers.bend("wait", service(), 2.0, dict.fromkeys(AT_ONCE, "why")).value is None


@pytest.mark.parametrize("page", workers.PAGES)
def test_every_model_has_its_reasons(page: str) -> None:
    """For each page another: that is what the experiment is about."""
    said = {model: workers.WHY[page](workers.Facts(Options("h", model), 2.0)) for model in SERVERS}
    assert len(set(said.values())) == len(said)
    other = "wait" if page == "compute" else "compute"
    assert all(said[model] != workers.WHY[other](workers.Facts(Options("h", model), 2.0))
               for model in said)  # fmt: skip


class _Bench:
    """A bench whose client answers as wrk would; the lab is the one that comes with labctl."""

    def __init__(self, status: int = 0, said: str = SAID) -> None:
        self.lab = lab_at(Path(__file__).parents[3] / "stacks/web-workers/lab.yml")
        self.sites = self.lab.sites
        self.client = self.lab.machines["client"]
        self.done = Finished(status, said)
        self.asked: list[list[str]] = []
        self.seconds = 0

    def say(self, text: str) -> None:
        assert text

    def container(self, machine: str) -> str:
        return machine

    def exec_in(self, container: str, words: list[str], seconds: float) -> Finished:
        assert container == "client"
        self.asked.append(words)
        lasting = next(int(word[11:-1]) for word in words if word.startswith("--duration="))
        assert seconds > lasting
        self.seconds += lasting
        return self.done


def measured(bench: _Bench, monkeypatch: pytest.MonkeyPatch) -> tuple[Figure, ...]:
    monkeypatch.setattr(workers.api, "exec_in", bench.exec_in)
    return tuple(workers.run(cast(Bench, bench)))


def test_every_model_is_asked_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = _Bench()
    figures = measured(bench, monkeypatch)
    assert len(bench.asked) == 7 * 2 * len(AT_ONCE)
    assert bench.asked[0][-1] == "http://one.web-workers.test/compute"
    assert len({figure.key for figure in figures}) == len(figures)
    assert all(figure.value for figure in figures)
    assert bench.seconds < 120, "for all models, as fast as this one"


def test_tables_and_picture_have_every_model(monkeypatch: pytest.MonkeyPatch) -> None:
    figures = measured(_Bench(), monkeypatch)
    tables = tuple(workers.tables(figures))
    assert [len(table.rows) for table in tables] == [7] * 6 + [14]
    assert all(len(row) == len(table.heads) for table in tables for row in table.rows)
    assert tables[0].rows[0] == ("one", *["180"] * len(AT_ONCE))
    drawing = ElementTree.fromstring(workers.picture(figures))
    assert len(drawing.findall(f"{SVG}g")) == 4
    names = [text.text for text in drawing.iter(f"{SVG}text")]
    assert {"one", "forked", "uvicorn", "waiting: answers a second"} <= set(names)


@pytest.mark.parametrize(("rates", "marks"), [((50.0, 400.0), {"0"}), ((50.0, 900.0), {"10"})])
def test_small_rates_are_seen_beside_large_ones(rates: tuple[float, ...], marks: set[str]) -> None:
    """Steps from nothing where they are near each other, else each ten times the last."""
    figures = [Figure(f"workers.wait.it.{n}.rate", "", rate)
               for n, rate in zip((1, 64), rates, strict=True)]  # fmt: skip
    chart = ElementTree.fromstring(workers.picture(figures)).findall(f"{SVG}g")[2]
    ends = {text.text for text in chart if text.get("class") == "l-dim l-end"}
    assert ends & {"0", "10"} == marks


def test_what_failed_is_a_gap_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    said = SAID.replace("Requests/sec", "  Non-2xx or 3xx responses: 7\nRequests/sec")
    figures = measured(_Bench(said=said), monkeypatch)
    assert {figure.value for figure in figures} == {None}
    assert figures[0].note == "Non-2xx or 3xx responses: 7"
    assert not any(curve.rate for curve in curves(figures, "workers.wait").values())
    assert re.search(r"–", str(next(iter(workers.tables(figures)))))
    ElementTree.fromstring(workers.picture(figures))


def test_a_client_without_wrk_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LabctlError, match="no wrk on client") as caught:
        measured(_Bench(126, "not found"), monkeypatch)
    assert "packages: [wrk]" in caught.value.hint


def test_a_lab_without_workers_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = _Bench()
    bench.sites = ()
    (*_, only) = measured(bench, monkeypatch)
    assert only.value is None
    assert bench.asked == []


def test_a_comparison_of_platforms_leaves_it_out() -> None:
    assert "workers" in NAMES
    assert "workers" not in COMPARED
