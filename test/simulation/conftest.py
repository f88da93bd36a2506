"""Every world that can be had here; what is true of one is true of all."""

from __future__ import annotations

import pytest

from balanced_bc.simulation.calvin_package import is_installed
from balanced_bc.simulation.worlds import CALVIN, WORLDS


def require(world: str) -> None:
    """Skip where a world is not installed."""
    if world == CALVIN and not is_installed():
        pytest.skip("calvin_env is not installed; the README says how")


@pytest.fixture(scope="module", params=WORLDS)
def world(request: pytest.FixtureRequest) -> str:
    """Name of a world."""
    require(request.param)
    return str(request.param)


@pytest.fixture(scope="session")
def calvin() -> None:
    """Skip without CALVIN."""
    require(CALVIN)
