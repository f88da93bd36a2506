"""How scripted demonstrators fare, kind by kind: a table, and one line of JSON.

python benchmarks/demonstrators.py [starts [first seed]] [--world calvin] [--kinds optimal noisy ...]
"""

from __future__ import annotations

import json
import multiprocessing
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from functools import lru_cache
from statistics import median
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from balanced_bc.simulation.demonstrators import cast, percept_of
from balanced_bc.simulation.environment import DeskEnv, make
from balanced_bc.simulation.kinds.kinds import QUALITIES
from balanced_bc.simulation.tasks import TASKS, behaviors_of
from balanced_bc.simulation.worlds import TABLETOP, WORLDS
from balanced_bc.tables import aligned

LONGEST = 300
"""Ticks after which an attempt is over."""
HEADINGS = ("behavior", "kind", "successes", "median ticks", "longest", "path [m]", "jerk [m/s^3]")


class Job(NamedTuple):
    """What is attempted: where, which behavior, by whom, from which start."""

    world: str
    task: str
    behavior: str
    kind: str
    seed: int


class Attempt(NamedTuple):
    """How one attempt went: success, number of actions, length of the hand's path [m], mean jerk of the commands."""

    success: bool
    ticks: int
    path: float
    jerk: float


@lru_cache(maxsize=2)
def kept(task: str, world: str) -> DeskEnv:
    """One environment per process and task."""
    return make(task, world, render_images=False, horizon=LONGEST)


def attempt(job: Job) -> Attempt:
    """One attempt."""
    world = kept(job.task, job.world)
    _, info = world.reset(seed=job.seed, options={"behavior": job.behavior})
    _, demonstrator, disturbance = cast(job.task, job.behavior, job.kind, np.random.default_rng(job.seed))
    places, twists = [info["scene"].tcp_pose[:3]], list[NDArray[np.float64]]()
    while len(twists) < LONGEST:
        action = demonstrator.act(percept_of(info["scene"]))
        if demonstrator.finished:
            break
        twists.append(action[:3])
        *_, info = world.step(disturbance.disturb(action))
        places.append(info["scene"].tcp_pose[:3])
    path = float(np.linalg.norm(np.diff(places, axis=0), axis=1).sum())
    jerk = float(np.linalg.norm(np.diff(twists, 2, axis=0) * 30**2, axis=1).mean())
    return Attempt(bool(info["success"]), len(twists), path, jerk)


def row(behavior: str, kind: str, found: Sequence[Attempt]) -> tuple[str, ...]:
    """Attempts in numbers."""
    won = f"{sum(one.success for one in found)}/{len(found)}"
    ticks = [one.ticks for one in found]
    path, jerk = median(one.path for one in found), median(one.jerk for one in found)
    return behavior, kind, won, f"{median(ticks):g}", str(max(ticks)), f"{path:.2f}", f"{jerk:.0f}"


def main() -> None:
    """Measure."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("starts", type=int, nargs="?", default=100)
    parser.add_argument("first", type=int, nargs="?", default=500_000, help="seed of the first start")
    parser.add_argument("--world", choices=WORLDS, default=TABLETOP)
    parser.add_argument("--kinds", choices=QUALITIES, nargs="+", default=QUALITIES)
    asked = parser.parse_args()
    rows: list[tuple[str, ...]] = [HEADINGS]
    shares: dict[str, float] = {}
    with multiprocessing.get_context("spawn").Pool() as pool:
        for task, behavior in ((name, behavior) for name in TASKS for behavior in behaviors_of(name)):
            for kind in asked.kinds:
                seeds = range(asked.first, asked.first + asked.starts)
                found = pool.map(attempt, [Job(asked.world, task, behavior, kind, seed) for seed in seeds])
                rows.append(row(behavior, kind, found))
                shares[f"{behavior}+{kind}"] = sum(one.success for one in found) / asked.starts
    plain = {"world": asked.world, "success": shares, "starts": asked.starts}
    sys.stdout.write(aligned(rows) + "\n" + json.dumps(plain) + "\n")


if __name__ == "__main__":
    main()
