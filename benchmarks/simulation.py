"""Steps per second of the tabletop world, with and without images, and how they grow with the number of processes.

Run: `python benchmarks/simulation.py`. Ratios are of two things measured in one run; the one of processes says little
while other programs keep the cores busy. Where calvin_env is installed, it is measured in the same run, as it is.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from itertools import count
from time import perf_counter, process_time
from typing import Any, NamedTuple

import numpy as np
from gymnasium.vector import AsyncVectorEnv
from numpy.typing import NDArray

from balanced_bc.simulation.calvin_package import is_installed, open_calvin
from balanced_bc.simulation.demonstrators import make_demonstrator, percept_of
from balanced_bc.simulation.environment import TabletopEnv, make
from balanced_bc.simulation.renderer import renderer

STEPS = 40
"""Steps per measurement."""
ROUNDS = 10
"""Measurements; the quickest counts, since other programs only slow things down."""
RELATIVE = (0.02, 0.05)
"""A unit of CALVIN's relative actions: [m] and [rad] in a step."""


class Row(NamedTuple):
    """One line of the table.

    Attributes:
        what: What was measured.
        wall: Time per call, [ms].
        cpu: Processor time per call, [ms].
    """

    what: str
    wall: float
    cpu: float

    @property
    def plain(self) -> dict[str, float]:
        """The numbers, for JSON."""
        return {"wall_ms": self.wall, "cpu_ms": self.cpu, "per_second": self.rate}

    @property
    def rate(self) -> float:
        """Calls per second of wall time."""
        return 1000.0 / self.wall


def measured(what: str, call: Callable[[], object], times: int) -> Row:
    """Time a call: the quickest of some rounds."""
    rounds = []
    for _ in range(ROUNDS):
        wall, cpu = perf_counter(), process_time()
        for _ in range(times):
            call()
        rounds.append((1000 * (perf_counter() - wall) / times, 1000 * (process_time() - cpu) / times))
    return Row(what, *min(rounds))


def swaying() -> Callable[[], NDArray[np.float64]]:
    """Actions that move the arm over the desk and back in 40 steps, so that it never arrives anywhere."""
    steps = count()
    return lambda: np.array((0.0, 0.1 * np.sin(np.pi * next(steps) / 20), 0.0, 0.0, 0.0, 0.0, 1.0))


def rows(env: TabletopEnv) -> tuple[Row, ...]:
    """Measure everything on one world."""
    env.reset(seed=0)
    action = swaying()

    def step_and_look() -> None:
        env.step(action())
        env.images()

    env.images()
    return (
        measured("step without images", lambda: env.step(action()), STEPS),
        measured("step with both cameras", step_and_look, STEPS),
        measured("both cameras", env.images, STEPS),
        demonstrated(env, "drawer"),
        measured("reset", lambda: env.reset(seed=0), 10),
    )


def demonstrated(env: TabletopEnv, behavior: str) -> Row:
    """Time the steps of a demonstration with both cameras: what moves on the desk is drawn anew in every frame."""

    def demonstrate() -> None:
        demonstrator = make_demonstrator(env.task, behavior, "optimal", np.random.default_rng(0))
        env.reset(seed=0, options={"behavior": behavior})
        for _ in range(STEPS):
            env.step(demonstrator.act(percept_of(env.scene)))
            env.images()

    whole = measured("", demonstrate, 1)
    begun = measured("", lambda: env.reset(seed=0, options={"behavior": behavior}), 1)
    return Row("step of a demonstration", (whole.wall - begun.wall) / STEPS, (whole.cpu - begun.cpu) / STEPS)


def scaling(workers: int) -> float:
    """Steps per second with images of so many processes together, over those of one."""
    return _rate(workers) / _rate(1)


def _rate(workers: int) -> float:
    worlds = AsyncVectorEnv([partial(make, "opening")] * workers)
    worlds.reset(seed=0)
    action = swaying()
    row = measured("", lambda: worlds.step(np.tile(action().astype(np.float32), (workers, 1))), STEPS)
    worlds.close()
    return workers * row.rate


def rows_of_calvin() -> tuple[Row, ...]:
    """Measure calvin_env itself; its step draws both cameras unless it has none."""
    env: Any = open_calvin(window=False).env
    env.reset()
    cameras, env.cameras, action = env.cameras, [], swaying()

    def step() -> None:
        twist = action()
        env.step(np.concatenate((twist[:3] / (30 * RELATIVE[0]), twist[3:6] / (30 * RELATIVE[1]), twist[6:])))

    alone, restarts = measured("step without images", step, STEPS), measured("reset", env.reset, 10)
    env.cameras = cameras
    looked = measured("step with both cameras", step, STEPS)
    return alone, looked, measured("both cameras", env.get_camera_obs, STEPS), restarts


def lines(title: str, table: Sequence[Row]) -> list[str]:
    """A table as text."""
    body = (f"{row.what:<24}{row.wall:>8.2f} ms{row.cpu:>10.2f} ms cpu{row.rate:>10.0f} /s" for row in table)
    return [title, *body, ""]


def main() -> None:
    """Print the tables, their ratios, and all of it as one line of JSON."""
    env = make("opening", render_images=False)
    tables = {"tabletop": rows(env), **({"calvin_env": rows_of_calvin()} if is_installed() else {})}
    env.close()
    workers = len(os.sched_getaffinity(0))
    grown = scaling(workers)
    here, there = ({row.what: row.cpu for row in tables.get(name, ())} for name in ("tabletop", "calvin_env"))
    ratios = {what: cpu / here[what] for what, cpu in there.items()}
    text = [line for name, table in tables.items() for line in lines(name, table)]
    text += [f"{what:<24}{x:>8.1f} times calvin_env's speed, by processor time" for what, x in ratios.items()]
    text.append(f"{workers} processes: {grown:.2f} times the steps of one; drawn in {renderer().name}")
    plain: dict[str, object] = {name: {row.what: row.plain for row in table} for name, table in tables.items()}
    plain |= {"ratios": ratios, "scaling": {"workers": workers, "times_one": grown, "per_worker": grown / workers}}
    sys.stdout.write("\n".join((*text, json.dumps(plain), "")))


if __name__ == "__main__":
    main()
