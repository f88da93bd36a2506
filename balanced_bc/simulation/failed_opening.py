"""Why an episode of opening failed."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from balanced_bc.simulation import desk
from balanced_bc.simulation.opening import drawer_succeeded, slider_succeeded
from balanced_bc.simulation.scene import BASE_POSITION, SceneState
from balanced_bc.simulation.trace import SECOND, FailureKind, Trace, last_resort

Floats = NDArray[np.float64]

REACHED = 0.06
"""Distance of the fingertips from the middle of a handle's bar within which they are at it; experts that push or pull
are at 0.02 to 0.05, [m]."""
MOVING = 0.005
"""How far a handle must have moved in the last second to count as moving, [m]."""
SLIDER_MIDDLE = np.array((desk.SLIDER_HANDLE_X, 0.0144, 0.57)) - BASE_POSITION
"""Middle of the closed door's handle, whose bar leans back with the panel, [m], (3,)."""
SLIDER_BAR = 0.08 * np.array((0.0, 0.5, 0.866))
"""From the middle of the door's handle to its end, [m], (3,)."""
DRAWER_MIDDLE = np.array((desk.DRAWER_X, desk.DRAWER_HANDLE_Y, desk.DRAWER_HANDLE_Z)) - BASE_POSITION
"""Middle of the closed drawer's handle, [m], (3,)."""
DRAWER_BAR = np.array((0.12, 0.0, 0.0))
"""From the middle of the drawer's handle to its end, [m], (3,)."""

OTHER = {"slider": "drawer", "drawer": "slider"}
SUCCEEDED: Mapping[str, Callable[[SceneState, SceneState], bool]] = {
    "slider": slider_succeeded,
    "drawer": drawer_succeeded,
}


def failure(trace: Trace) -> FailureKind:
    """Why the handle that the bulb asks for was not moved far enough.

    What the fingers reach in the last second counts for nothing: there was no time left to move it.

    - wrong behavior: the other handle was moved as far as its success wants, or the fingers reached the other handle
      and never the right one.
    - missed grasp: they reached the right one and do not move it in the end.
    - limits: neither, and the arm ends at a limit (see `trace.ends_at_limits`).
    - timeout: anything else. No handle was reached, or the right one was moving when time ran out.
    """
    right, other = trace.behavior, OTHER[trace.behavior]
    reached = {name: bool((distances(trace, name)[:-SECOND] < REACHED).any()) for name in OTHER}
    done = any(SUCCEEDED[other](scene, trace.scenes[0]) for scene in trace.scenes)
    if done or (reached[other] and not reached[right]):
        return "wrong behavior"
    if reached[right] and not is_moving(trace):
        return "missed grasp"
    return last_resort(trace)


def is_moving(trace: Trace) -> bool:
    """Whether the right handle has moved on within the last second."""
    travel = [float(getattr(scene, trace.behavior)) for scene in trace.scenes[-SECOND - 1 :]]
    return travel[-1] - travel[0] >= MOVING


def distances(trace: Trace, handle: str) -> Floats:
    """Distance of the fingertips from a handle's bar, [m], (T + 1,)."""
    travel = np.array([getattr(scene, handle) for scene in trace.scenes])[:, None]
    middle, bar, way = {
        "slider": (SLIDER_MIDDLE, SLIDER_BAR, np.array((-1.0, 0.0, 0.0))),
        "drawer": (DRAWER_MIDDLE, DRAWER_BAR, np.array((0.0, -1.0, 0.0))),
    }[handle]
    away = trace.tools - (middle + travel * way)
    along = np.clip(away @ bar / (bar @ bar), -1.0, 1.0)
    found: Floats = np.linalg.norm(away - along[:, None] * bar, axis=1)
    return found
