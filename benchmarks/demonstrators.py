"""How scripted demonstrators fare, kind by kind: a table, and one line of JSON.

python benchmarks/demonstrators.py [starts [first seed [kind ...]]]
"""

from __future__ import annotations

import json
import multiprocessing
import sys
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from balanced_bc.simulation.demonstrators import cast, percept_of
from balanced_bc.simulation.environment import make
from balanced_bc.simulation.kinds.kinds import QUALITIES
from balanced_bc.simulation.tasks import TASKS, behaviors_of
from balanced_bc.tables import aligned

LONGEST = 300
"""Ticks after which an attempt is over."""
HEADINGS = ("behavior", "kind", "successes", "median ticks", "longest", "path [m]", "jerk [m/s^3]")

Job = tuple[str, str, str, int]
"""Task, behavior, kind and seed."""


class Attempt(NamedTuple):
    """How one attempt went: success, number of actions, length of the hand's path [m], mean jerk of the commands."""

    success: bool
    ticks: int
    path: float
    jerk: float


def attempt(job: Job) -> Attempt:
    """One attempt."""
    task, behavior, kind, seed = job
    world = make(task, render_images=False, horizon=LONGEST)
    _, info = world.reset(seed=seed, options={"behavior": behavior})
    _, demonstrator, disturbance = cast(task, behavior, kind, np.random.default_rng(seed))
    places, twists = [info["scene"].tcp_pose[:3]], list[NDArray[np.float64]]()
    while len(twists) < LONGEST:
        action = demonstrator.act(percept_of(info["scene"]))
        if demonstrator.finished:
            break
        twists.append(action[:3])
        *_, info = world.step(disturbance.disturb(action))
        places.append(info["scene"].tcp_pose[:3])
    world.close()
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
    numbers = [int(word) for word in sys.argv[1:3]]
    starts, first = (*numbers, *(100, 500_000)[len(numbers) :])
    kinds = sys.argv[3:] or [quality for quality in QUALITIES if quality != "suboptimal"]
    rows: list[tuple[str, ...]] = [HEADINGS]
    summary: dict[str, float] = {}
    with multiprocessing.get_context("spawn").Pool() as pool:
        for task, behavior in ((name, behavior) for name in TASKS for behavior in behaviors_of(name)):
            for kind in kinds:
                found = pool.map(attempt, [(task, behavior, kind, first + i) for i in range(starts)])
                rows.append(row(behavior, kind, found))
                summary[f"{behavior}+{kind}"] = sum(one.success for one in found) / starts
    sys.stdout.write(aligned(rows) + "\n" + json.dumps({"success": summary, "starts": starts}) + "\n")


if __name__ == "__main__":
    main()
