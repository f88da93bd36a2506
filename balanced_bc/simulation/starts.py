"""Where the robot and the blocks may be when an episode begins."""

from __future__ import annotations

import math

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from balanced_bc.simulation import panda
from balanced_bc.simulation.errors import SimulationError
from balanced_bc.simulation.scene import Placement

JOINT_JITTER = 0.15
"""Start joints differ from the rest posture by up to this much each, [rad]: a fixed start is too easy to clone."""
TABLE = ((0.0, 0.35), (-0.15, -0.03))
"""x and y of the table's area for blocks in the world frame, as in CALVIN, [m]."""
SHELF = ((-0.32, -0.16), (0.08, 0.12))
"""x and y of the shelf to the left behind the sliding door, as in CALVIN, [m]."""
SHELF_SHARE = 0.3
"""How often a block that does not matter stands on the shelf."""
TRIES = 10_000

Area = tuple[tuple[float, float], tuple[float, float]]


def draw_joints(rng: Generator) -> NDArray[np.float64]:
    """Draw start joints around the rest posture, [rad], (7,)."""
    return panda.REST + rng.uniform(-JOINT_JITTER, JOINT_JITTER, size=panda.REST.shape)


def draw_placement(rng: Generator, area: Area) -> Placement:
    """Draw where a block stands in an area, with any yaw."""
    (x_low, x_high), (y_low, y_high) = area
    x, y, yaw = rng.uniform((x_low, y_low, -math.pi), (x_high, y_high, math.pi)).tolist()
    return Placement(x, y, yaw)


def draw_beside(rng: Generator, others: tuple[Placement, ...], distance: float) -> Placement:
    """Draw where a block that does not matter stands: on the table or the shelf, away from others.

    Args:
        rng: Source of randomness.
        others: Blocks to stay away from.
        distance: Smallest distance between the middles of two blocks, [m].
    """
    for _ in range(TRIES):
        placement = draw_placement(rng, SHELF if rng.random() < SHELF_SHARE else TABLE)
        if all(math.hypot(placement.x - other.x, placement.y - other.y) >= distance for other in others):
            return placement
    raise SimulationError(f"no place for a block {distance} m away from {others} was found in {TRIES} tries")
