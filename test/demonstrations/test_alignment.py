"""Which message belongs to which tick: never one from the future, never one that is too old."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from balanced_bc.demonstrations.alignment import Stamps, align, grid, latest_at
from balanced_bc.demonstrations.contract import (
    GRIPPER_COMMAND,
    JOINT_STATES,
    TCP_POSE,
    VELOCITY_COMMAND,
    Camera,
    RobotContract,
)
from balanced_bc.demonstrations.errors import DemonstrationError

SECOND = 1_000_000_000
MILLISECOND = 1_000_000
CONTRACT = RobotContract(cameras=(Camera("eye", 2, 2),), rate=30.0, max_age=0.1)
EYE = "eye/image_raw"
times = arrays(np.int64, st.integers(0, 40), elements=st.integers(0, 2 * SECOND))
ages = st.floats(0.001, 1.0) | st.just(float("inf"))


def ticking(count: int, start: int = 0, rate: float = 30.0) -> Stamps:
    return start + np.array([k * SECOND / rate for k in range(count)]).astype(np.int64)


def recorded(**changes: Stamps) -> dict[str, Stamps]:
    """Sixty ticks of a robot that is in step."""
    steady = dict.fromkeys((EYE, JOINT_STATES, VELOCITY_COMMAND, GRIPPER_COMMAND), ticking(60, SECOND))
    return {**steady, **changes}


@given(times, times, ages)
def test_nothing_is_from_the_future_or_too_old(stamps: Stamps, ticks: Stamps, max_age: float) -> None:
    found = latest_at(stamps, ticks, max_age)
    age = (ticks - stamps[found])[found >= 0] if len(stamps) else np.zeros(0)
    assert (age >= 0).all()
    assert (age <= max_age * SECOND).all()


@given(times, times, ages)
def test_nothing_fresher_is_overlooked(stamps: Stamps, ticks: Stamps, max_age: float) -> None:
    for tick, found in zip(ticks, latest_at(stamps, ticks, max_age)):
        usable = stamps[(stamps <= tick) & (tick - stamps <= max_age * SECOND)]
        assert (found >= 0) == (len(usable) > 0)
        assert found < 0 or stamps[found] == usable.max()


@given(times, ages, st.randoms(use_true_random=False))
def test_order_of_arrival_makes_no_difference(stamps: Stamps, max_age: float, random: object) -> None:
    stamps = np.unique(stamps)
    ticks = np.arange(0, 2 * SECOND, 50 * MILLISECOND)
    shuffled = np.random.default_rng(random.randint(0, 99)).permutation(stamps)  # type: ignore[attr-defined]
    ordered, mixed = latest_at(stamps, ticks, max_age), latest_at(shuffled, ticks, max_age)
    assert (ordered == -1).tolist() == (mixed == -1).tolist()
    assert stamps[ordered[ordered >= 0]].tolist() == shuffled[mixed[mixed >= 0]].tolist()


def test_of_equal_stamps_the_one_that_arrived_last_counts() -> None:
    assert latest_at(np.array([5, 5, 3]), np.array([6]), 1.0).tolist() == [1]


@given(st.integers(1, 200), st.floats(1.0, 240.0))
def test_aligning_messages_that_lie_on_the_grid_changes_nothing(count: int, rate: float) -> None:
    ticks = grid(SECOND, SECOND + int((count - 1) * SECOND / rate), rate)
    assert len(ticks) == count
    assert latest_at(ticks, ticks, 0.001).tolist() == list(range(count))


@given(st.integers(0, 10**6), st.sampled_from([np.floor, np.round, np.ceil]), st.sampled_from([29.97, 30.0, 60.0]))
def test_rounding_of_stamps_does_not_turn_a_message_into_one_from_the_future(
    first: int, rounding: np.ufunc, rate: float
) -> None:
    stamps = rounding(np.arange(first, first + 300) * 1e9 / rate).astype(np.int64)
    ticks = grid(int(stamps[0]), int(stamps[-1]), rate)
    assert latest_at(stamps, ticks, 0.1).tolist() == list(range(300))


def test_a_steady_recording_gives_one_frame_per_command() -> None:
    alignment = align(CONTRACT, recorded())
    assert alignment.gaps == 0
    assert all(found.tolist() == list(range(60)) for found in alignment.indices.values())


@given(arrays(np.int64, 60, elements=st.integers(0, 16 * MILLISECOND)))
def test_jitter_of_the_commander_neither_skips_nor_repeats_a_command(jitter: NDArray[np.int64]) -> None:
    jitter[0] = 0
    alignment = align(CONTRACT, recorded(**{VELOCITY_COMMAND: ticking(60, SECOND) + jitter}))
    found = alignment.indices[VELOCITY_COMMAND].tolist()
    assert found[:59] == list(range(59))


def test_an_observation_that_comes_just_after_the_tick_is_not_used() -> None:
    late = ticking(60, SECOND) + MILLISECOND
    alignment = align(CONTRACT, recorded(**{EYE: np.append(SECOND - MILLISECOND, late)}))
    assert alignment.indices[EYE].tolist() == list(range(60))


def test_ticks_with_a_stale_camera_are_left_out_and_counted() -> None:
    blind = np.delete(ticking(60, SECOND), slice(20, 30))
    alignment = align(replace(CONTRACT, max_age=0.09), recorded(**{EYE: blind}))
    # The image of tick 19 may be 0.09 s old, so it serves ticks 20 and 21.
    assert alignment.gaps == 8
    assert len(alignment.ticks) == 52
    assert np.diff(alignment.ticks).max() == pytest.approx(9 * SECOND / 30, abs=2)


def test_a_commander_that_falls_silent_makes_a_gap() -> None:
    alignment = align(CONTRACT, recorded(**{VELOCITY_COMMAND: np.delete(ticking(60, SECOND), slice(20, 40))}))
    assert alignment.gaps > 10


def test_the_grid_starts_when_everything_is_there() -> None:
    alignment = align(CONTRACT, recorded(**{EYE: ticking(60, SECOND)[10:]}))
    assert alignment.ticks[0] == ticking(60, SECOND)[10]
    assert alignment.gaps == 0


def test_stamps_that_go_back_are_put_in_order() -> None:
    mixed = ticking(60, SECOND)[np.random.default_rng(0).permutation(60)]
    alignment = align(CONTRACT, recorded(**{EYE: mixed}))
    assert mixed[alignment.indices[EYE]].tolist() == ticking(60, SECOND).tolist()


def test_a_gripper_command_holds_and_is_unknown_before_the_first() -> None:
    alignment = align(CONTRACT, recorded(**{GRIPPER_COMMAND: ticking(60, SECOND)[[20]]}))
    assert alignment.indices[GRIPPER_COMMAND].tolist() == [-1] * 20 + [0] * 40


def test_a_gripper_that_is_never_commanded_is_no_error() -> None:
    stamps = recorded()
    del stamps[GRIPPER_COMMAND]
    assert set(align(CONTRACT, stamps).indices[GRIPPER_COMMAND].tolist()) == {-1}


def test_the_scene_belongs_to_an_observation_only_if_all_of_it_spoke() -> None:
    assert TCP_POSE not in align(CONTRACT, recorded(**{TCP_POSE: ticking(60, SECOND)})).indices
    scene = {stream.topic: ticking(60, SECOND) for stream in CONTRACT.scene_streams}
    assert TCP_POSE in align(CONTRACT, recorded(**scene)).indices


def test_a_stream_that_never_spoke_is_named_with_what_was_recorded() -> None:
    stamps = recorded()
    del stamps[EYE]
    with pytest.raises(
        DemonstrationError, match=r"eye/image_raw never spoke.*joint_states: 60 messages from 0.00 s to 1.97"
    ):
        align(CONTRACT, stamps)


def test_streams_on_different_clocks_are_told_apart() -> None:
    with pytest.raises(DemonstrationError, match=r"eye/image_raw: 60 messages from 999\.00 s"):
        align(CONTRACT, recorded(**{EYE: ticking(60, 1000 * SECOND)}))


def test_an_empty_recording_says_so() -> None:
    with pytest.raises(DemonstrationError, match="no messages at all"):
        align(CONTRACT, {})
