"""Many worlds at once, one per process, as gymnasium runs them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import pytest
from gymnasium.vector import AsyncVectorEnv

from balanced_bc.simulation.environment import make

WORLDS = 2
ACTIONS = np.tile(np.array((0.0, 0.1, 0.0, 0.0, 0.0, 0.2, -1.0), np.float32), (WORLDS, 1))


@pytest.fixture
def worlds() -> Iterator[AsyncVectorEnv]:
    worlds = AsyncVectorEnv([partial(make, "picking")] * WORLDS, context="spawn")
    yield worlds
    worlds.close()


def test_worlds_in_processes_are_the_worlds_of_their_seeds(worlds: AsyncVectorEnv) -> None:
    seeds: list[int | None] = [3, 8]
    worlds.reset(seed=seeds)
    for _ in range(5):
        seen, *_ = worlds.step(ACTIONS)
    for index, seed in enumerate(seeds):
        alone = make("picking")
        alone.reset(seed=seed)
        for action in [ACTIONS[index]] * 5:
            expected, *_ = alone.step(action)
        alone.close()
        for name, value in expected.items():
            np.testing.assert_array_equal(seen[name][index], value)


def test_a_world_whose_episode_is_over_begins_another() -> None:
    worlds = AsyncVectorEnv([partial(make, "opening", render_images=False, horizon=2)] * WORLDS)
    worlds.reset(seed=0)
    over = [worlds.step(ACTIONS)[3].tolist() for _ in range(4)]
    worlds.close()
    assert over == [[False] * WORLDS, [True] * WORLDS, [False] * WORLDS, [False] * WORLDS]
