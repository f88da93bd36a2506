"""Idle pairs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from balanced_bc.demonstrations.contract import RobotContract
from balanced_bc.demonstrations.observation import Demonstration
from balanced_bc.learning.gathering import Grouped, gather
from balanced_bc.learning.pairs import Pairs
from balanced_bc.learning.rebalancing.idleness import idle, lengths, warnings
from balanced_bc.policies.config import PolicyConfig

PERIOD = 1 / 30


@pytest.fixture
def resting(
    demonstrate: Callable[..., Demonstration], contract: RobotContract, state_policy: PolicyConfig
) -> Callable[..., Pairs]:
    """Make pairs: `busy` moves in all of 20 ticks; `slow` is told nothing in the last half of 40 and stands still."""

    def make(drift: float = 0.0, squeeze: bool = False) -> Pairs:
        busy, slow = demonstrate(ticks=20, seed=1), demonstrate(ticks=40, seed=2)
        slow.action[20:, :6] = 0
        slow.action[20:, 6] = np.where(np.arange(20) % 2, 1, -1) if squeeze else slow.action[19, 6]
        slow.state[20:] = slow.state[19] + drift * PERIOD * np.arange(1, 21)[:, None]
        return gather([Grouped("one", "busy", busy), Grouped("two", "slow", slow)], state_policy, contract)

    return make


def test_pairs_are_idle_where_nothing_is_commanded_and_nothing_moves(resting: Callable[..., Pairs]) -> None:
    pairs = resting()
    assert idle(pairs, PERIOD).tolist() == [False] * 40 + [True] * 20


def test_an_arm_that_still_moves_is_not_idle(resting: Callable[..., Pairs]) -> None:
    assert not bool(idle(resting(drift=0.1), PERIOD).any())


def test_a_gripper_that_is_told_to_move_is_not_idle(resting: Callable[..., Pairs]) -> None:
    assert int(idle(resting(squeeze=True), PERIOD).sum()) <= 1


def test_lengths_and_idle_shares_are_counted_by_group(resting: Callable[..., Pairs]) -> None:
    found = lengths(resting(), PERIOD)
    assert found.pairs.tolist() == [20.0, 40.0]
    assert found.idle.tolist() == [0.0, 0.5]


def test_a_group_that_is_more_idle_than_another_is_named() -> None:
    told = warnings(("busy", "slow", "slower"), torch.tensor([0.05, 0.1, 0.4]))
    assert len(told) == 1
    assert told[0].startswith("slower is 40% idle")


def test_groups_that_are_alike_idle_are_not_named() -> None:
    assert warnings(("one", "two"), torch.tensor([0.5, 0.55])) == ()
