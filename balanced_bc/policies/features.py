"""What a policy is told beside images: the robot's state, where its tool is, and for a state policy the scene."""

from __future__ import annotations

from math import pi

import torch
from torch import Tensor

from balanced_bc.demonstrations.observation import SCENE_SIZE, STATE_SIZE
from balanced_bc.policies.config import PolicyConfig
from balanced_bc.policies.kinematics import tool_pose

JOINTS = 7


def size(config: PolicyConfig) -> int:
    """Number of features of a policy, F."""
    return features(config, torch.zeros(STATE_SIZE), torch.zeros(SCENE_SIZE)).shape[-1]


def features(config: PolicyConfig, state: Tensor, scene: Tensor) -> Tensor:
    """All that a policy is told beside images.

    An image policy: the robot's state and, with `kinematics`, the tool's pose. A state policy: the robot's state, the
    scene and, with `relative`, what is relative to the tool. Both: `waves` of every position among these.

    Args:
        config: What the policy wants to be told.
        state: Robot state, (..., 8).
        scene: See `demonstrations.observation.scene_vector`, (..., 21); unused by an image policy.

    Returns:
        (..., F).
    """
    if config.policy == "image":
        pose = tool_pose(state[..., :JOINTS]) if config.kinematics else state[..., :0]
        return torch.cat((state, pose, waves(pose[..., :3], config.wavelengths)), dim=-1)
    around = positions(scene) if config.relative else scene[..., :0]
    grasp = grasp_yaw(scene) if config.relative else scene[..., :0]
    fine = waves(torch.cat((scene[..., :3], around), dim=-1), config.wavelengths)
    return torch.cat((state, scene, around, grasp, fine), dim=-1)


def waves(position: Tensor, wavelengths: tuple[float, ...]) -> Tensor:
    r"""Sines and cosines of positions: what resolves millimeters, while normalization is by decimeters.

    .. math:: (\sin(2 \pi x / \lambda), \; \cos(2 \pi x / \lambda))

    Args:
        position: :math:`x`, [m], (..., D).
        wavelengths: :math:`\lambda`, [m], L of them.

    Returns:
        (..., 2 L D).
    """
    angles = [2 * pi / wavelength * position for wavelength in wavelengths]
    return torch.cat([position[..., :0], *(wave for angle in angles for wave in (angle.sin(), angle.cos()))], dim=-1)


def positions(scene: Tensor) -> Tensor:
    r"""Block and handles relative to the tool, [m], (..., 21) to (..., 8).

    The block's position from the tool in the base frame and in the tool's frame, :math:`p_b - p_t` and
    :math:`R_t^\top (p_b - p_t)`; the tool's x in the sliding door's frame and y in the drawer's, up to a constant (the
    door opens along -x, the drawer along -y).
    """
    tool, slider, drawer = scene[..., 0:3], scene[..., 9:10], scene[..., 10:11]
    away = scene[..., 12:15] - tool
    handles = (tool[..., 0:1] + slider, tool[..., 1:2] + drawer)
    return torch.cat((away, in_tool(scene, away), *handles), dim=-1)


def grasp_yaw(scene: Tensor) -> Tensor:
    r"""Yaw of the block in the tool's frame modulo a quarter turn, :math:`(\cos 4\psi, \sin 4\psi)`, to (..., 2).

    Both pairs of the block's sides fit between the fingers: a grasp is the same after a quarter turn.
    """
    x, y, _ = in_tool(scene, scene[..., 15:18]).unbind(dim=-1)
    length = (x * x + y * y).clamp(min=1e-6)
    cosine, sine = (x * x - y * y) / length, 2 * x * y / length
    return torch.stack((cosine * cosine - sine * sine, 2 * cosine * sine), dim=-1)


def in_tool(scene: Tensor, vector: Tensor) -> Tensor:
    """A vector of the base frame in the tool's frame, (..., 3)."""
    first, second = scene[..., 3:6], scene[..., 6:9]
    rotation = torch.stack((first, second, torch.linalg.cross(first, second)), dim=-2)
    return (rotation @ vector.unsqueeze(-1)).squeeze(-1)
