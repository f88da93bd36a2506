"""How often the scripted demonstrators succeed: a table, and one line of JSON.

python benchmarks/demonstrators.py [starts [first seed]] [--world calvin]
"""

from __future__ import annotations

import json
import multiprocessing
import sys
from argparse import ArgumentParser
from functools import lru_cache
from statistics import median

import numpy as np

from balanced_bc.simulation.demonstrators import make_demonstrator, percept_of
from balanced_bc.simulation.environment import DeskEnv, make
from balanced_bc.simulation.tasks import TASKS, behaviors_of
from balanced_bc.simulation.worlds import TABLETOP, WORLDS
from balanced_bc.tables import aligned

LONGEST = 300
"""Ticks after which an attempt has failed."""


@lru_cache(maxsize=2)
def kept(task: str, world: str) -> DeskEnv:
    """One environment per process and task."""
    return make(task, world, render_images=False, horizon=LONGEST)


def attempt(job: tuple[str, str, str, int]) -> tuple[bool, int]:
    """Success and number of ticks of one attempt."""
    name, task, behavior, seed = job
    world = kept(task, name)
    _, info = world.reset(seed=seed, options={"behavior": behavior})
    demonstrator = make_demonstrator(task, behavior, "optimal", np.random.default_rng(seed))
    ticks = 0
    while ticks < LONGEST:
        action = demonstrator.act(percept_of(info["scene"]))
        if demonstrator.finished:
            break
        *_, info = world.step(action)
        ticks += 1
    return bool(info["success"]), ticks


def measured(world: str, starts: int, first: int) -> tuple[list[tuple[str, ...]], dict[str, float]]:
    """Rows of the table, and each behavior's share of successes."""
    rows: list[tuple[str, ...]] = [("task", "behavior", "successes", "median ticks of successes")]
    shares = {}
    with multiprocessing.get_context("spawn").Pool() as pool:
        for task, behavior in ((name, behavior) for name in TASKS for behavior in behaviors_of(name)):
            found = pool.map(attempt, [(world, task, behavior, first + i) for i in range(starts)])
            won = sum(success for success, _ in found)
            ticks = median([ticks for success, ticks in found if success] or [0])
            rows.append((task, behavior, f"{won}/{starts}", f"{ticks:g}"))
            shares[behavior] = won / starts
    return rows, shares


def main() -> None:
    """Measure."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("starts", type=int, nargs="?", default=100)
    parser.add_argument("first", type=int, nargs="?", default=500_000, help="seed of the first start")
    parser.add_argument("--world", choices=WORLDS, default=TABLETOP)
    asked = parser.parse_args()
    rows, shares = measured(asked.world, asked.starts, asked.first)
    plain = {"world": asked.world, "success": shares, "starts": asked.starts}
    sys.stdout.write(aligned(rows) + "\n" + json.dumps(plain) + "\n")


if __name__ == "__main__":
    main()
