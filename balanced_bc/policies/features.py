"""What a policy is told beside images: the robot's state and, for a state policy, the scene seen from the tool."""

from __future__ import annotations

from math import pi

import torch
from torch import Tensor

from balanced_bc.demonstrations.observation import SCENE_SIZE, STATE_SIZE
from balanced_bc.policies.config import PolicyConfig

BLOCK = slice(12, 21)
"""Where the block's position, [m], and the first two columns of its rotation are in a scene."""
NEAR = 0.03
"""Distance over which closeness tells near from far, about half a block, [m]."""


def size(config: PolicyConfig) -> int:
    """Number of features of a policy, F."""
    return features(config, torch.zeros(STATE_SIZE), torch.zeros(SCENE_SIZE)).shape[-1]


def features(config: PolicyConfig, state: Tensor, scene: Tensor) -> Tensor:
    """All that a policy is told beside images.

    An image policy: the robot's state alone; with the tool's pose and waves of it, it succeeded less often
    (docs/policies.md). A state policy: the robot's state, the scene, with `relative` what is relative to the tool, and
    `waves` of the tool's position.

    Args:
        config: What the policy wants to be told.
        state: Robot state, (..., 8).
        scene: See `demonstrations.observation.scene_vector`, (..., 21); unused by an image policy.

    Returns:
        (..., F).
    """
    if config.policy == "image":
        return state
    fine = waves(scene[..., :3], config.wavelengths)
    around = relative(scene, config.wavelengths) if config.relative else scene[..., :0]
    return torch.cat((state, scene, around, fine), dim=-1)


def of_block(config: PolicyConfig) -> Tensor:
    """Which features tell anything of the block, bool, (F,)."""
    hidden = torch.zeros(SCENE_SIZE)
    hidden[BLOCK] = torch.nan
    return features(config, torch.zeros(STATE_SIZE), hidden).isnan()


def relative(scene: Tensor, wavelengths: tuple[float, ...]) -> Tensor:
    r"""Block and handles relative to the tool.

    The block's position from the tool in the base frame and in the tool's frame, :math:`p_b - p_t` and
    :math:`R_t^\top (p_b - p_t)`, [m], and the `closeness` of both; its `grasp_yaw`; the `handles` and their `waves`.

    Args:
        scene: See `demonstrations.observation.scene_vector`, (..., 21).
        wavelengths: Of the waves, [m], L of them.

    Returns:
        (..., 16 + 4 L).
    """
    away = scene[..., BLOCK][..., :3] - scene[..., 0:3]
    block = torch.cat((away, in_tool(scene, away)), dim=-1)
    near = handles(scene)
    return torch.cat((block, closeness(block), grasp_yaw(scene), near, waves(near, wavelengths)), dim=-1)


def handles(scene: Tensor) -> Tensor:
    """The tool's x in the sliding door's frame and y in the drawer's, up to a constant, [m], (..., 2).

    The door opens along -x, the drawer along -y.
    """
    return scene[..., 0:2] + scene[..., 9:11]


def closeness(away: Tensor) -> Tensor:
    r"""What resolves the last centimeters and tells nothing of what is far away, :math:`\tanh(x / 0.03)`.

    Args:
        away: :math:`x`, [m].
    """
    return (away / NEAR).tanh()


def waves(position: Tensor, wavelengths: tuple[float, ...]) -> Tensor:
    r"""Sines and cosines of positions: they resolve millimeters where normalization is by decimeters.

    .. math:: (\sin(2 \pi x / \lambda), \; \cos(2 \pi x / \lambda))

    Args:
        position: :math:`x`, [m], (..., D).
        wavelengths: :math:`\lambda`, [m], L of them.

    Returns:
        (..., 2 L D).
    """
    angles = [2 * pi / wavelength * position for wavelength in wavelengths]
    return torch.cat([position[..., :0], *(wave for angle in angles for wave in (angle.sin(), angle.cos()))], dim=-1)


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
