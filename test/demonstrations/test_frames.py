"""Numbers of a frame: the state's gripper, the action's gripper, and the demonstration as a whole."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from balanced_bc.demonstrations.contract import RobotContract
from balanced_bc.demonstrations.decoding import Sample
from balanced_bc.demonstrations.frames import Track, demonstration_of, gripper_action, robot_state
from balanced_bc.demonstrations.observation import Demonstration, scene_vector


@pytest.fixture
def demonstration(said_at: Callable[[int], list[tuple[str, Sample]]], contract: RobotContract) -> Demonstration:
    said = [item for tick in range(10) for item in said_at(tick)]
    topics = {topic for topic, _ in said}
    samples = {topic: [sample for name, sample in said if name == topic] for topic in topics}
    tracks = {t: Track(np.array([s.stamp for s in found]), [s.value for s in found]) for t, found in samples.items()}
    return demonstration_of(tracks, contract)


@pytest.mark.parametrize(("opening", "state"), [(0.08, 1.0), (0.0721, 1.0), (0.0719, -1.0), (0.0, -1.0)])
def test_the_gripper_is_open_above_nine_tenths(opening: float, state: float) -> None:
    found = robot_state(np.append(np.arange(7.0), opening), RobotContract(max_opening=0.08, open_above=0.9))
    np.testing.assert_array_equal(found, np.append(np.arange(7.0), state).astype(np.float32))


@pytest.mark.parametrize(("opening", "action"), [(1.0, 1.0), (0.5, 1.0), (0.49, -1.0), (0.0, -1.0)])
def test_a_gripper_command_opens_from_half_upward(opening: float, action: float) -> None:
    assert gripper_action(opening) == action


def test_a_demonstration_holds_what_was_said(demonstration: Demonstration) -> None:
    np.testing.assert_allclose(demonstration.action[:, :6], np.arange(6.0) + np.arange(10)[:, None])
    assert demonstration.action[:, 6].tolist() == [1.0] * 4 + [-1.0] * 6
    assert demonstration.state[:, 7].tolist() == [1.0] * 5 + [-1.0] * 5
    assert demonstration.images["static_camera"][:, 0, 0, 0].tolist() == list(range(10))


def test_a_demonstration_has_the_types_that_it_promises(demonstration: Demonstration) -> None:
    assert demonstration.ticks.dtype == np.int64
    assert {images.dtype for images in demonstration.images.values()} == {np.dtype(np.uint8)}
    assert demonstration.state.dtype == demonstration.action.dtype == np.float32
    assert demonstration.scene is not None
    assert demonstration.scene.shape == (10, 21)


def test_the_scene_follows_scene_vector(demonstration: Demonstration) -> None:
    pose = np.array([0.4, 0.2, 0.3, 0.0, 0.0, 0.0, 1.0])
    assert demonstration.scene is not None
    np.testing.assert_array_equal(demonstration.scene[4], scene_vector(pose, 0.04, 0.08, True, pose))
