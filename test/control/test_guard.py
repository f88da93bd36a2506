"""The guard: limits always hold, faults latch."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from balanced_bc.control.errors import ControlError
from balanced_bc.control.guard import Guard
from balanced_bc.control.limiter import Limits

Floats = NDArray[np.float64]
PERIOD = 1 / 30
MIDDLE = np.array((0.4, 0.2, 0.4))
FORWARD = np.array((0.3, 0.0, 0.0, 0.0, 0.0, 0.5))

anything = arrays(np.float64, 6, elements=st.floats(allow_nan=True, allow_infinity=True))


@pytest.fixture
def guard() -> Guard:
    return Guard(Limits(), PERIOD)


def run(guard: Guard, twist: Floats, ticks: int) -> Floats:
    for _ in range(ticks):
        command = guard.command(twist, MIDDLE)
    return command


def test_a_harmless_proposal_becomes_the_command(guard: Guard) -> None:
    np.testing.assert_allclose(run(guard, FORWARD, 10), FORWARD)
    assert guard.fault is None


def test_a_fault_ramps_to_zero_and_stays_there(guard: Guard) -> None:
    run(guard, FORWARD, 10)
    first = guard.stop("the deadman was released")
    assert 0 < first[0] < FORWARD[0]
    assert not run(guard, FORWARD, 10).any()
    assert guard.at_rest


def test_the_first_fault_is_the_one_that_is_remembered(guard: Guard) -> None:
    guard.stop("first")
    guard.stop("second")
    assert guard.fault == "first"


def test_a_reset_forgets_the_fault(guard: Guard) -> None:
    guard.stop("anything")
    guard.reset()
    assert guard.fault is None
    assert run(guard, FORWARD, 10).any()


def test_halting_latches_a_fault_and_commands_zero_at_once(guard: Guard) -> None:
    run(guard, FORWARD, 10)
    assert not guard.halt("the clock stands still").any()
    assert guard.at_rest
    assert guard.fault == "the clock stands still"


def test_after_a_rest_the_commands_begin_at_zero_and_a_fault_stays(guard: Guard) -> None:
    run(guard, FORWARD, 10)
    guard.rest()
    assert np.isclose(guard.command(FORWARD, MIDDLE)[0], 0.2)
    guard.stop("wrong")
    guard.rest()
    assert guard.fault == "wrong"


def test_a_proposal_that_is_not_finite_is_a_fault(guard: Guard) -> None:
    run(guard, FORWARD, 10)
    guard.command(np.full(6, np.nan), MIDDLE)
    assert guard.fault is not None
    assert "finite" in guard.fault


def test_an_unknown_position_is_a_fault(guard: Guard) -> None:
    guard.command(FORWARD, np.full(3, np.nan))
    assert guard.fault is not None


def test_slowing_down_latches_nothing(guard: Guard) -> None:
    run(guard, FORWARD, 10)
    assert guard.slow_down()[0] < FORWARD[0]
    assert guard.fault is None


def test_a_command_that_was_given_out_cannot_be_changed_afterwards(guard: Guard) -> None:
    guard.command(FORWARD, MIDDLE)[:] = 100.0
    assert np.linalg.norm(guard.command(FORWARD, MIDDLE)[:3]) <= Limits().max_linear


@given(st.lists(anything, min_size=1, max_size=20))
def test_whatever_is_proposed_every_command_is_finite_and_within_the_limits(proposals: list[Floats]) -> None:
    guard = Guard(Limits(), PERIOD)
    previous: Floats = np.zeros(6)
    for proposal in proposals:
        command = guard.command(proposal, MIDDLE)
        assert np.isfinite(command).all()
        assert np.linalg.norm(command[:3]) <= guard.limits.max_linear * (1 + 1e-9)
        change = np.linalg.norm(command[:3] - previous[:3])
        assert change <= guard.limits.max_linear_acceleration * PERIOD * (1 + 1e-9)
        previous = command


def test_a_period_of_zero_is_refused() -> None:
    with pytest.raises(ControlError, match="period"):
        Guard(Limits(), 0.0)
