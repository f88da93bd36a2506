"""What makes a demonstration suboptimal: a trembling hand, hesitation, a detour. Each wraps an optimal demonstrator."""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from balanced_bc.simulation.experts import Percept

Floats = NDArray[np.float64]


class Demonstrator(Protocol):
    """Who is being spoiled."""

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to do."""
        ...

    def act(self, percept: Percept) -> Floats:
        """Twist and gripper, (7,)."""
        ...


class Flawed:
    """An optimal demonstrator whose twists are changed."""

    def __init__(self, optimal: Demonstrator, rng: Generator) -> None:
        self._optimal = optimal
        self._rng = rng

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to do."""
        return self._optimal.finished

    def act(self, percept: Percept) -> Floats:
        """Twist and gripper, (7,)."""
        action = self._optimal.act(percept)
        return np.append(self.spoil(action[:6], percept), action[6])

    def spoil(self, twist: Floats, percept: Percept) -> Floats:
        """Change a twist, (6,)."""
        raise NotImplementedError


class Noisy(Flawed):
    """A trembling hand: correlated noise on every twist."""

    LINEAR, ANGULAR = 0.10, 0.35
    """Standard deviation of the noise, [m/s] and [rad/s]."""
    MEMORY = 0.7
    """How much of the noise is kept from one tick to the next."""

    def __init__(self, optimal: Demonstrator, rng: Generator) -> None:
        super().__init__(optimal, rng)
        self._noise: Floats = np.zeros(6)

    def spoil(self, twist: Floats, percept: Percept) -> Floats:
        """Add the noise."""
        del percept
        fresh = self._rng.normal(size=6) * ([self.LINEAR] * 3 + [self.ANGULAR] * 3)
        self._noise = self.MEMORY * self._noise + math.sqrt(1 - self.MEMORY**2) * fresh
        return twist + self._noise


class Hesitant(Flawed):
    """Stops again and again, and is slow in between."""

    STOP = 0.08
    """Probability per tick of stopping."""
    TICKS = (4, 12)
    """Shortest and longest stop, [ticks]."""

    def __init__(self, optimal: Demonstrator, rng: Generator) -> None:
        super().__init__(optimal, rng)
        self._pace = rng.uniform(0.45, 0.75)
        self._left = 0

    def spoil(self, twist: Floats, percept: Percept) -> Floats:
        """Stand still, or slow down."""
        del percept
        if self._left == 0 and self._rng.random() < self.STOP:
            self._left = int(self._rng.integers(*self.TICKS, endpoint=True))
        self._left = max(0, self._left - 1)
        return np.zeros(6) if self._left else self._pace * twist


class Wandering(Flawed):
    """Goes somewhere else first."""

    SPEED = 0.35
    """[m/s]."""
    REACH = 0.14
    """Distance of the detour's far point from the start, [m]."""
    TICKS = 30
    """Longest time for the detour, [ticks]."""

    def __init__(self, optimal: Demonstrator, rng: Generator) -> None:
        super().__init__(optimal, rng)
        angle = rng.uniform(0, 2 * math.pi)
        self._away = self.REACH * np.array((math.cos(angle), math.sin(angle), rng.uniform(0.0, 0.6)))
        self._goal: Floats | None = None
        self._left = self.TICKS

    def spoil(self, twist: Floats, percept: Percept) -> Floats:
        """Go to the far point first."""
        position = percept.tcp_pose[:3]
        if self._goal is None:
            self._goal = position + self._away
        way = self._goal - position
        distance = float(np.linalg.norm(way))
        if distance < 0.03:
            self._left = 0
        if self._left == 0:
            return twist
        self._left -= 1
        return np.append(way * (self.SPEED / distance), np.zeros(3))


FLAWS = (Noisy, Hesitant, Wandering)


def draw_flaw(optimal: Demonstrator, rng: Generator) -> Flawed:
    """Give a demonstrator one flaw."""
    return FLAWS[int(rng.integers(len(FLAWS)))](optimal, rng)
