"""What a policy learns from: a batch of state-action pairs."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Batch(NamedTuple):
    """B observations, each with the H - 1 before it, and the chunks of actions that answered them.

    Every field is a tensor, so that torch.func can map over a batch.

    Attributes:
        images: Camera name to RGB images at the policy's size, uint8, (B, H, 3, size, size), the newest last. Empty
            for a state policy.
        state: Robot states, float, (B, H, 8).
        scene: Privileged scenes, float, (B, H, 21); (B, H, 0) where there is none.
        action: Chunks of actions (twist [m/s, rad/s] in the base frame, gripper +1 or -1), float, (B, C, 7).
        mask: 1 for an action that was given, 0 for padding after a demonstration's end, float, (B, C).
    """

    images: dict[str, Tensor]
    state: Tensor
    scene: Tensor
    action: Tensor
    mask: Tensor
