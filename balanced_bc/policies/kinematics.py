"""Where the tool is, from the joints: forward kinematics of a Franka arm (Panda, FR3) in torch.

Measures are those of the manufacturer's table of Denavit-Hartenberg parameters (Craig's convention). The simulator has
its own kinematics in numpy; a test compares the two.
"""

from __future__ import annotations

import math
from functools import lru_cache, reduce

import torch
from torch import Tensor

OFFSET_A = (0.0, 0.0, 0.0, 0.0825, -0.0825, 0.0, 0.088)
"""Distance between neighboring joint axes, [m]."""
OFFSET_D = (0.333, 0.0, 0.316, 0.0, 0.384, 0.0, 0.0)
"""Distance along each joint axis, [m]."""
TWIST = (0.0, -math.pi / 2, math.pi / 2, math.pi / 2, -math.pi / 2, math.pi / 2, math.pi / 2)
"""Angle between neighboring joint axes, [rad]."""
HAND_YAW = -math.pi / 4
"""How the hand is mounted on the flange, [rad]."""
TOOL_HEIGHT = 0.107 + 0.1034
"""Height of the tool center point of the Franka hand above the last joint, [m]."""


def tool_pose(joints: Tensor) -> Tensor:
    r"""Tool center point in the base frame: position [m] and the first two columns of its rotation.

    .. math:: T = \prod_i T_i(q_i) \; T_{tool}, \quad T_i(q) = F_i + C_i \cos q + S_i \sin q

    Args:
        joints: Joint angles, [rad], (..., 7).

    Returns:
        As in `demonstrations.observation.scene_vector`, (..., 9).
    """
    fixed, cosine, sine, tool = (part.to(joints) for part in _transforms())
    angle = joints[..., None, None]
    steps = fixed + cosine * angle.cos() + sine * angle.sin()
    found = reduce(torch.matmul, (*steps.unbind(dim=-3), tool))
    return torch.cat((found[..., :3, 3], found[..., :3, 0], found[..., :3, 1]), dim=-1)


@lru_cache(maxsize=1)
def _transforms() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Parts of the joints' transforms, (7, 4, 4) each, and the tool's on the last joint, (4, 4)."""
    fixed, cosine, sine = torch.zeros(3, 7, 4, 4, dtype=torch.float64)
    for i, (a, d, twist) in enumerate(zip(OFFSET_A, OFFSET_D, TWIST)):
        c, s = math.cos(twist), math.sin(twist)
        fixed[i, 0, 3], fixed[i, 1, 3], fixed[i, 2, 3], fixed[i, 3, 3] = a, -s * d, c * d, 1
        fixed[i, 1, 2], fixed[i, 2, 2] = -s, c
        cosine[i, 0, 0], cosine[i, 1, 1], cosine[i, 2, 1] = 1, c, s
        sine[i, 0, 1], sine[i, 1, 0], sine[i, 2, 0] = -1, c, s
    c, s = math.cos(HAND_YAW), math.sin(HAND_YAW)
    tool = torch.tensor(((c, -s, 0, 0), (s, c, 0, 0), (0, 0, 1, TOOL_HEIGHT), (0, 0, 0, 1)), dtype=torch.float64)
    return fixed, cosine, sine, tool
