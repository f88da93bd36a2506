"""Tasks of the tabletop: behaviors, where an episode may start, and what counts as success."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from numpy.random import Generator

from balanced_bc.simulation import opening, picking
from balanced_bc.simulation.errors import SimulationError
from balanced_bc.simulation.scene import SceneState, Start


class Behavior(NamedTuple):
    """One thing that a person may want of the robot.

    Attributes:
        draw: Draws where an episode starts; the start may turn out to be in collision.
        succeeded: Whether the behavior is done, from the scene now and at the start.
    """

    draw: Callable[[Generator], Start]
    succeeded: Callable[[SceneState, SceneState], bool]


TASKS: Mapping[str, Mapping[str, Behavior]] = {
    "opening": {
        "slider": Behavior(opening.draw_slider, opening.slider_succeeded),
        "drawer": Behavior(opening.draw_drawer, opening.drawer_succeeded),
    },
    "picking": {region: Behavior(picking.draw_in(region), picking.succeeded) for region in picking.REGIONS},
}
"""Task to behavior; the first image of an episode tells which behavior of its task is wanted."""


def behaviors_of(task: str) -> tuple[str, ...]:
    """Behaviors of a task.

    Raises:
        SimulationError: There is no such task; those that exist are listed.
    """
    if task not in TASKS:
        raise SimulationError(f"there is no task {task!r}; there are {', '.join(TASKS)}")
    return tuple(TASKS[task])


def behavior_of(task: str, behavior: str) -> Behavior:
    """Start distribution and success of a behavior.

    Raises:
        SimulationError: There is no such task or behavior; those that exist are listed.
    """
    if behavior not in behaviors_of(task):
        raise SimulationError(f"task {task!r} has no behavior {behavior!r}; it has {', '.join(behaviors_of(task))}")
    return TASKS[task][behavior]
