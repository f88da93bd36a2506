"""What a policy is told beside images: the robot's state and, for a state policy, the scene seen from the gripper."""

from __future__ import annotations

import torch
from torch import Tensor

from balanced_bc.demonstrations.observation import SCENE_SIZE, STATE_SIZE
from balanced_bc.policies.config import Kind

RELATIVE_SIZE = 10
"""See `relative`."""


def size(kind: Kind) -> int:
    """Number of features of a policy of this kind."""
    return STATE_SIZE if kind == "image" else STATE_SIZE + SCENE_SIZE + RELATIVE_SIZE


def features(kind: Kind, state: Tensor, scene: Tensor) -> Tensor:
    """Robot state, (..., 8); for a state policy joined by the scene and by `relative`, (..., 39)."""
    return state if kind == "image" else torch.cat((state, scene, relative(scene)), dim=-1)


def relative(scene: Tensor) -> Tensor:
    r"""Block and handles relative to the gripper.

    The block's position from the tool in the base frame and in the tool's frame,
    :math:`p_b - p_t` and :math:`R_t^\top (p_b - p_t)`, [m]; cosine and sine of twice the block's yaw in the tool's
    frame (a grasp is the same after half a turn); the tool's x in the sliding door's frame and y in the drawer's, [m],
    up to a constant that normalization removes (the door opens along -x, the drawer along -y).

    Args:
        scene: See `demonstrations.observation.scene_vector`, (..., 21).

    Returns:
        (..., 10).
    """
    tool, first, second = scene[..., 0:3], scene[..., 3:6], scene[..., 6:9]
    slider, drawer = scene[..., 9:10], scene[..., 10:11]
    block, block_axis = scene[..., 12:15], scene[..., 15:18]
    away = block - tool
    rotation = torch.stack((first, second, torch.linalg.cross(first, second)), dim=-2)
    away_in_tool = (rotation @ away.unsqueeze(-1)).squeeze(-1)
    axis = (rotation @ block_axis.unsqueeze(-1)).squeeze(-1)
    x, y = axis[..., 0:1], axis[..., 1:2]
    handles = (tool[..., 0:1] + slider, tool[..., 1:2] + drawer)
    return torch.cat((away, away_in_tool, x * x - y * y, 2 * x * y, *handles), dim=-1)
