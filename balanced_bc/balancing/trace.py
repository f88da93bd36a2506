r"""How training weights of all steps so far change a loss: a trace of :math:`Z = \partial \theta / \partial \alpha`.

One step :math:`\theta' = \theta - s(\sum_j \alpha_j g_j(\theta))` carries the dependence of :math:`\theta` on the
weights along and adds its own. With J the derivative of s, and a decay :math:`\lambda`, so that steps long ago fade,

.. math::
    Z' = \lambda \, (I - J H) \, Z - J \, [g_1 \dots g_k], \quad
    \frac{\partial \mathcal{L}_i(\theta')}{\partial \alpha_j} = \langle \nabla \mathcal{L}_i(\theta'), Z'_j \rangle

with H the Hessian of :math:`\sum_j \alpha_j \mathcal{L}_j`. This is the exact derivative with respect to a change of
all weights so far, the change of n steps ago counted :math:`\lambda^n` times.
Without curvature (the default) H is left out: k gradients a step and no second derivative. What is left out is of the
order of :math:`J H / (1 - \lambda)`: nothing where losses are linear or :math:`\lambda = 0`, little for small
steps. :math:`\lambda` then stands for how fast steps are forgotten.
Z takes k times the memory of the networks.
"""

from __future__ import annotations

import torch
from torch import Tensor

from balanced_bc.balancing.lanes import LaneLosses
from balanced_bc.balancing.meta_gradient import (
    Inner,
    LaneTarget,
    MetaStep,
    group_gradients,
    value_and_gradient,
)
from balanced_bc.balancing.unrolled import gradient_of


def start(theta: Tensor, groups: int) -> Tensor:
    """Nothing depends on the weights yet, (m, k, p)."""
    return theta.new_zeros(len(theta), groups, theta.shape[1])


def advance(
    losses: LaneLosses,
    target: LaneTarget,
    theta: Tensor,
    weights: Tensor,
    inner: Inner,
    trace: Tensor,
    decay: float,
    curvature: bool,
) -> tuple[MetaStep, Tensor]:
    r"""Take one inner step and carry the trace along.

    Args:
        losses: :math:`\mathcal{L}_1 \dots \mathcal{L}_k` on a training batch.
        target: :math:`\mathcal{L}_i` on a batch that is independent of the training batch.
        theta: :math:`\theta`, (m, p).
        weights: :math:`\alpha`, (m, k).
        inner: s.
        trace: :math:`Z`, (m, k, p).
        decay: :math:`\lambda`, 0 to 1.
        curvature: Whether H counts.

    Returns:
        The step; :math:`Z'`, (m, k, p).
    """
    before, each = group_gradients(losses, theta)
    gradient = torch.einsum("mk,mkp->mp", weights, each)
    step = inner(gradient)
    after = theta - step.of(gradient)
    carried = trace - step.turn(_bent(losses, weights, theta, trace)) if curvature else trace
    trace = decay * carried - step.turn(each)
    value, pull = value_and_gradient(target, after)
    slope = torch.einsum("mkp,mp->mk", trace, pull)
    return MetaStep(after, (gradient,), slope, before, value), trace


def _bent(losses: LaneLosses, weights: Tensor, theta: Tensor, trace: Tensor) -> Tensor:
    """Hessian times each column of the trace, (m, k, p)."""
    gradient = gradient_of(losses, weights)
    columns = [torch.func.jvp(gradient, (theta,), (column,))[1][0] for column in trace.unbind(dim=1)]
    return torch.stack(columns, dim=1).detach()
