"""Who demonstrates: percept in, action out, tick by tick."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from balanced_bc.simulation.experts import Expert, Percept
from balanced_bc.simulation.motion import smoothed, turning

Floats = NDArray[np.float64]

PERIOD = 1 / 30
"""Time between two actions, [s]."""


class Demonstrator(Protocol):
    """Whoever answers percepts with actions."""

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to do."""
        ...

    def act(self, percept: Percept) -> Floats:
        """Twist in the base frame, [m/s] and [rad/s], and gripper (+1 open, -1 close), (7,)."""
        ...


class SmoothDemonstrator:
    """Follows an expert's wishes with smooth commands."""

    def __init__(self, expert: Expert) -> None:
        self._expert = expert
        self._previous: Floats = np.zeros(6)
        self._finished = False

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to do."""
        return self._finished

    def act(self, percept: Percept) -> Floats:
        """Twist in the base frame, [m/s] and [rad/s], and gripper (+1 open, -1 close), (7,)."""
        wish = self._expert.wish(percept)
        self._finished = self._finished or wish.finished
        twist = np.concatenate((wish.velocity, turning(wish.yaw, wish.tilt, percept.tcp_pose[3:])))
        self._previous = smoothed(twist, self._previous, PERIOD)
        return np.append(self._previous, 1.0 if wish.opens else -1.0)


class SpoiledDemonstrator:
    """A demonstrator whose twists are changed on their way to the hand."""

    def __init__(self, demonstrator: Demonstrator) -> None:
        self._demonstrator = demonstrator

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to do."""
        return self._demonstrator.finished

    def act(self, percept: Percept) -> Floats:
        """Twist in the base frame, [m/s] and [rad/s], and gripper (+1 open, -1 close), (7,)."""
        action = self._demonstrator.act(percept)
        return np.append(self.spoil(action[:6]), action[6])

    def spoil(self, twist: Floats) -> Floats:
        """Change a twist, (6,)."""
        raise NotImplementedError
