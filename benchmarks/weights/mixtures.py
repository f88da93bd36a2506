"""Datasets of the paper for state policies: optimal and other demonstrations, and behaviors in unequal numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from balanced_bc.demonstrations.observation import Demonstration
from balanced_bc.demonstrations.tags import BEHAVIOR
from balanced_bc.learning.gathering import Grouped, gather
from balanced_bc.learning.pairs import Pairs
from balanced_bc.policies.config import PolicyConfig
from balanced_bc.simulation.demonstrators import cast, percept_of
from balanced_bc.simulation.environment import CONTRACT, DeskEnv, make
from balanced_bc.simulation.kinds.kinds import Kinds
from balanced_bc.simulation.performing import LONGEST, MAX_ATTEMPTS, Job
from balanced_bc.simulation.tasks import behaviors_of

OPTIMAL, OTHER = "optimal", "suboptimal"
"""Groups of a mixture: the paper's names."""
NUMBERS = {"picking": (60, 30), "opening": (20, 10)}
"""Demonstrations of both groups, split evenly over the behaviors."""
KINDS = ("noisy", "detour", "misleading", "perturbed", "optimal")
"""What the second group is; optimal: of the same quality as the first, as a control."""
NOISY, MISLEADING, PERTURBED = "noisy", "misleading", "perturbed"
"""The kind that the paper is about, the one that no weights help against, and one that is useful."""
TELLING = (NOISY, OPTIMAL)
"""Where a method must lift clean data, and where it must not."""
MOSTLY_NOISY = "mostly noisy"
"""The kind of a mixture whose groups have changed their numbers: twice as much noisy data as optimal data."""
BEHAVIORS = "behaviors"
"""The kind of a dataset whose groups are its behaviors, all optimal."""
IMBALANCED: Mapping[str, Mapping[str, int]] = {
    "picking": {"left": 27, "middle": 9, "right": 27},
    "opening": {"slider": 10, "drawer": 20},
}
"""Demonstrations of each behavior where these are the groups."""
PERIOD = 33_333_333
"""Time between two ticks, [ns]."""


class Mixture(NamedTuple):
    """Which demonstrations.

    Attributes:
        task: Name of the task.
        kind: Kind of the second group's demonstrators; or `BEHAVIORS`.
        seed: Of the demonstrations.
    """

    task: str
    kind: str
    seed: int


def pairs_of(mixture: Mixture, policy: PolicyConfig) -> Pairs:
    """Pairs of a mixture for a state policy."""
    pairs = gather(_demonstrations(mixture), policy, CONTRACT)
    return replace(pairs, axes=(BEHAVIOR,)) if mixture.kind == BEHAVIORS else pairs


@lru_cache(maxsize=2)
def _demonstrations(mixture: Mixture) -> tuple[Grouped, ...]:
    return tuple(_made(mixture))


def _made(mixture: Mixture) -> Iterator[Grouped]:
    task, _, seed = mixture
    world = make(task, render_images=False, horizon=LONGEST)
    for group, quality, behavior, numbers in _wanted(mixture):
        fails = Kinds().kind(quality).ALWAYS_FAILS
        for number in numbers:
            job = Job(task, behavior, quality, seed, number, keep_failures=fails)
            yield Grouped(f"{group} {behavior} {number}", group, demonstrated(world, job))
    world.close()


def _wanted(mixture: Mixture) -> Iterator[tuple[str, str, str, range]]:
    """Group, quality, behavior and numbers of the demonstrations of a mixture."""
    task, kind, _ = mixture
    if kind == BEHAVIORS:
        yield from ((behavior, OPTIMAL, behavior, range(number)) for behavior, number in IMBALANCED[task].items())
        return
    behaviors = behaviors_of(task)
    many, few = (number // len(behaviors) for number in NUMBERS[task])
    if kind == MOSTLY_NOISY:
        kind, many, few = NOISY, few, many
    first = many if kind == OPTIMAL else 0
    yield from ((OPTIMAL, OPTIMAL, behavior, range(many)) for behavior in behaviors)
    yield from ((OTHER, kind, behavior, range(first, first + few)) for behavior in behaviors)


def demonstrated(world: DeskEnv, job: Job) -> Demonstration:
    """The demonstration that `simulation.performing.demonstrate` makes, without images."""
    for attempt in range(MAX_ATTEMPTS):
        rng = np.random.default_rng((*job.seeds, attempt))
        _, info = world.reset(seed=int(rng.integers(2**31)), options={"behavior": job.behavior})
        part = cast(job.task, job.behavior, job.quality, rng, job.kinds)
        states, scenes, actions, success = [], [], [], False
        for _ in range(LONGEST):
            success = success or info["success"]
            action = part.demonstrator.act(percept_of(info["scene"]))
            if part.demonstrator.finished:
                break
            seen = world.observe(images=False)
            states.append(seen.state)
            scenes.append(seen.scene)
            actions.append(action.astype(np.float32))
            *_, info = world.step(part.disturbance.disturb(action))
        if job.keep_failures or (success and part.demonstrator.finished):
            ticks = PERIOD * np.arange(len(actions))
            return Demonstration(ticks, {}, np.array(states), np.array(actions), np.array(scenes))
    raise RuntimeError(f"{MAX_ATTEMPTS} attempts in a row failed at {job.identity}")
