r"""How training weights change a loss after one descent step (Eq. 15-18).

With G the gradient of Eq. 16, which :math:`\alpha` changes linearly, and the inner step
:math:`\theta' = \theta - s(G)` (:math:`s(G) = \beta_1 G` in the paper; see `descent.Step`), the derivative of Eq. 18 is
exact without a graph of second order:

.. math:: \frac{\partial \mathcal{L}_i(\theta')}{\partial \alpha_j}
    = -\langle J \, \nabla \mathcal{L}_i(\theta'), \nabla \mathcal{L}_j(\theta) \rangle, \quad
    J = \frac{\partial s}{\partial G}

and all j at once are the derivative of the k losses at :math:`\theta` in the direction
:math:`J \nabla \mathcal{L}_i(\theta')`.
Every function works on m lanes at once: (m, p) parameters, (m, k) weights. More than one step is differentiated in
`unrolled` and in `trace`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from balanced_bc.balancing.config import MetaForm
from balanced_bc.balancing.descent import Step
from balanced_bc.balancing.lanes import LaneLosses

LaneTarget = Callable[[Tensor], Tensor]
"""The one loss that each lane wants low, as a function of the parameters, (m, p) -> (m,), [nat]."""
Inner = Callable[[Tensor], Step]
"""The step that is taken along gradients, (m, p)."""


class MetaStep(NamedTuple):
    r"""Inner steps, one or H of them, and what they say about the weights.

    Attributes:
        parameters: :math:`\theta'`, after the last step, (m, p).
        descents: :math:`G` of each step, H of (m, p).
        gradient: :math:`\nabla_\alpha \mathcal{L}_i(\theta')`, (m, k), [nat].
        losses: Losses of the groups at :math:`\theta` before each step, (H m, k), [nat].
        target: :math:`\mathcal{L}_i(\theta')`, (m,), [nat].
    """

    parameters: Tensor
    descents: tuple[Tensor, ...]
    gradient: Tensor
    losses: Tensor
    target: Tensor


def jvp_form(losses: LaneLosses, target: LaneTarget, theta: Tensor, weights: Tensor, inner: Inner) -> MetaStep:
    r"""Compute the meta-gradient with one forward-mode product: its cost does not grow with k.

    Args:
        losses: :math:`\mathcal{L}_1 \dots \mathcal{L}_k` on a training batch.
        target: :math:`\mathcal{L}_i` on a batch that is independent of the training batch.
        theta: :math:`\theta`, (m, p).
        weights: :math:`\alpha`, (m, k).
        inner: s.
    """
    before, gradient = weighted_gradient(losses, theta, weights)
    step = inner(gradient)
    after = theta - step.of(gradient)
    value, pull = value_and_gradient(target, after)
    tangent = torch.func.jvp(losses, (theta,), (step.turn(pull),))[1]
    return MetaStep(after, (gradient,), -tangent.detach(), before, value)


def products_form(losses: LaneLosses, target: LaneTarget, theta: Tensor, weights: Tensor, inner: Inner) -> MetaStep:
    """Compute the meta-gradient with one backward pass and one inner product per group; see `jvp_form`."""
    before, each = group_gradients(losses, theta)
    gradient = torch.einsum("mk,mkp->mp", weights, each)
    step = inner(gradient)
    after = theta - step.of(gradient)
    value, pull = value_and_gradient(target, after)
    slope = -torch.einsum("mkp,mp->mk", each, step.turn(pull))
    return MetaStep(after, (gradient,), slope, before, value)


def double_backward_form(
    losses: LaneLosses, target: LaneTarget, theta: Tensor, weights: Tensor, inner: Inner
) -> MetaStep:
    """Compute the meta-gradient by differentiating through the inner step; see `jvp_form`."""
    leaf, free = theta.detach().requires_grad_(), weights.detach().requires_grad_()
    before = losses(leaf)
    gradient = torch.autograd.grad((free * before).sum(), leaf, create_graph=True)[0]
    after = leaf - inner(gradient.detach()).of(gradient)
    value = target(after)
    slope = torch.autograd.grad(value.sum(), free)[0]
    return MetaStep(after.detach(), (gradient.detach(),), slope, before.detach(), value.detach())


FORMS = {"jvp": jvp_form, "products": products_form, "double-backward": double_backward_form}
"""Every form by the name that the configuration gives it."""


def fastest(form: MetaForm, device: torch.device) -> str:
    """Choose the form that is fastest on a device, unless one is asked for.

    On a CPU that is double backward, for 2 to 64 groups (docs/balancing_speed.md; image encoders with 2 groups are 15 %
    faster with products, with more they are not). On a GPU it is one forward-mode product, which keeps no graph of
    second order; that choice is not measured yet: `python -m benchmarks.balancing forms` measures where there is one.

    Args:
        form: What is asked for.
        device: Where the networks are.
    """
    if form != "auto":
        return form
    return "double-backward" if device.type == "cpu" else "jvp"


def group_gradients(losses: LaneLosses, theta: Tensor) -> tuple[Tensor, Tensor]:
    r"""Evaluate the losses of the groups, (m, k), and the gradient :math:`g_j` of each, (m, k, p)."""
    leaf = theta.detach().requires_grad_()
    value = losses(leaf)
    each = [torch.autograd.grad(column.sum(), leaf, retain_graph=True)[0] for column in value.unbind(dim=1)]
    return value.detach(), torch.stack(each, dim=1)


def value_and_gradient(function: Callable[[Tensor], Tensor], theta: Tensor) -> tuple[Tensor, Tensor]:
    """Evaluate a function of lanes and the gradient of its sum, lane by lane.

    Args:
        function: (m, p) -> (m, ...), each row of the result a function of the same row of the parameters.
        theta: Parameters, (m, p).
    """
    leaf = theta.detach().requires_grad_()
    value = function(leaf)
    return value.detach(), torch.autograd.grad(value.sum(), leaf)[0]


def weighted_gradient(losses: LaneLosses, theta: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    r"""Evaluate the losses of the groups, (m, k), and the gradient of Eq. 16, (m, p).

    .. math:: G = \nabla_\theta \textstyle\sum_j \alpha_j \mathcal{L}_j(\theta)

    Args:
        losses: :math:`\mathcal{L}_1 \dots \mathcal{L}_k` on a training batch.
        theta: :math:`\theta`, (m, p).
        weights: :math:`\alpha`, (m, k).
    """
    leaf = theta.detach().requires_grad_()
    value = losses(leaf)
    return value.detach(), torch.autograd.grad((weights * value).sum(), leaf)[0]
