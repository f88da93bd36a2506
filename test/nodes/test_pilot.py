"""From streams to commands: what the policy node does at a tick."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from balanced_bc.control.limiter import Limits
from balanced_bc.demonstrations.contract import GRIPPER_CAMERA, JOINT_STATES, STATIC_CAMERA, TCP_POSE, RobotContract
from balanced_bc.demonstrations.decoding import Sample
from balanced_bc.demonstrations.observation import Observation
from balanced_bc.nodes.pilot import Pilot, blank
from balanced_bc.policies.actor import Execution

CONTRACT = RobotContract()
PERIOD = int(1e9 / CONTRACT.rate)


class Straight:
    """A policy that always goes the same way."""

    execution = Execution()

    def __init__(self, action: tuple[float, ...]) -> None:
        self.action = np.array([[action]], np.float32)

    def act(self, seen: Sequence[Sequence[Observation]]) -> NDArray[np.float32]:
        """Always the same."""
        assert seen[0][0].state.shape == (8,)
        return self.action


def hear(pilot: Pilot, stamp: int, but: str = "") -> None:
    seen = blank(CONTRACT)
    values = {
        f"{STATIC_CAMERA}/image_raw": seen.images[STATIC_CAMERA],
        f"{GRIPPER_CAMERA}/image_raw": seen.images[GRIPPER_CAMERA],
        JOINT_STATES: np.zeros(8),
        TCP_POSE: np.array((0.4, 0.1, 0.4, 0, 0, 0, 1.0)),
    }
    for topic, value in values.items():
        if topic != but:
            pilot.add(topic, Sample(stamp, value))


@pytest.fixture
def pilot() -> Pilot:
    return Pilot(Straight((0.1, 0, 0, 0, 0, 0, -1.0)), CONTRACT, Limits(), scene=False)


def run(pilot: Pilot, ticks: int, start: int = 1) -> list[NDArray[np.float64]]:
    said = []
    for tick in range(start, start + ticks):
        hear(pilot, tick * PERIOD)
        said.append(pilot.tick(tick * PERIOD).twist)
    return said


def test_with_fresh_streams_it_reaches_what_the_policy_wants(pilot: Pilot) -> None:
    assert np.allclose(run(pilot, 5)[-1], (0.1, 0, 0, 0, 0, 0))


def test_the_gripper_is_told_once_and_not_at_every_tick(pilot: Pilot) -> None:
    hear(pilot, PERIOD)
    assert pilot.tick(PERIOD).opens is False
    hear(pilot, 2 * PERIOD)
    assert pilot.tick(2 * PERIOD).opens is None


@pytest.mark.parametrize("silent", [f"{STATIC_CAMERA}/image_raw", JOINT_STATES, TCP_POSE])
def test_a_silent_stream_ramps_to_zero_and_latches_a_fault_that_names_it(pilot: Pilot, silent: str) -> None:
    run(pilot, 5)
    for tick in range(6, 20):
        hear(pilot, tick * PERIOD, but=silent)
        last = pilot.tick(tick * PERIOD).twist
    assert not last.any()
    assert silent in str(pilot.guard.fault)
    assert not run(pilot, 5, start=20)[-1].any()


def test_before_the_first_look_a_silent_stream_is_waited_for_and_then_a_fault(pilot: Pilot) -> None:
    for tick in range(1, 30):
        assert not pilot.tick(tick * PERIOD).twist.any()
    assert pilot.guard.fault is None
    for tick in range(30, 40):
        assert not pilot.tick(tick * PERIOD).twist.any()
    assert pilot.guard.fault is not None


def test_a_malformed_message_is_a_fault(pilot: Pilot) -> None:
    run(pilot, 5)
    pilot.refuse("static_camera/image_raw has 480 x 640 pixels")
    run(pilot, 5, start=6)
    assert pilot.guard.fault == "static_camera/image_raw has 480 x 640 pixels"


def test_a_policy_that_answers_with_nan_is_a_fault() -> None:
    pilot = Pilot(Straight((np.nan, 0, 0, 0, 0, 0, 1.0)), CONTRACT, Limits(), scene=False)
    assert not run(pilot, 1)[0].any()
    assert "finite" in str(pilot.guard.fault)


def test_beginning_again_forgets_the_fault(pilot: Pilot) -> None:
    pilot.refuse("wrong")
    run(pilot, 1)
    pilot.begin()
    assert np.allclose(run(pilot, 5, start=2)[-1], (0.1, 0, 0, 0, 0, 0))


def test_a_clock_that_goes_back_is_a_fault_and_what_was_heard_before_is_forgotten(pilot: Pilot) -> None:
    run(pilot, 40)
    assert pilot.tick(20 * PERIOD).twist[0] < 0.1
    assert "the clock went back by 0.667 s" in str(pilot.guard.fault)
    assert "has not spoken yet" in pilot.missing(20 * PERIOD)


def test_resting_begins_at_zero_and_tells_the_gripper_again_but_forgets_no_fault() -> None:
    pilot = Pilot(Straight((0.5, 0, 0, 0, 0, 0, -1.0)), CONTRACT, Limits(), scene=False)
    run(pilot, 5)
    pilot.rest()
    hear(pilot, 6 * PERIOD)
    motion = pilot.tick(6 * PERIOD)
    assert np.isclose(motion.twist[0], 0.2)
    assert motion.opens is False
    pilot.halt("wrong")
    pilot.rest()
    assert pilot.guard.fault == "wrong"


def test_what_is_missing_is_said_before_anything_moves(pilot: Pilot) -> None:
    assert "has not spoken yet" in pilot.missing(PERIOD)
    hear(pilot, PERIOD)
    assert pilot.missing(PERIOD) == ""
