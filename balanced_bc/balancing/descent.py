r"""How networks descend: plain steps and Adam, as pure functions of a state."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

DECAY = (0.9, 0.999)
"""Adam's memories of the gradient and of its square."""
EPSILON = 1e-6
"""Added to Adam's denominator; larger than usual, so that directions which have seen no gradient stay tame."""


class AdamState(NamedTuple):
    """Adam's moments for m lanes.

    Attributes:
        step: Steps taken.
        first: Average of the gradient, (m, p).
        second: Average of its square, (m, p).
    """

    step: int
    first: Tensor
    second: Tensor

    @classmethod
    def at(cls, theta: Tensor) -> AdamState:
        """Start for parameters of this shape."""
        return cls(0, torch.zeros_like(theta), torch.zeros_like(theta))


def observe(state: AdamState, gradient: Tensor) -> AdamState:
    """Take a gradient, (m, p), into the moments."""
    first = torch.lerp(state.first, gradient, 1 - DECAY[0])
    second = torch.lerp(state.second, gradient.square(), 1 - DECAY[1])
    return AdamState(state.step + 1, first, second)


def preconditioner(state: AdamState) -> Tensor:
    r"""Scale each direction by its past gradients: :math:`P = 1 / (\sqrt{\hat v} + \epsilon)`, (m, p)."""
    corrected = state.second / (1 - DECAY[1] ** state.step) if state.step else torch.ones_like(state.second)
    return 1.0 / (corrected.sqrt() + EPSILON)


def adam(theta: Tensor, gradient: Tensor, state: AdamState, learning_rate: float) -> tuple[Tensor, AdamState]:
    """Take one step of Adam.

    Args:
        theta: Parameters, (m, p).
        gradient: Gradient of each lane's loss, (m, p).
        state: Moments.
        learning_rate: Step size.
    """
    state = observe(state, gradient)
    direction = state.first / (1 - DECAY[0] ** state.step)
    return theta - learning_rate * preconditioner(state) * direction, state


def shortened(gradient: Tensor, bound: float) -> Tensor:
    r"""Factor that keeps a gradient's norm within a bound, :math:`\min(1, b / \lVert G \rVert)`, (m, 1)."""
    factor: Tensor = bound / gradient.norm(dim=-1, keepdim=True).clamp_min(1e-12)
    return factor.clamp_max(1.0)
