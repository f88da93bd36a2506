"""Task picking: lift the red block, which stands in the left, middle or right of the table."""

from __future__ import annotations

from collections.abc import Callable

from numpy.random import Generator

from balanced_bc.simulation.desk import DRAWER_TRAVEL, SLIDER_TRAVEL
from balanced_bc.simulation.scene import SceneState, Start
from balanced_bc.simulation.starts import TABLE, draw_beside, draw_joints, draw_placement

REGIONS = ("left", "middle", "right")
"""Thirds of the table in x."""
LIFTED = 0.05
"""How far the red block must have been raised, [m]; as in CALVIN."""
FINGER_ROOM = 0.12
"""Distance of other blocks from the red one that leaves room for open fingers, whatever their yaw, [m]."""


def region_of(x: float) -> str:
    """Region of the table that a position falls into.

    Args:
        x: In the world frame, [m].
    """
    low, high = TABLE[0]
    return REGIONS[min(max(int(3 * (x - low) / (high - low)), 0), 2)]


def draw_in(region: str) -> Callable[[Generator], Start]:
    """What draws starts with the red block in a region; everything else is anywhere."""
    (low, high), depth = TABLE
    third = (high - low) / 3
    left = low + REGIONS.index(region) * third

    def draw(rng: Generator) -> Start:
        joints = draw_joints(rng)
        red = draw_placement(rng, ((left, left + third), depth))
        blue = draw_beside(rng, (red,), FINGER_ROOM)
        pink = draw_beside(rng, (red, blue), FINGER_ROOM)
        slider, drawer = rng.uniform(0.0, SLIDER_TRAVEL), rng.uniform(0.0, DRAWER_TRAVEL)
        lightbulb, led = (rng.random(2) < 0.5).tolist()
        return Start(joints, slider, drawer, lightbulb, led, red, blue, pink)

    return draw


def succeeded(state: SceneState, start: SceneState) -> bool:
    """Whether the red block has been lifted high enough."""
    return float(state.red_block[2] - start.red_block[2]) >= LIFTED
