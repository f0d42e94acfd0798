"""When sandboxes end, when that is said, what renews them, and whether the clock ticks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from labctl.classes.life import DAY, HOUR, More, announcement, end_of, extended, over, step, used
from labctl.classes.record import ClassRecord, Place
from labctl.classes.roster import Student
from labctl.host import clock

NOW = 1_800_000_000
ADA = Place(1, Student("s01", "Ada"), used=NOW)
GRACE = Place(2, Student("s02", "Grace"), used=NOW)
CLASS = ClassRecord("web", "/lab.yml", "web.test", "bare-metal", seats=(ADA, GRACE))


def test_nothing_ends_by_itself() -> None:
    assert end_of(CLASS, ADA) is None
    assert step(CLASS, ADA, NOW + 1000 * DAY) == "none"


@pytest.mark.parametrize(
    ("after", "due"),
    [(0, "none"), (6 * HOUR - 1, "none"), (6 * HOUR, "warn"), (8 * HOUR - 1, "warn"),
     (8 * HOUR, "end"), (9 * DAY, "end")],
)  # fmt: skip
def test_an_unused_sandbox_is_announced_and_then_ends(after: int, due: str) -> None:
    assert step(replace(CLASS, idle=8 * HOUR), ADA, NOW + after) == due


def test_whoever_is_there_is_not_idle() -> None:
    record, later = replace(CLASS, idle=8 * HOUR), NOW + 7 * HOUR
    assert step(record, used(ADA, later), later + 1) == "none"
    assert used(used(ADA, later), NOW) == used(ADA, later)  # a late report takes nothing away


@pytest.mark.parametrize(
    ("before", "due"), [(2 * DAY, "none"), (DAY, "warn"), (1, "warn"), (0, "end"), (-1, "end")]
)
def test_a_hard_end_comes_also_to_those_who_are_there(before: int, due: str) -> None:
    record = replace(CLASS, until=NOW, idle=HOUR)
    assert step(record, used(ADA, NOW - before), NOW - before) == due
    assert over(record, ADA, NOW - before) == (due == "end")


def test_the_nearer_end_counts_and_says_why() -> None:
    record = replace(CLASS, until=NOW + HOUR, idle=8 * HOUR)
    end = end_of(record, ADA)
    assert end
    assert (end.at, end.idle) == (NOW + HOUR, False)
    assert announcement(record, end) == "This sandbox ends at 2027-01-15 09:00 UTC."
    unused = end_of(replace(record, until=0), ADA)
    assert unused
    assert "Unused for 8 hours it ends, at 2027-01-15 16:00 UTC." in announcement(record, unused)


def test_what_is_archived_does_not_end_again() -> None:
    record = replace(CLASS, until=NOW)
    assert step(record, replace(ADA, state="archived"), NOW + 1) == "none"


def test_one_student_gets_more_time() -> None:
    record = replace(CLASS, until=NOW)
    ada, grace = extended(record, ["s01"], More(by=HOUR), NOW + DAY).seats
    assert (ada.until, ada.used, grace) == (NOW + DAY + HOUR, NOW + DAY, GRACE)
    ada, _ = extended(record, ["s01"], More(until=NOW + 5), NOW).seats
    assert ada.until == NOW + 5


def test_all_get_more_time_and_nobody_less() -> None:
    late = replace(GRACE, until=NOW + 9 * DAY)
    record = replace(CLASS, until=NOW, seats=(replace(ADA, until=NOW + 1), late))
    after = extended(record, (), More(until=NOW + DAY), NOW)
    assert after.until == NOW + DAY
    assert [place.until for place in after.seats] == [0, NOW + 9 * DAY]
    after = extended(record, (), More(by=DAY), NOW - HOUR)
    assert (after.until, [place.until for place in after.seats]) == (
        NOW + DAY,
        [NOW + 1 + DAY, NOW + 10 * DAY],
    )


def test_without_an_end_only_the_idle_time_begins_anew() -> None:
    after = extended(replace(CLASS, idle=HOUR), (), More(), NOW + 7)
    assert (after.until, {place.used for place in after.seats}) == (0, {NOW + 7})
    assert extended(CLASS, ["s02"], More(by=HOUR), NOW).seats[1].until == 0


def test_the_doctor_says_how_to_have_the_clock_tick() -> None:
    command = clock.command(["/opt/lab ctl"], {"HOSTING_LABCTL_DATA": "/d d", "EMPTY": ""})
    assert command == "env 'HOSTING_LABCTL_DATA=/d d' '/opt/lab ctl' tick"
    assert clock.findings([], 0, NOW, command, systemd=False) == ()
    (late,) = clock.findings(["web"], 0, NOW, "labctl tick", systemd=False)
    assert late.state == "warn"
    assert late.mend.endswith("'*/5 * * * * labctl tick') | crontab -")
    (timer,) = clock.findings(["web"], NOW - DAY, NOW, "labctl tick", systemd=True)
    for said in ("OnStartupSec=1min", "'OnCalendar=*:0/5'", "/env labctl tick", "enable --now"):
        assert said in timer.mend  # a unit that is there after a start of the host
    (well,) = clock.findings(["web"], NOW - 60, NOW, "labctl tick", systemd=True)
    assert well.state == "ok"
