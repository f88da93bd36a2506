"""Asking a policy for several at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from balanced_bc.demonstrations.observation import Observation
from balanced_bc.learning.evaluation.side_by_side import ROWS, answered
from balanced_bc.policies.config import PolicyConfig
from balanced_bc.policies.making import make
from balanced_bc.simulation.environment import CONTRACT

KINDS = (
    PolicyConfig(policy="state"),
    PolicyConfig(policy="state", hidden=100, chunk=5, history=2),
    PolicyConfig(policy="state", head="mixture"),
    PolicyConfig(policy="state", head="bins"),
    PolicyConfig(policy="image"),
)


@pytest.fixture
def seen() -> list[list[Observation]]:
    """Nine histories of two random observations."""
    rng = np.random.default_rng(0)

    def drawn() -> Observation:
        images = {camera.name: rng.integers(0, 256, camera.shape, np.uint8) for camera in CONTRACT.cameras}
        return Observation(images, *(rng.normal(size=size).astype(np.float32) for size in (8, 21)))

    return [[drawn(), drawn()] for _ in range(9)]


@pytest.mark.parametrize("config", KINDS, ids=lambda config: f"{config.policy} {config.head} {config.hidden}")
def test_an_answer_depends_on_nothing_but_what_was_seen(config: PolicyConfig, seen: list[list[Observation]]) -> None:
    """Neither on its place, nor on those beside it, to the last bit."""
    torch.manual_seed(0)
    policy = make(config, [camera.name for camera in CONTRACT.cameras])
    seen = [history[: config.history] for history in seen]
    whole = [answer.tobytes() for answer in answered(policy, seen)]
    assert whole == [answered(policy, [history])[0].tobytes() for history in seen]
    assert whole[::-1] == [answer.tobytes() for answer in answered(policy, seen[::-1])]
    assert whole[2:] == [answer.tobytes() for answer in answered(policy, seen[2:])]


class _Counting:
    """Says how many it was asked about."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def act(self, seen: Sequence[Sequence[Observation]]) -> NDArray[np.float32]:
        self.sizes.append(len(seen))
        return np.array([[[float(history[-1].state[0])]] for history in seen], np.float32)


def test_the_policy_is_always_asked_about_as_many(seen: list[list[Observation]]) -> None:
    policy = _Counting()
    answers = answered(policy, seen)  # type: ignore[arg-type]
    assert policy.sizes == [ROWS] * 3
    assert [float(answer[0, 0]) for answer in answers] == [float(history[-1].state[0]) for history in seen]
    assert answered(policy, []) == []  # type: ignore[arg-type]


def test_the_number_of_threads_is_as_it_was(seen: list[list[Observation]]) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    answered(make(KINDS[0], []), [history[:1] for history in seen])
    assert torch.get_num_threads() == 2
    torch.set_num_threads(before)
