"""Steps per second of the tabletop world, with and without images. Run: `python benchmarks/simulation.py`.

Where calvin_env is installed, it does the same in the same run, as it is, and ratios of processor time are printed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from time import perf_counter, process_time
from typing import Any, NamedTuple

import numpy as np

from balanced_bc.simulation.calvin_package import is_installed, open_calvin
from balanced_bc.simulation.environment import TabletopEnv, make

STEPS = 200
"""Steps per measurement."""
ROUNDS = 3
"""Measurements; the quickest counts, since other programs only slow things down."""
ACTION = np.array((0.0, 0.03, 0.0, 0.0, 0.0, 0.1, 1.0))
"""A slow motion over the desk."""
RELATIVE = np.array((0.0, 0.05, 0.0, 0.0, 0.0, 0.067, 1.0))
"""The same in CALVIN's units."""


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
    def rate(self) -> float:
        """Calls per second of wall time."""
        return 1000.0 / self.wall

    def plain(self) -> dict[str, float]:
        """The numbers for JSON."""
        return {"wall_ms": self.wall, "cpu_ms": self.cpu, "per_second": self.rate}


def measured(what: str, call: Callable[[], object], times: int) -> Row:
    """Time a call: the quickest of some rounds."""
    rounds = []
    for _ in range(ROUNDS):
        wall, cpu = perf_counter(), process_time()
        for _ in range(times):
            call()
        rounds.append((1000 * (perf_counter() - wall) / times, 1000 * (process_time() - cpu) / times))
    return Row(what, *min(rounds))


def rows(env: TabletopEnv) -> tuple[Row, ...]:
    """Measure everything on one world."""
    env.reset(seed=0)

    def step_and_look() -> None:
        env.step(ACTION)
        env.images()

    env.images()
    return (
        measured("step without images", lambda: env.step(ACTION), STEPS),
        measured("step with both cameras", step_and_look, STEPS),
        measured("both cameras", env.images, STEPS),
        measured("reset", lambda: env.reset(seed=0), 20),
    )


def rows_of_calvin(env: Any) -> tuple[Row, ...]:
    """Measure calvin_env itself; its step draws both cameras unless it has none."""
    env.reset()
    cameras, env.cameras = env.cameras, []
    alone = measured("step without images", lambda: env.step(RELATIVE), STEPS)
    restarts = measured("reset", env.reset, 20)
    env.cameras = cameras
    return (
        alone,
        measured("step with both cameras", lambda: env.step(RELATIVE), STEPS),
        measured("both cameras", env.get_camera_obs, STEPS),
        restarts,
    )


def lines(title: str, table: tuple[Row, ...]) -> list[str]:
    """The table as text."""
    body = (f"{row.what:<24}{row.wall:>8.2f} ms{row.cpu:>10.2f} ms cpu{row.rate:>10.0f} /s" for row in table)
    return [title, *body, ""]


def main() -> None:
    """Print the tables, their ratios, and all of it as one line of JSON."""
    env = make("opening", render_images=False)
    tables = {"tabletop": rows(env)}
    env.close()
    if is_installed():
        tables["calvin_env"] = rows_of_calvin(open_calvin(window=False).env)
    text = [line for name, table in tables.items() for line in lines(name, table)]
    if is_installed():
        ratios = {here.what: there.cpu / here.cpu for here, there in zip(*tables.values())}
        text += ["processor time of calvin_env / tabletop", *(f"{what:<24}{x:>8.1f}" for what, x in ratios.items()), ""]
    plain = {name: {row.what: row.plain() for row in table} for name, table in tables.items()}
    sys.stdout.write("\n".join((*text, json.dumps(plain), "")))


if __name__ == "__main__":
    main()
