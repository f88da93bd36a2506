"""Task opening: where the bulb is off, move the sliding door to the left; where it is on, open the drawer."""

from __future__ import annotations

from numpy.random import Generator

from balanced_bc.simulation.desk import DRAWER_TRAVEL, SLIDER_TRAVEL
from balanced_bc.simulation.scene import SceneState, Start
from balanced_bc.simulation.starts import TABLE, draw_beside, draw_joints, draw_placement

SLIDER_MOVED = 0.15
"""How far the door must have moved to the left, [m]; as in CALVIN."""
DRAWER_OPENED = 0.12
"""How far the drawer must have been pulled, [m]; as in CALVIN."""
BLOCK_DISTANCE = 0.09
"""Distance at which two blocks do not touch, whatever their yaw, [m]."""


def draw_slider(rng: Generator) -> Start:
    """The bulb is off, the door closed, the drawer anywhere."""
    return _draw(rng, lightbulb=False, slider=0.0, drawer=rng.uniform(0.0, DRAWER_TRAVEL))


def draw_drawer(rng: Generator) -> Start:
    """The bulb is on, the drawer closed, the door anywhere."""
    return _draw(rng, lightbulb=True, slider=rng.uniform(0.0, SLIDER_TRAVEL), drawer=0.0)


def slider_succeeded(state: SceneState, start: SceneState) -> bool:
    """Whether the door has moved far enough to the left."""
    return state.slider - start.slider >= SLIDER_MOVED


def drawer_succeeded(state: SceneState, start: SceneState) -> bool:
    """Whether the drawer has been pulled far enough."""
    return state.drawer - start.drawer >= DRAWER_OPENED


def _draw(rng: Generator, lightbulb: bool, slider: float, drawer: float) -> Start:
    joints = draw_joints(rng)
    red = draw_placement(rng, TABLE)
    blue = draw_beside(rng, (red,), BLOCK_DISTANCE)
    pink = draw_beside(rng, (red, blue), BLOCK_DISTANCE)
    return Start(joints, slider, drawer, lightbulb, bool(rng.random() < 0.5), red, blue, pink)
