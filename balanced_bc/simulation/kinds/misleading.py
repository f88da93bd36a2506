"""Misleading: smooth, short, consistent, and wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from balanced_bc.simulation.demonstrator import Demonstrator, SmoothDemonstrator
from balanced_bc.simulation.experts import Expert, Percept, Wish
from balanced_bc.simulation.kinds.kind import Experts, Kind

ARRIVED = 0.06
"""Distance from the wrong thing at which the hand has arrived there, [m]."""


@dataclass(frozen=True)
class Misleading(Kind):
    """Always moves the other handle, or grasps in the next region, where nothing is. No loss can see that."""

    ALWAYS_FAILS: ClassVar[bool] = True
    patience: int = field(default=35, metadata={"range": (1, 300)})
    """Time at the wrong thing after which it leaves in any case: a drawer that is open cannot be opened, [ticks]."""

    def demonstrator(self, experts: Experts, rng: Generator) -> Demonstrator:
        """Who demonstrates once."""
        del rng
        return SmoothDemonstrator(WrongExpert(experts.wrong[0], self.patience))


class WrongExpert:
    """Wishes for the wrong thing until it is done, or does not work."""

    def __init__(self, wrong: Expert, patience: int) -> None:
        self._wrong, self._left = wrong, patience
        self._arrived = False

    def target(self, percept: Percept) -> NDArray[np.float64]:
        """Where the wrong thing is, [m], (3,)."""
        return self._wrong.target(percept)

    def wish(self, percept: Percept) -> Wish:
        """What it wants next."""
        distance = float(np.linalg.norm(self.target(percept) - percept.tcp_pose[:3]))
        self._arrived = self._arrived or distance < ARRIVED
        self._left -= self._arrived
        wish = self._wrong.wish(percept)
        return wish._replace(finished=wish.finished or self._left <= 0)
