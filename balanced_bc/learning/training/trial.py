"""A policy of somebody else is tried on a few pairs before it is trained."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from balanced_bc.learning.device import Device
from balanced_bc.learning.training.chance import seeded
from balanced_bc.learning.training.feed import Feed
from balanced_bc.policies.answers import require_sound
from balanced_bc.policies.policy import Policy


def try_out(policy: Policy, feed: Feed, train: Tensor, device: Device) -> None:
    """Refuse a plugin whose loss or actions are not as wanted; ours are not tried. The policy stays as it is.

    Args:
        policy: Before training.
        feed: Gathers the pairs.
        train: Pairs to train on, (n,).
        device: What computes, and in which precision.

    Raises:
        PolicyError: It cannot be trained.
    """
    if not policy.config.plugin:
        return
    number = 2 if policy.config.chunk != 2 else 3
    batch = feed.gather(train[torch.arange(number) % len(train)])
    with seeded(True, device.device, 0):
        require_sound(copy.deepcopy(policy).to(device.device), batch, device.precision())
