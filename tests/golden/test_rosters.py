"""Bad rosters and the exact words of every problem; a new text as in `test_golden`."""

from __future__ import annotations

from pathlib import Path

import pytest

from labctl.classes.roster import InvalidRoster, read

HERE = Path(__file__).parent / "bad-rosters"
BAD = sorted(path.stem for path in HERE.glob("*.csv"))
TAKEN = {"www": "the class's own lab has that name"}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_roster_is_told_what_is_wrong(case: str, update_golden: bool) -> None:
    file = HERE / f"{case}.csv"
    with pytest.raises(InvalidRoster) as caught:
        read(file.read_bytes(), file.name, TAKEN)
    said = f"{caught.value}\n"
    expected = file.with_suffix(".txt")
    if update_golden:
        expected.write_text(said)
    assert said == expected.read_text()
    assert caught.value.status == 2


def test_every_expectation_has_its_roster() -> None:
    assert sorted(path.stem for path in HERE.glob("*.txt")) == BAD
