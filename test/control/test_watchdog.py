"""The watchdog names what is stale."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balanced_bc.control.errors import ControlError
from balanced_bc.control.watchdog import SECOND, Watchdog

NOW = 100 * SECOND
WATCHDOG = Watchdog({"camera": 0.1, "joints": 0.05})


def test_fresh_streams_are_no_fault() -> None:
    assert WATCHDOG.fault({"camera": NOW - SECOND // 20, "joints": NOW}, NOW) is None


def test_a_stream_that_never_spoke_is_named() -> None:
    fault = WATCHDOG.fault({"camera": NOW}, NOW)
    assert fault is not None
    assert "joints" in fault


def test_a_stale_stream_is_named_with_its_age() -> None:
    fault = WATCHDOG.fault({"camera": NOW - SECOND // 2, "joints": NOW}, NOW)
    assert fault is not None
    assert "camera" in fault
    assert "0.500 s" in fault


def test_a_stamp_from_the_future_is_a_fault() -> None:
    fault = WATCHDOG.fault({"camera": NOW, "joints": NOW + SECOND}, NOW)
    assert fault is not None
    assert "future" in fault


@given(st.integers(0, 10 * SECOND))
def test_a_fault_stays_a_fault_while_nothing_new_is_heard(wait: int) -> None:
    stamps = {"camera": NOW - SECOND, "joints": NOW}
    assert WATCHDOG.fault(stamps, NOW + wait) is not None


def test_an_age_of_zero_is_refused() -> None:
    with pytest.raises(ControlError, match="camera"):
        Watchdog({"camera": 0.0})
