"""Why an episode of picking failed."""

from __future__ import annotations

import math

from balanced_bc.simulation.picking import region_of
from balanced_bc.simulation.scene import BASE_POSITION, SceneState
from balanced_bc.simulation.trace import FailureKind, Trace, last_resort

CLOSED = 0.06
"""Opening below which the fingers count as closed; a block across its length keeps them 0.056 apart, [m]."""
EMPTY = 0.02
"""Opening below which nothing is between the fingers, [m]."""
NEAR = 0.06
"""Distance to the side of the block within which fingers that close were meant for it, [m]."""
LOW = 0.06
"""Height above the block within which fingers that close were meant for something on the table, [m]."""
BETWEEN = 0.03
"""Distance of the fingertips from the block, to the side and in height, within which they can hold it, [m]."""


def failure(trace: Trace) -> FailureKind:
    """Why the block was not lifted.

    Fingers that close in the last second count for nothing: there was no time left.

    - missed grasp: the fingers closed low over the table, near the block or at least in its region, and do not hold
      it in the end.
    - wrong behavior: all such closings were in other regions than the block's, and not near it.
    - limits: neither, and the arm ends at a limit (see `trace.ends_at_limits`).
    - timeout: anything else. The fingers never closed low over the table, or hold the block and time ran out.
    """
    closings = [scene for scene in closed(trace.in_time) if _height(scene) < LOW]
    if not closings or holds(trace.scenes[-1]):
        return last_resort(trace)
    meant_for_it = any(_aside(scene) < NEAR or _region(scene) == trace.behavior for scene in closings)
    return "missed grasp" if meant_for_it else "wrong behavior"


def closed(trace: Trace) -> list[SceneState]:
    """Moments at which the fingers had just closed on command."""
    commanded = (trace.actions[:, 6] < 0).tolist()
    ticks = zip(commanded, trace.scenes, trace.scenes[1:])
    return [after for closes, before, after in ticks if closes and after.opening < CLOSED <= before.opening]


def holds(scene: SceneState) -> bool:
    """Whether the block is between fingers that something keeps apart."""
    return EMPTY < scene.opening < CLOSED and _aside(scene) < BETWEEN and abs(_height(scene)) < BETWEEN


def _aside(scene: SceneState) -> float:
    """Horizontal distance of the fingertips from the block, [m]."""
    x, y = (scene.tcp_pose[:2] - scene.red_block[:2]).tolist()
    return math.hypot(x, y)


def _height(scene: SceneState) -> float:
    """Height of the fingertips above the block's middle, [m]."""
    return float(scene.tcp_pose[2] - scene.red_block[2])


def _region(scene: SceneState) -> str:
    return region_of(float(scene.tcp_pose[0]) + BASE_POSITION[0])
