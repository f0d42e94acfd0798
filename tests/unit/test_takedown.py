"""A network that the engine does not let go: whose fault that is."""

from __future__ import annotations

import pytest

from labctl.errors import LabctlError
from labctl.work.takedown import refuse_occupied

SAID = 'Forbidden ("error while removing network: labctl-x_lan has active endpoints")'


def test_an_empty_network_that_the_engine_counts_as_used_is_no_error() -> None:
    refuse_occupied("labctl-x_lan", {"Containers": {}}, SAID)


def test_somebody_elses_container_is_named() -> None:
    seen = {"Containers": {"1": {"Name": "guest"}}}
    with pytest.raises(LabctlError, match="somebody else: guest") as caught:
        refuse_occupied("labctl-x_lan", seen, SAID)
    assert caught.value.hint == "docker network disconnect labctl-x_lan guest"


def test_any_other_reason_is_told() -> None:
    with pytest.raises(LabctlError, match="no space left"):
        refuse_occupied("labctl-x_lan", {"Containers": {}}, "no space left")
