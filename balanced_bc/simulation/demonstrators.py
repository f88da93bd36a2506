"""Scripted demonstrators: they perceive what topics can tell and answer with actions, well or badly."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from balanced_bc.simulation.errors import SimulationError
from balanced_bc.simulation.experts import (
    DrawerExpert,
    Expert,
    Percept,
    PickingExpert,
    SliderExpert,
)
from balanced_bc.simulation.motion import Manner, draw_manner, smoothed, turning
from balanced_bc.simulation.scene import SceneState
from balanced_bc.simulation.suboptimal import draw_flaw
from balanced_bc.simulation.tasks import behavior_of

Floats = NDArray[np.float64]

PERIOD = 1 / 30
"""Time between two actions, [s]."""
QUALITIES = ("optimal", "suboptimal")
EXPERTS: Mapping[tuple[str, str], Callable[[Manner], Expert]] = {
    ("opening", "slider"): SliderExpert,
    ("opening", "drawer"): DrawerExpert,
    ("picking", "left"): PickingExpert,
    ("picking", "middle"): PickingExpert,
    ("picking", "right"): PickingExpert,
}
"""Task and behavior to the rule that solves it."""


class Demonstrator(Protocol):
    """Who demonstrates: percept in, action out, tick by tick."""

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to do."""
        ...

    def act(self, percept: Percept) -> Floats:
        """Twist in the base frame, [m/s] and [rad/s], and gripper (+1 open, -1 close), (7,)."""
        ...


class OptimalDemonstrator:
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


def make_demonstrator(task: str, behavior: str, quality: str, rng: Generator) -> Demonstrator:
    """Make a demonstrator; its manner, and its flaw if it is suboptimal, are drawn from the rng.

    Args:
        task: Name of the task.
        behavior: Name of the behavior.
        quality: optimal, or suboptimal: noisy, hesitant or on detours.
        rng: Source of randomness.

    Raises:
        SimulationError: There is no such task, behavior or quality; those that exist are listed.
    """
    behavior_of(task, behavior)
    if quality not in QUALITIES:
        raise SimulationError(f"there is no quality {quality!r}; there are {', '.join(QUALITIES)}")
    optimal = OptimalDemonstrator(EXPERTS[task, behavior](draw_manner(rng)))
    return optimal if quality == "optimal" else draw_flaw(optimal, rng)


def percept_of(scene: SceneState) -> Percept:
    """What topics tell of a scene."""
    return Percept(scene.tcp_pose, scene.opening, scene.slider, scene.drawer, scene.lightbulb, scene.red_block)
