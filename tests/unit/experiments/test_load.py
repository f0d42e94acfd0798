"""What answers say: outages and percentiles."""

from __future__ import annotations

import pytest

from labctl.experiments.apparatus.load import SLOW, Answer, outages, percentile, target
from labctl.experiments.crash import figures
from labctl.model import Site


def answers(site: str, *pairs: tuple[float, str]) -> list[Answer]:
    """Requests due at these times, each 10 ms long."""
    return [Answer(site, due, 0.01, why) for due, why in pairs]


STEADY = [(n / 10, "") for n in range(60)]


def test_a_steady_site_has_not_stopped() -> None:
    (outage,) = outages(answers("www", *STEADY))
    assert (outage.asked, outage.failed, outage.stopped) == (60, 0, False)
    assert outage.longest == pytest.approx(0.1)


def test_an_outage_is_from_the_last_answer_to_the_next() -> None:
    pairs = [(t, "refused" if 2 <= t < 3.2 else "") for t, _ in STEADY]
    (outage,) = outages(answers("www", *pairs))
    assert (outage.failed, outage.stopped) == (12, True)
    assert outage.longest == pytest.approx(1.3)


def test_a_stall_without_a_failure_is_one_too() -> None:
    stalled = [Answer("www", t, max(0.01, 3.5 - t) if 2 <= t < 3.5 else 0.01) for t, _ in STEADY]
    (outage,) = outages(stalled)
    assert outage.failed == 0
    assert outage.longest > SLOW
    assert outage.stopped


def test_time_in_which_nobody_asked_is_no_outage() -> None:
    """The asking program was held up; the control is a request that was pending meanwhile."""
    held_up = [Answer("www", t, 0.01) for t, _ in STEADY if not 2 <= t < 4]
    assert not outages(held_up)[0].stopped
    pending = [*held_up, Answer("www", 2.0, 2.0)]
    assert outages(pending)[0].longest == pytest.approx(2.09)


def test_what_was_before_the_event_does_not_count() -> None:
    pairs = [(t, "refused" if t < 1 else "") for t, _ in STEADY]
    (outage,) = outages(answers("www", *pairs), since=2.0)
    assert not outage.stopped


def test_each_site_is_judged_alone() -> None:
    found = outages([*answers("www", *STEADY), *answers("app", (0, ""), (1, "gone"), (2, ""))])
    assert {outage.site: outage.stopped for outage in found} == {"www": False, "app": True}


def test_a_crash_in_figures() -> None:
    broken = [(t, "refused" if 2 <= t < 3.2 else "") for t, _ in STEADY]
    found = outages([*answers("www", *STEADY), *answers("app", *broken)])
    sites, away = figures("daemon", found)
    assert (sites.value, sites.note) == (1, "of 2: app")
    assert away.value == pytest.approx(1300)
    assert away.note == "12 of 120 requests failed"


@pytest.mark.parametrize(("share", "value"), [(0.5, 50), (0.99, 99), (1.0, 100), (0.0, 1)])
def test_percentiles_are_nearest_ranks(share: float, value: float) -> None:
    assert percentile([float(n) for n in range(100, 0, -1)], share) == value


def test_a_percentile_of_one_value_is_that() -> None:
    assert percentile([7.0], 0.99) == 7.0


@pytest.mark.parametrize(
    ("tls", "port", "verify"), [("ca", 443, True), ("self-signed", 443, False), ("none", 80, False)]
)
def test_a_site_is_asked_as_its_tls_says(tls: str, port: int, verify: bool) -> None:
    asked = target(Site("www", "www", ("www.lab.test",), tls=tls))  # type: ignore[arg-type]  # a word
    assert (asked["port"], asked["verify"], asked["tls"]) == (port, verify, port == 443)
