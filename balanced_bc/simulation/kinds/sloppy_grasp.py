"""Sloppy grasp: takes block or handle beside where it is, and often gets nothing."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from balanced_bc.simulation.demonstrator import Demonstrator, SmoothDemonstrator
from balanced_bc.simulation.experts import Expert, Percept, Wish
from balanced_bc.simulation.kinds.kind import Experts, Kind

MOVES = 5e-4
"""Way per tick from which on a thing counts as moving, [m]."""


@dataclass(frozen=True)
class SloppyGrasp(Kind):
    """Aims wrong by an error that it does not see; after some tries it leaves, whether it was successful or not."""

    error: float = field(default=0.035, metadata={"range": (0.0, 0.2)})
    """Standard deviation of the aim in x and y, [m]."""
    rise: float = field(default=0.02, metadata={"range": (0.0, 0.2)})
    """Largest error of the aim in height, upward, [m]."""
    tries: int = field(default=2, metadata={"range": (1, 20)})
    """Tries until it leaves; each has another error."""
    patience: int = field(default=70, metadata={"range": (5, 300)})
    """Time after which a try has failed, without counting while the thing moves, [ticks]."""

    def demonstrator(self, experts: Experts, rng: Generator) -> Demonstrator:
        """Who demonstrates once."""
        sideways = rng.normal(scale=self.error, size=(self.tries, 2))
        errors = np.column_stack((sideways, rng.uniform(0.0, self.rise, self.tries)))
        return SmoothDemonstrator(SloppyExpert(experts.right, errors, self.patience))


class SloppyExpert:
    """Takes the hand to be where it is not."""

    def __init__(self, right: Expert, errors: NDArray[np.float64], patience: int) -> None:
        """Try as often as there are errors of the aim, [m], (tries, 3)."""
        self._right, self._errors, self._patience = right, errors, patience
        self._ticks = 0
        self._last: Percept | None = None

    def target(self, percept: Percept) -> NDArray[np.float64]:
        """Where the right thing is, [m], (3,)."""
        return self._right.target(percept)

    def wish(self, percept: Percept) -> Wish:
        """What it wants next."""
        if self._last is None or not _is_moving(percept, self._last):
            self._ticks += 1
        self._last = percept
        tries = (self._ticks - 1) // self._patience
        pose = percept.tcp_pose.copy()
        pose[:3] -= self._errors[min(tries, len(self._errors) - 1)]
        wish = self._right.wish(percept._replace(tcp_pose=pose))
        return wish._replace(finished=wish.finished or tries >= len(self._errors))


def _is_moving(now: Percept, before: Percept) -> bool:
    """Whether door, drawer or block moved."""
    ways = (now.slider - before.slider, now.drawer - before.drawer, now.red_block[2] - before.red_block[2])
    return max(abs(float(way)) for way in ways) > MOVES
