"""Simulating one demonstration: everything that is said, from the start to standing still."""

from __future__ import annotations

from dataclasses import asdict
from functools import lru_cache
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np

from balanced_bc.demonstrations.contract import TASK_BEHAVIOR, TASK_SUCCESS, VELOCITY_COMMAND
from balanced_bc.demonstrations.decoding import Sample
from balanced_bc.demonstrations.encoding import encode_sample
from balanced_bc.simulation.demonstrators import Part, cast, percept_of
from balanced_bc.simulation.environment import CONTRACT, DeskEnv, make
from balanced_bc.simulation.errors import SimulationError
from balanced_bc.simulation.kinds.kinds import Kinds
from balanced_bc.simulation.streams import Said, commanded, sensed, stamp_of_tick
from balanced_bc.simulation.tasks import behaviors_of
from balanced_bc.simulation.worlds import TABLETOP, WorldName

LONGEST = 300
"""Ticks after which an attempt is over: 10 s."""
MAX_ATTEMPTS = 50
"""Failed attempts at one demonstration after which something must be wrong."""


class Job(NamedTuple):
    """One demonstration to collect. Everything about it follows from these.

    Attributes:
        task: Name of the task.
        behavior: Name of the behavior.
        quality: What is asked of the demonstrator.
        seed: Of the collection.
        number: Which demonstration of this behavior, quality and seed it is, from 0.
        keep_failures: Whether the first attempt is taken as it comes; else attempts go on until one succeeds.
        kinds: Parameters of the kinds of demonstrators.
        world: Name of the world.
    """

    task: str
    behavior: str
    quality: str
    seed: int
    number: int
    keep_failures: bool = False
    kinds: Kinds = Kinds()
    world: WorldName = TABLETOP

    @property
    def seeds(self) -> tuple[int, ...]:
        """What start and demonstrator are drawn from."""
        code = crc32(f"{self.task} {self.quality}".encode())
        return self.seed, code, behaviors_of(self.task).index(self.behavior), self.number

    @property
    def identity(self) -> dict[str, Any]:
        """What tells this demonstration from all others, in plain types."""
        return {
            "world": self.world,
            "task": self.task,
            "behavior": self.behavior,
            "quality": self.quality,
            "collect_seed": self.seed,
            "number": self.number,
        }

    def settings(self, kind: str) -> dict[str, Any]:
        """How it is made if this kind is drawn, in plain types."""
        plain = {name: _plain(value) for name, value in asdict(self.kinds.kind(kind)).items()}
        return {"keep_failures": self.keep_failures, "parameters": plain}


class Recording(NamedTuple):
    """A demonstration that was made.

    Attributes:
        job: What it was made for.
        kind: Kind of demonstrator that was drawn.
        success: Whether the behavior was done.
        attempts: How many attempts it took.
        seed: Seed of the start.
        steps: Number of actions.
        messages: Topic, time [ns] and CDR of every message.
    """

    job: Job
    kind: str
    success: bool
    attempts: int
    seed: int
    steps: int
    messages: tuple[tuple[str, int, bytes], ...]


def demonstrate(job: Job) -> Recording:
    """Simulate until the demonstrator has succeeded, or once if failures are kept.

    Raises:
        SimulationError: It failed too often.
    """
    for attempt in range(MAX_ATTEMPTS):
        rng = np.random.default_rng((*job.seeds, attempt))
        start_seed = int(rng.integers(2**31))
        part = cast(job.task, job.behavior, job.quality, rng, job.kinds)
        said, success = _perform(job, part, start_seed)
        if job.keep_failures or (success and part.demonstrator.finished):
            messages = tuple((topic, sample.stamp, encode_sample(topic, sample, CONTRACT)) for topic, sample in said)
            steps = sum(topic == VELOCITY_COMMAND for topic, _ in said)
            return Recording(job, part.kind, success, attempt + 1, start_seed, steps, messages)
    raise SimulationError(
        f"{MAX_ATTEMPTS} attempts in a row failed at {job.identity}; they are kept only when asked for"
    )


def _perform(job: Job, part: Part, seed: int) -> tuple[list[Said], bool]:
    """What was said during one attempt, and whether it succeeded."""
    world = _world(job.task, job.world)
    _, info = world.reset(seed=seed, options={"behavior": job.behavior})
    first = stamp_of_tick(1, CONTRACT)
    said: list[Said] = [(TASK_BEHAVIOR, Sample(first, job.behavior)), (TASK_SUCCESS, Sample(first, False))]
    success = False
    for tick in range(1, LONGEST + 1):
        stamp = stamp_of_tick(tick, CONTRACT)
        if info["success"] and not success:
            success = True
            said.append((TASK_SUCCESS, Sample(stamp, True)))
        said.extend(sensed(info["scene"], world.images(), stamp, CONTRACT))
        action = part.demonstrator.act(percept_of(info["scene"]))
        if part.demonstrator.finished or tick == LONGEST:
            said.append((VELOCITY_COMMAND, Sample(stamp, np.zeros(6))))
            break
        said.extend(commanded(action, stamp))
        *_, info = world.step(part.disturbance.disturb(action))
    return said, success


@lru_cache(maxsize=2)
def _world(task: str, world: str) -> DeskEnv:
    """One environment per process and task: a reset rebuilds its world, so nothing is left of earlier episodes."""
    return make(task, world, render_images=False, horizon=LONGEST)


def _plain(value: Any) -> Any:
    """As YAML gives it back: a tuple is a list there."""
    return list(value) if isinstance(value, tuple) else value
