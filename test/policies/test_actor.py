"""Executing chunks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from balanced_bc.demonstrations.observation import Observation
from balanced_bc.policies.actor import ChunkedActor, Execution
from balanced_bc.policies.errors import PolicyError


class _Counting:
    """Answers look number n with the actions 10 n, 10 n + 1, 10 n + 2."""

    def __init__(self, execution: Execution) -> None:
        self.execution = execution
        self.looks: list[Sequence[Observation]] = []

    def act(self, seen: Sequence[Sequence[Observation]]) -> NDArray[np.float32]:
        self.looks.append(seen[0])
        return (10.0 * len(self.looks) + np.arange(3.0, dtype=np.float32))[None, :, None].repeat(7, axis=2)


def _numbered(number: int) -> Observation:
    return Observation({}, np.full(8, number, np.float32))


def _acted(actor: ChunkedActor, ticks: int) -> list[float]:
    """Act for some ticks; an observation is given only when it is wanted."""
    seen = (_numbered(tick) if actor.needs_observation else None for tick in range(ticks))
    return [float(actor.act(observation)[0]) for observation in seen]


def test_the_policy_is_asked_only_when_what_is_executed_of_a_chunk_is_used_up() -> None:
    policy = _Counting(Execution(execute=2))
    assert _acted(ChunkedActor(policy), 5) == [10, 11, 20, 21, 30]
    assert len(policy.looks) == 3


def test_after_a_reset_the_policy_looks_again() -> None:
    actor = ChunkedActor(_Counting(Execution(execute=3)))
    actor.act(_numbered(0))
    actor.reset()
    assert actor.needs_observation
    assert float(actor.act(_numbered(1))[0]) == 20


def test_a_used_up_chunk_without_an_observation_is_an_error() -> None:
    with pytest.raises(PolicyError, match="used up"):
        ChunkedActor(_Counting(Execution())).act()


def test_a_history_holds_the_ticks_before_a_look_and_the_first_stands_for_the_past() -> None:
    policy = _Counting(Execution(execute=3, history=2))
    _acted(ChunkedActor(policy), 7)
    looked = [[int(observation.state[0]) for observation in past] for past in policy.looks]
    assert looked == [[0, 0], [2, 3], [5, 6]]


def test_ensembling_averages_what_was_planned_for_this_tick_with_more_weight_on_older_plans() -> None:
    policy = _Counting(Execution(execute=3, ensemble=0.5))
    weights = np.exp(-0.5 * np.arange(3))
    planned = np.array((12.0, 21.0, 30.0))
    assert _acted(ChunkedActor(policy), 3)[2] == pytest.approx(weights @ planned / weights.sum())
    assert len(policy.looks) == 3


def test_ensembling_keeps_the_gripper_a_command() -> None:
    actor = ChunkedActor(_Counting(Execution(execute=3, ensemble=0.0)))
    assert {float(actor.act(_numbered(tick))[6]) for tick in range(4)} == {1.0}
