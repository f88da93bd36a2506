"""Who acts in a take: a scripted demonstrator or a policy."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from balanced_bc.policies.actor import ChunkedActor
from balanced_bc.policies.checkpoint import load, require_contract
from balanced_bc.simulation.demonstrators import Part, cast, percept_of
from balanced_bc.simulation.environment import CONTRACT, DeskEnv


class Player(Protocol):
    """Whoever acts."""

    def begin(self, task: str, behavior: str, seed: int) -> str:
        """A take begins; who acts in it, in a word."""
        ...

    def act(self, world: DeskEnv, done: bool) -> NDArray[np.floating] | None:
        """What the arm is to do, (7,); None if there is nothing left to do. `done`: the behavior has succeeded."""
        ...


class ScriptedPlayer:
    """A scripted demonstrator of some quality, in a world that disturbs it if its kind says so."""

    def __init__(self, quality: str) -> None:
        self._quality = quality
        self._part: Part | None = None

    def begin(self, task: str, behavior: str, seed: int) -> str:
        """Draw who demonstrates."""
        self._part = cast(task, behavior, self._quality, np.random.default_rng(seed))
        return self._part.kind

    def act(self, world: DeskEnv, done: bool) -> NDArray[np.floating] | None:
        """What the world carries out."""
        del done
        assert self._part is not None, "begin comes first"
        action = self._part.demonstrator.act(percept_of(world.scene))
        return None if self._part.demonstrator.finished else self._part.disturbance.disturb(action)


class PolicyPlayer:
    """A policy; it never says that it has finished."""

    def __init__(self, checkpoint: Path) -> None:
        """Load a policy.

        Raises:
            PolicyError: There is no checkpoint, or it was made for other cameras.
        """
        loaded = load(checkpoint)
        require_contract(loaded.contract, CONTRACT, str(checkpoint))
        self._actor, self._looks = ChunkedActor(loaded.policy), bool(loaded.policy.cameras)

    def begin(self, task: str, behavior: str, seed: int) -> str:
        """Forget the take before."""
        del task, behavior, seed
        self._actor.reset()
        return "policy"

    def act(self, world: DeskEnv, done: bool) -> NDArray[np.floating] | None:
        """What the policy says, until the behavior is done."""
        if done:
            return None
        return self._actor.act(world.observe(self._looks) if self._actor.needs_observation else None)
