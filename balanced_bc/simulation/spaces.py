"""What an environment takes and gives, as gymnasium spaces."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces

from balanced_bc.control.limiter import Limits
from balanced_bc.demonstrations.contract import RobotContract
from balanced_bc.demonstrations.observation import STATE_SIZE

STATE_BOUND = 4.0
"""No joint of the arm turns that far, [rad]."""


def observation_space(contract: RobotContract, images: bool) -> spaces.Space[Any]:
    """Space of an observation: the robot's state, and an image of each camera.

    Args:
        contract: Names the cameras.
        images: Whether there are images.
    """
    cameras = contract.cameras if images else ()
    boxes = {camera.name: spaces.Box(0, 255, camera.shape, np.uint8) for camera in cameras}
    return spaces.Dict({**boxes, "state": spaces.Box(-STATE_BOUND, STATE_BOUND, (STATE_SIZE,), np.float32)})


def action_space(limits: Limits) -> spaces.Space[Any]:
    """Space of an action: a twist in the base frame, [m/s] and [rad/s], and the gripper, (7,)."""
    high = np.array([limits.max_linear] * 3 + [limits.max_angular] * 3 + [1.0], np.float32)
    return spaces.Box(-high, high, dtype=np.float32)
