"""How much of each group is standing still, and how long its demonstrations are: both make a loss look low or high.

Standing still is easy to predict, so a group with long pauses has a low loss per pair that says little of the rest.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from balanced_bc.balancing import folds
from balanced_bc.learning.pairs import Pairs

LINEAR = 0.005
"""Commanded speed below which the hand is told to stand still, [m/s]."""
ANGULAR = 0.03
"""Commanded turning below which it is, [rad/s]."""
JOINTS = 7
"""The first numbers of a robot state are joint angles, [rad]."""
TRAVEL = 0.02
"""Speed of every joint below which the arm stands still, [rad/s]."""
APART = 0.15
"""Difference between the idle shares of two groups from which on their losses do not compare."""


class Length(NamedTuple):
    """How long the demonstrations of the groups are, and how much of them is idle.

    Attributes:
        idle: Share of the pairs in which neither a motion is commanded nor one is achieved, (k,).
        pairs: Mean length of a demonstration, or of what it has of the group, (k,).
    """

    idle: Tensor
    pairs: Tensor


def lengths(pairs: Pairs, period: float) -> Length:
    """Measure every group.

    Args:
        pairs: The dataset with its groups.
        period: Time between two pairs, [s].
    """
    counts = pairs.counts().double()
    standing = torch.bincount(pairs.group, weights=idle(pairs, period).double(), minlength=len(counts))
    number = folds.counts(pairs.demonstration, pairs.group, len(counts))
    return Length(standing / counts.clamp_min(1), counts / number.clamp_min(1))


def idle(pairs: Pairs, period: float) -> Tensor:
    """Whether the hand is told to stand still, the gripper is told nothing new, and the arm stands still, bool, (N,).

    Args:
        pairs: The dataset.
        period: Time between two pairs, [s].
    """
    now = pairs.action[:, 0]
    told = (now[:, :3].norm(dim=1) > LINEAR) | (now[:, 3:6].norm(dim=1) > ANGULAR)
    before = (torch.arange(len(pairs)) - 1).maximum(pairs.first)
    squeezes = now[:, 6] != now[before, 6]
    moved = (pairs.state[:, :JOINTS] - pairs.state[before, :JOINTS]).abs().amax(dim=1)
    moved = torch.where(pairs.first == torch.arange(len(pairs)), 0.0, moved)
    busy: Tensor = told | squeezes | (moved > TRAVEL * period)
    return ~busy


def warnings(groups: tuple[str, ...], share: Tensor) -> tuple[str, ...]:
    """Say whose loss looks low because much of the group is idle, (k,) shares."""
    least = float(share.min())
    return tuple(
        f"{name} is {part:.0%} idle and another group {least:.0%}: its loss looks low because standing still is easy"
        for name, part in zip(groups, share.tolist())
        if part - least > APART
    )
