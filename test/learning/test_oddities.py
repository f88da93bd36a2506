"""What is said of values that never change or are far off all others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from balanced_bc.demonstrations.contract import RobotContract
from balanced_bc.demonstrations.observation import Demonstration
from balanced_bc.learning import oddities
from balanced_bc.learning.gathering import Grouped, gather
from balanced_bc.learning.pairs import Pairs
from balanced_bc.policies.config import PolicyConfig


@pytest.fixture
def pairs(demonstrate: Callable[..., Demonstration], contract: RobotContract, state_policy: PolicyConfig) -> Pairs:
    """Five demonstrations of 40 ticks, which are the episodes 10 to 14 of a dataset."""
    found = [Grouped(f"episode {10 + i}", "drawer", demonstrate(ticks=40, seed=i)) for i in range(5)]
    return replace(gather(found, state_policy, contract), episodes=range(10, 15))


def test_what_is_usual_is_not_odd(pairs: Pairs) -> None:
    assert oddities.warnings(pairs) == ()


@pytest.mark.parametrize("value", [1e30, -100.0])
def test_a_velocity_that_is_far_off_is_told_with_its_episode(pairs: Pairs, value: float) -> None:
    pairs.action[90, 0, 2] = value
    (said,) = oddities.warnings(pairs)
    assert said.startswith(f"linear velocity z is {value:.3g} in episode 12 (1 of 200 pairs are that far off; half")


def test_a_whole_demonstration_in_other_units_is_told(pairs: Pairs) -> None:
    own = pairs.demonstration == 3
    pairs.state[own, :7] *= 57.3
    pairs.action[own, 0, :6] *= 1000.0
    said = oddities.warnings(pairs)
    assert len(said) == 7 + 6
    assert all("in episode 13 (" in one for one in said)


def test_a_gripper_that_is_half_recorded_is_told(pairs: Pairs) -> None:
    gripper = pairs.action[:, 0, 6].clone()
    pairs.action[:, 0, 6] = 1.0
    (said,) = oddities.warnings(pairs)
    assert said.startswith("the gripper is always told to open, and it is or gets closed: look")
    pairs.action[:, 0, 6], pairs.state[:, 7] = gripper, 1.0
    (said,) = oddities.warnings(pairs)
    assert said.startswith("the gripper is told to open and to close, and its state never changes: look")


def test_a_gripper_whose_commands_were_not_recorded_is_told(pairs: Pairs) -> None:
    """Then its state is taken for its command."""
    own = pairs.demonstration >= 3
    pairs.state[own, 7] = torch.where(torch.arange(80) % 40 < 30, 1.0, -1.0)
    pairs.action[own, 0, 6] = pairs.state[own, 7]
    (said,) = oddities.warnings(pairs)
    assert said.startswith("the gripper's command is its state at every tick of episode 13-14: look")


def test_a_gripper_that_does_what_it_is_always_told_is_usual(pairs: Pairs) -> None:
    pairs.action[:, 0, 6] = -1.0
    pairs.state[:, 7] = torch.where(torch.arange(200) % 40 < 5, 1.0, -1.0)
    assert oddities.warnings(pairs) == ()


def test_joints_and_the_scene_are_looked_at_too(pairs: Pairs) -> None:
    pairs.state[[0, 199], 3], pairs.scene[50, 20] = 1000.0, -1000.0
    joint, scene = oddities.warnings(pairs)
    assert joint.startswith("joint 4 is 1e+03 in episode 10, 14 (2 of 200 pairs")
    assert scene.startswith("number 20 of the scene is -1e+03 in episode 11 (1 of")


def test_a_move_of_what_hardly_ever_moves_is_no_oddity(pairs: Pairs) -> None:
    pairs.action[:, 0, 4] = 0.0
    pairs.action[7, 0, 4] = 2.5
    assert oddities.warnings(pairs) == ()
    pairs.action[7, 0, 4] = 11.0
    assert "angular velocity y is 11 in episode 10" in oddities.warnings(pairs)[0]


def test_a_joint_that_never_changes_is_named(pairs: Pairs) -> None:
    pairs.state[:, 6] = 0.3
    assert oddities.warnings(pairs) == ("joint 7 never changes: a policy learns nothing from it",)


def test_a_state_that_never_changes_is_told_once(pairs: Pairs) -> None:
    pairs.state.copy_(torch.from_numpy(np.ones((200, 8), np.float32)))
    assert oddities.warnings(pairs) == ("the state never changes: a policy learns nothing from it",)
