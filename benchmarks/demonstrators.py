"""How often the scripted demonstrators succeed: a table, and one line of JSON.

python benchmarks/demonstrators.py [starts [first seed]]
"""

from __future__ import annotations

import json
import multiprocessing
import sys
from statistics import median

import numpy as np

from balanced_bc.simulation.demonstrators import make_demonstrator, percept_of
from balanced_bc.simulation.environment import make
from balanced_bc.simulation.tasks import TASKS, behaviors_of
from balanced_bc.tables import aligned

LONGEST = 300
"""Ticks after which an attempt has failed."""


def attempt(job: tuple[str, str, int]) -> tuple[bool, int]:
    """Success and number of ticks of one attempt."""
    task, behavior, seed = job
    world = make(task, render_images=False, horizon=LONGEST)
    _, info = world.reset(seed=seed, options={"behavior": behavior})
    demonstrator = make_demonstrator(task, behavior, "optimal", np.random.default_rng(seed))
    ticks = 0
    while ticks < LONGEST:
        action = demonstrator.act(percept_of(info["scene"]))
        if demonstrator.finished:
            break
        *_, info = world.step(action)
        ticks += 1
    world.close()
    return bool(info["success"]), ticks


def main() -> None:
    """Measure."""
    numbers = [int(word) for word in sys.argv[1:]]
    starts, first = (*numbers, *(100, 500_000)[len(numbers) :])
    rows, summary = [("task", "behavior", "successes", "median ticks of successes")], {}
    with multiprocessing.get_context("spawn").Pool() as pool:
        for task, behavior in ((name, behavior) for name in TASKS for behavior in behaviors_of(name)):
            found = pool.map(attempt, [(task, behavior, first + i) for i in range(starts)])
            won = sum(success for success, _ in found)
            ticks = median([ticks for success, ticks in found if success] or [0])
            rows.append((task, behavior, f"{won}/{starts}", f"{ticks:g}"))
            summary[behavior] = won / starts
    sys.stdout.write(aligned(rows) + "\n" + json.dumps({"success": summary, "starts": starts}) + "\n")


if __name__ == "__main__":
    main()
