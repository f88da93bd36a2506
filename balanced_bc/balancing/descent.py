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


class Step(NamedTuple):
    r"""A step that m lanes take along their gradients, :math:`s(G) = \beta P G`, and its derivative at G.

    P is diagonal and held where it is; or it shortens a gradient to a bound b, and then the step depends on the
    direction :math:`u = G / \lVert G \rVert` only:

    .. math:: s(G) = \beta b \, u, \quad J = \frac{\partial s}{\partial G}
        = \beta \frac{b}{\lVert G \rVert} (I - u u^\top)

    Attributes:
        scale: :math:`\beta P`, or :math:`\beta b / \lVert G \rVert` where a gradient is shortened, (m, p) or (m, 1).
        along: u where a gradient is shortened, 0 where it is not, (m, p); None where none can be.
    """

    scale: Tensor
    along: Tensor | None = None

    @classmethod
    def within(cls, gradient: Tensor, rate: float, bound: float) -> Step:
        """A plain step of a learning rate along gradients, (m, p), that are shortened to a bound."""
        norm = gradient.norm(dim=1, keepdim=True).clamp_min(1e-12)
        return cls(rate * (bound / norm).clamp_max(1.0), torch.where(norm > bound, gradient / norm, 0.0))

    def turn(self, vectors: Tensor) -> Tensor:
        """J times vectors, (m, p) or n for each lane, (m, n, p); J is symmetric."""
        several = vectors.dim() > self.scale.dim()
        scale = self.scale[:, None] if several else self.scale
        if self.along is None:
            return scale * vectors
        along = self.along[:, None] if several else self.along
        return scale * (vectors - along * (along * vectors).sum(dim=-1, keepdim=True))

    def of(self, gradient: Tensor) -> Tensor:
        """s(G), which automatic differentiation can go through, (m, p)."""
        held = gradient.detach()
        return self.scale * held + self.turn(gradient - held)
