"""Closed loop: a policy acts in a simulated world."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from balanced_bc.demonstrations.observation import Observation
from balanced_bc.policies.actor import ChunkedActor


class World(Protocol):
    """What a rollout wants of an environment."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode; `options["behavior"]` says which behavior it will be judged by."""
        ...

    def step(self, action: NDArray[np.float32]) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Act for one tick."""
        ...

    def observe(self, images: bool = True) -> Observation:
        """What a policy sees now; images cost time, so they are drawn only when they are asked for."""
        ...


class Rollout(NamedTuple):
    """How one rollout went.

    Attributes:
        behavior: Behavior that the start called for.
        seed: Seed of the start.
        success: Whether the behavior was done within the horizon.
        ticks: Ticks until then, or the horizon.
    """

    behavior: str
    seed: int
    success: bool
    ticks: int


def rollout(world: World, actor: ChunkedActor, behavior: str, seed: int, horizon: int, images: bool = True) -> Rollout:
    """Let a policy act until the behavior is done or the horizon is over.

    Args:
        world: Where it acts.
        actor: The policy.
        behavior: Behavior that the start calls for.
        seed: Seed of the start.
        horizon: Ticks to try.
        images: Whether the policy looks at images.
    """
    _, info = world.reset(seed=seed, options={"behavior": behavior})
    actor.reset()
    ticks = 0
    while ticks < horizon and not _succeeded(info):
        observation = world.observe(images) if actor.needs_observation else None
        _, _, _, truncated, info = world.step(actor.act(observation))
        ticks += 1
        if truncated:
            break
    return Rollout(behavior, seed, _succeeded(info), ticks)


def _succeeded(info: Mapping[str, Any]) -> bool:
    return bool(info["success"])
