"""Options of the test run, and which of its tests stay together."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.support.stacks import STACKS


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write the golden files anew from what labctl makes now; read the difference then",
    )


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update-golden"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Tests that share a lab are one worker's: those of a module, and those of one stack."""
    from xdist.scheduler import LoadScopeScheduling

    class Together(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            drawn = nodeid.rpartition("[")[2].removesuffix("]")
            return drawn if drawn in STACKS else nodeid.partition("::")[0]

    return Together(config, log)
