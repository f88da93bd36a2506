"""Wrong first: starts toward the wrong handle or region, and then corrects."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from balanced_bc.simulation.demonstrator import Demonstrator, SmoothDemonstrator
from balanced_bc.simulation.errors import SimulationError
from balanced_bc.simulation.experts import Expert, Percept, Wish
from balanced_bc.simulation.kinds.kind import Experts, Kind


@dataclass(frozen=True)
class WrongFirst(Kind):
    """Mistakes the behavior, notices it close to the wrong thing without touching it, and turns around."""

    near: tuple[float, float] = field(default=(0.10, 0.16), metadata={"range": (0.0, 1.0)})
    """Smallest and largest distance from the wrong thing at which it turns around, [m]; drawn once."""
    longest: int = field(default=45, metadata={"range": (0, 300)})
    """Time after which it turns around in any case, [ticks]."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.near[0] > self.near[1]:
            raise SimulationError(f"WrongFirst: near is {self.near}; the smaller distance comes first")

    def demonstrator(self, experts: Experts, rng: Generator) -> Demonstrator:
        """Who demonstrates once; which of several wrong things comes first is drawn."""
        wrong = experts.wrong[int(rng.integers(len(experts.wrong)))]
        near = float(rng.uniform(*self.near))
        return SmoothDemonstrator(WrongFirstExpert(experts.right, wrong, near, self.longest))


class WrongFirstExpert:
    """Wishes for the wrong thing, and near it for the right one."""

    def __init__(self, right: Expert, wrong: Expert, near: float, longest: int) -> None:
        self._right, self._wrong, self._near, self._left = right, wrong, near, longest

    def target(self, percept: Percept) -> NDArray[np.float64]:
        """Where the right thing is, [m], (3,)."""
        return self._right.target(percept)

    def wish(self, percept: Percept) -> Wish:
        """What it wants next."""
        distance = float(np.linalg.norm(self._wrong.target(percept) - percept.tcp_pose[:3]))
        if self._left == 0 or distance < self._near:
            self._left = 0
            return self._right.wish(percept)
        self._left -= 1
        return self._wrong.wish(percept)._replace(finished=False)
