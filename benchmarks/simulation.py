"""Steps per second of the tabletop world, with and without images. Run: `python benchmarks/simulation.py`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from time import perf_counter, process_time
from typing import NamedTuple

import numpy as np

from balanced_bc.simulation.environment import TabletopEnv, make

STEPS = 200
"""Steps per measurement."""
ROUNDS = 3
"""Measurements; the quickest counts, since other programs only slow things down."""
ACTION = np.array((0.0, 0.03, 0.0, 0.0, 0.0, 0.1, 1.0))
"""A slow motion over the desk."""


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


def main() -> None:
    """Print the table, and the same as one line of JSON."""
    env = make("opening", render_images=False)
    table = rows(env)
    env.close()
    lines = [f"{row.what:<24}{row.wall:>8.2f} ms{row.cpu:>10.2f} ms cpu{row.rate:>10.0f} /s" for row in table]
    plain = {row.what: {"wall_ms": row.wall, "cpu_ms": row.cpu, "per_second": row.rate} for row in table}
    sys.stdout.write("\n".join((*lines, json.dumps(plain), "")))


if __name__ == "__main__":
    main()
