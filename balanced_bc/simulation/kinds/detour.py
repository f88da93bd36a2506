"""Detour: goes somewhere else first."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from balanced_bc.simulation.demonstrator import Demonstrator, SmoothDemonstrator
from balanced_bc.simulation.experts import Expert, Percept, Wish
from balanced_bc.simulation.kinds.kind import Experts, Kind
from balanced_bc.simulation.motion import Manner, toward

ARRIVED = 0.03
"""Distance at which the far point of a detour is reached, [m]."""


@dataclass(frozen=True)
class Detour(Kind):
    """Goes to a far point that has nothing to do with the task, and then the optimal way from there."""

    reach: float = field(default=0.16, metadata={"range": (0.0, 0.4)})
    """Distance of the far point from the start, in any direction, [m]."""
    rise: float = field(default=0.6, metadata={"range": (0.0, 2.0)})
    """The far point is up to this much higher than the start, relative to its distance."""
    speed: float = field(default=0.40, metadata={"range": (0.05, 1.0)})
    """On the way there, [m/s]."""
    longest: int = field(default=35, metadata={"range": (0, 300)})
    """Time after which the far point is given up, [ticks]."""

    def demonstrator(self, experts: Experts, rng: Generator) -> Demonstrator:
        """Who demonstrates once."""
        angle = rng.uniform(0, 2 * math.pi)
        away = self.reach * np.array((math.cos(angle), math.sin(angle), rng.uniform(0.0, self.rise)))
        return SmoothDemonstrator(DetourExpert(experts.right, away, self))


class DetourExpert:
    """Wishes to be at the far point first."""

    def __init__(self, right: Expert, away: NDArray[np.float64], kind: Detour) -> None:
        self._right, self._away = right, away
        self._manner = Manner(speed=kind.speed)
        self._left = kind.longest
        self._goal: NDArray[np.float64] | None = None

    def target(self, percept: Percept) -> NDArray[np.float64]:
        """Where the right thing is, [m], (3,)."""
        return self._right.target(percept)

    def wish(self, percept: Percept) -> Wish:
        """What it wants next."""
        wish, position = self._right.wish(percept), percept.tcp_pose[:3]
        if self._goal is None:
            self._goal = position + self._away
        if self._left == 0 or np.linalg.norm(self._goal - position) < ARRIVED:
            self._left = 0
            return wish
        self._left -= 1
        return wish._replace(velocity=toward(self._goal, position, self._manner), finished=False)
