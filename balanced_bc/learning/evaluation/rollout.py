"""Closed loop: a policy acts in a simulated world."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from balanced_bc.demonstrations.contract import RobotContract
from balanced_bc.demonstrations.observation import ACTION_SIZE, Observation
from balanced_bc.learning.errors import LearningError
from balanced_bc.policies.actor import Actions, ChunkedActor
from balanced_bc.simulation.errors import SimulationError
from balanced_bc.simulation.failures import failure_of
from balanced_bc.simulation.trace import FailureKind, Trace


class World(Protocol):
    """What a rollout wants of an environment."""

    task: str

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode; `options["behavior"]` says which behavior it will be judged by."""
        ...

    def step(self, action: NDArray[np.float32]) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Act for one tick; the last value has `success` and `scene`."""
        ...

    def observe(self, images: bool = True) -> Observation:
        """What a policy sees now; images cost time, so they are drawn only when they are asked for."""
        ...


class Job(NamedTuple):
    """One rollout to do.

    Attributes:
        behavior: Behavior that the start calls for.
        seed: Seed of the start.
    """

    behavior: str
    seed: int


class Rollout(NamedTuple):
    """How one rollout went.

    Attributes:
        behavior: Behavior that the start called for.
        seed: Seed of the start.
        success: Whether the behavior was done within the horizon.
        ticks: Ticks until then, or the horizon.
        failure: What went wrong, see `simulation.failures`; None if it succeeded.
    """

    behavior: str
    seed: int
    success: bool
    ticks: int
    failure: FailureKind | None = None

    @property
    def job(self) -> Job:
        """What it was."""
        return Job(self.behavior, self.seed)

    @property
    def seconds(self) -> float:
        """How long it took, [s]."""
        return RobotContract().period * self.ticks

    @property
    def outcome(self) -> str:
        """How it ended, in a word or two."""
        return self.failure or f"done, {self.seconds:.1f} s"


class Played(NamedTuple):
    """A rollout, and what was done in it: enough to see it again without the policy.

    Attributes:
        rollout: How it went.
        actions: What the world was told at each tick, float32, (T, 7).
    """

    rollout: Rollout
    actions: Actions


Performance = Generator[Sequence[Observation], Actions, Played]
"""A rollout that stops whenever its policy must answer: yields what is seen, (H,), and is sent a chunk, (C, 7)."""


def perform(world: World, actor: ChunkedActor, job: Job, horizon: int, images: bool = True) -> Performance:
    """Act until the behavior is done or the horizon is over.

    Args:
        world: Where it acts.
        actor: Who acts.
        job: Which start.
        horizon: Ticks to try.
        images: Whether the policy looks at images.

    Raises:
        LearningError: The policy says what no arm can do, or the physics blew up.
    """
    info: Mapping[str, Any] = world.reset(seed=job.seed, options={"behavior": job.behavior})[1]
    actor.reset()
    scenes, actions = [info["scene"]], list[Actions]()
    while len(actions) < horizon and not info["success"]:
        if actor.needs_observation:
            actor.see(world.observe(images))
        if actor.needs_answer:
            actor.answer((yield actor.seen))
        actions.append(actor.next())
        info = _stepped(world, actions[-1], f"{job.behavior} from seed {job.seed}, tick {len(actions)}")
        scenes.append(info["scene"])
    done = np.array(actions, np.float32).reshape(-1, ACTION_SIZE)
    failure = None if info["success"] else failure_of(Trace(world.task, job.behavior, scenes, done))
    return Played(Rollout(*job, failure is None, len(actions), failure), done)


def _stepped(world: World, action: Actions, when: str) -> Mapping[str, Any]:
    """What a world tells after an action."""
    try:
        return world.step(action)[-1]
    except SimulationError as error:
        raise LearningError(f"{when}: {error}") from error
