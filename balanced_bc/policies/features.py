"""What a policy is told beside images: the robot's state and, for a state policy, the scene seen from the gripper."""

from __future__ import annotations

import torch
from torch import Tensor

from balanced_bc.demonstrations.observation import SCENE_SIZE, STATE_SIZE
from balanced_bc.policies.config import PolicyConfig

RELATIVE_SIZE = 16
"""See `relative`."""
NEAR = 0.03
"""Distance over which closeness tells near from far, about half a block, [m]."""


def size(config: PolicyConfig) -> int:
    """Number of features of a policy, F."""
    if config.policy == "image":
        return STATE_SIZE
    return STATE_SIZE + SCENE_SIZE + (RELATIVE_SIZE if config.relative else 0)


def features(config: PolicyConfig, state: Tensor, scene: Tensor) -> Tensor:
    """Robot state, (..., 8); for a state policy joined by the scene and, if it is wanted, by `relative`, (..., F)."""
    if config.policy == "image":
        return state
    parts = (state, scene, relative(scene)) if config.relative else (state, scene)
    return torch.cat(parts, dim=-1)


def relative(scene: Tensor) -> Tensor:
    r"""Block and handles relative to the gripper.

    The block's position from the tool in the base frame and in the tool's frame,
    :math:`p_b - p_t` and :math:`R_t^\top (p_b - p_t)`, [m], and the closeness :math:`\tanh(x / 0.03)` of both, because
    a grasp is decided by millimeters and normalization is by decimeters; cosine and sine of four times the block's yaw
    in the tool's frame (both pairs of sides fit between the fingers: a grasp is the same after a quarter turn); the
    tool's x in the sliding door's frame and y in the drawer's, [m], up to a constant that normalization removes (the
    door opens along -x, the drawer along -y).

    Args:
        scene: See `demonstrations.observation.scene_vector`, (..., 21).

    Returns:
        (..., 16).
    """
    tool, first, second = scene[..., 0:3], scene[..., 3:6], scene[..., 6:9]
    slider, drawer = scene[..., 9:10], scene[..., 10:11]
    block, block_axis = scene[..., 12:15], scene[..., 15:18]
    away = block - tool
    rotation = torch.stack((first, second, torch.linalg.cross(first, second)), dim=-2)
    away_in_tool = (rotation @ away.unsqueeze(-1)).squeeze(-1)
    axis = (rotation @ block_axis.unsqueeze(-1)).squeeze(-1)
    near = (closeness(away), closeness(away_in_tool))
    handles = (tool[..., 0:1] + slider, tool[..., 1:2] + drawer)
    return torch.cat((away, away_in_tool, *near, quarter_turns(axis), *handles), dim=-1)


def closeness(away: Tensor) -> Tensor:
    r"""What resolves the last centimeters and saturates beyond, :math:`\tanh(x / 0.03)`.

    Args:
        away: :math:`x`, [m].
    """
    return (away / NEAR).tanh()


def quarter_turns(axis: Tensor) -> Tensor:
    r"""Yaw of an axis modulo a quarter turn, :math:`(\cos 4\psi, \sin 4\psi)`.

    Args:
        axis: A vector whose direction about z is :math:`\psi`; one along z has none and gives zeros, (..., 3).

    Returns:
        (..., 2).
    """
    x, y = axis[..., 0:1], axis[..., 1:2]
    length = (x * x + y * y).clamp(min=1e-6)
    cosine, sine = (x * x - y * y) / length, 2 * x * y / length
    return torch.cat((cosine * cosine - sine * sine, 2 * cosine * sine), dim=-1)
