r"""How networks descend: plain steps and Adam, as pure functions of a state."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

DECAY = (0.9, 0.999)
"""Adam's memories of the gradient and of its square."""
EPSILON = 1e-6
"""Added to Adam's denominator; larger than usual, so that directions which have seen no gradient stay tame."""
SURPRISE = 3.0
"""Times its usual size beyond which an element of a gradient is shortened, where Adam's moments do not know it yet."""


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


def usual(state: AdamState) -> Tensor:
    r"""Root mean square of the gradients that the moments have seen, :math:`\sqrt{\hat v}`, (m, p)."""
    return (state.second / (1 - DECAY[1] ** state.step)).sqrt()


def preconditioner(state: AdamState) -> Tensor:
    r"""Scale each direction by its past gradients: :math:`P = 1 / (\sqrt{\hat v} + \epsilon)`, (m, p)."""
    return 1.0 / (usual(state) + EPSILON)


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

    P is diagonal and held where it is. Elements of G that are shortened to their own bounds no longer move with G. A
    gradient that is shortened to a bound b as a whole leaves its direction :math:`u = G / \lVert G \rVert` to the step:

    .. math:: s(G) = \beta b \, u, \quad J = \frac{\partial s}{\partial G}
        = \beta \frac{b}{\lVert G \rVert} (I - u u^\top)

    Attributes:
        scale: :math:`\beta P`, or :math:`\beta b / \lVert G \rVert` where a gradient is shortened, (m, p) or (m, 1).
        along: u where a gradient is shortened, 0 where it is not, (m, p); None where none can be.
        slope: Diagonal of J before u is taken out of it, (m, p); None if it is `scale`.
    """

    scale: Tensor
    along: Tensor | None = None
    slope: Tensor | None = None

    @classmethod
    def within(cls, gradient: Tensor, rate: float, bound: float) -> Step:
        """A plain step of a learning rate along gradients, (m, p), that are shortened to a bound."""
        norm = gradient.norm(dim=1, keepdim=True).clamp_min(1e-12)
        return cls(rate * (bound / norm).clamp_max(1.0), torch.where(norm > bound, gradient / norm, 0.0))

    @classmethod
    def adapted(cls, gradient: Tensor, rate: float, moments: AdamState) -> Step:
        r"""A step of a learning rate with Adam's preconditioner of the steps before, along gradients, (m, p).

        Adam itself never takes a step that is much longer than the learning rate, because it preconditions a gradient
        by moments that have seen it. These have not, and a unit that wakes up has a past of zeros: so elements beyond
        `SURPRISE` times their usual size are shortened to it. The first step is a plain one.
        """
        if moments.step == 0:
            return cls(gradient.new_full((len(gradient), 1), rate))
        size, bound, scale = gradient.abs(), SURPRISE * usual(moments), rate * preconditioner(moments)
        shortened = size > bound
        return cls(scale * torch.where(shortened, bound / size, 1.0), slope=torch.where(shortened, 0.0, scale))

    def turn(self, vectors: Tensor) -> Tensor:
        """J times vectors, (m, p) or n for each lane, (m, n, p); J is symmetric."""
        several = vectors.dim() > self.scale.dim()
        slope = self.scale if self.slope is None else self.slope
        slope = slope[:, None] if several else slope
        if self.along is None:
            return slope * vectors
        along = self.along[:, None] if several else self.along
        return slope * (vectors - along * (along * vectors).sum(dim=-1, keepdim=True))

    def of(self, gradient: Tensor) -> Tensor:
        """s(G), which automatic differentiation can go through, (m, p)."""
        held = gradient.detach()
        return self.scale * held + self.turn(gradient - held)
