"""Executing chunks."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from balanced_bc.demonstrations.observation import Observation
from balanced_bc.policies.actor import ChunkedActor
from balanced_bc.policies.errors import PolicyError


class _Counting:
    """Answers look number n with the actions 10 n, 10 n + 1, 10 n + 2."""

    looks = 0

    def act(self, observation: Observation) -> NDArray[np.float32]:
        del observation
        self.looks += 1
        return (10.0 * self.looks + np.arange(3.0, dtype=np.float32))[:, None].repeat(7, axis=1)


def test_the_policy_is_asked_only_when_a_chunk_is_used_up(observation: Observation) -> None:
    policy = _Counting()
    actor = ChunkedActor(policy)
    actions = [float(actor.act(observation if actor.needs_observation else None)[0]) for _ in range(7)]
    assert actions == [10, 11, 12, 20, 21, 22, 30]
    assert policy.looks == 3


def test_after_a_reset_the_policy_looks_again(observation: Observation) -> None:
    actor = ChunkedActor(_Counting())
    actor.act(observation)
    actor.reset()
    assert actor.needs_observation
    assert float(actor.act(observation)[0]) == 20


def test_a_used_up_chunk_without_an_observation_is_an_error() -> None:
    with pytest.raises(PolicyError, match="used up"):
        ChunkedActor(_Counting()).act()
