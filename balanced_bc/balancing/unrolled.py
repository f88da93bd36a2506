r"""How training weights change a loss after several descent steps with the same weights (Eq. 18 through H steps).

From :math:`\theta_0`, which counts as given,
:math:`\theta_{h+1} = \theta_h - s_h(\sum_j \alpha_j g_j(\theta_h))` with :math:`g_j = \nabla \mathcal{L}_j` on a batch
of its own and :math:`J_h` the derivative of the step :math:`s_h`. The loss that is wanted low is the mean of
:math:`\mathcal{L}_i` over the last n of the networks :math:`\theta_1 \dots \theta_H`, each on a batch of its own. n = 1
looks at the end only; n = H averages all horizons, whose errors are less alike. Its derivative runs back from the end:

.. math::
    \lambda_h = \tfrac1n \nabla \mathcal{L}_i(\theta_h) + (I - H_h J_h) \lambda_{h+1}, \quad
    \frac{\partial}{\partial \alpha_j} = -\sum_{h=0}^{H-1} \langle g_j(\theta_h), J_h \lambda_{h+1} \rangle

with :math:`H_h` the Hessian of :math:`\sum_j \alpha_j \mathcal{L}_j` at :math:`\theta_h`, the first term of
:math:`\lambda_h` in the last n only. With H = 1 this is `meta_gradient`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from balanced_bc.balancing.descent import Step
from balanced_bc.balancing.lanes import LaneLosses
from balanced_bc.balancing.meta_gradient import Inner, LaneTarget, MetaStep, value_and_gradient, weighted_gradient


def double_backward_form(
    losses: Sequence[LaneLosses],
    targets: Sequence[LaneTarget],
    theta: Tensor,
    weights: Tensor,
    inner: Inner,
) -> MetaStep:
    r"""Differentiate by keeping the graph of all H steps: fast, and memory grows with H.

    Args:
        losses: :math:`\mathcal{L}_1 \dots \mathcal{L}_k` on the batch of each step, H of them.
        targets: :math:`\mathcal{L}_i` on batches that are independent of these, for the last n networks.
        theta: :math:`\theta_0`, (m, p).
        weights: :math:`\alpha`, (m, k).
        inner: s.
    """
    free, now = weights.detach().requires_grad_(), theta.detach().requires_grad_()
    before, descents, values = list[Tensor](), list[Tensor](), list[Tensor]()
    silent = len(losses) - len(targets)
    for number, on_batch in enumerate(losses):
        before.append(on_batch(now))
        gradient = torch.autograd.grad((free * before[-1]).sum(), now, create_graph=True)[0]
        descents.append(gradient.detach())
        now = now - inner(descents[-1]).of(gradient)
        if number >= silent:
            values.append(targets[number - silent](now))
    value = torch.stack(values).mean(dim=0)
    slope = torch.autograd.grad(value.sum(), free)[0]
    return MetaStep(now.detach(), tuple(descents), slope, torch.cat(before).detach(), value.detach())


def jvp_form(
    losses: Sequence[LaneLosses],
    targets: Sequence[LaneTarget],
    theta: Tensor,
    weights: Tensor,
    inner: Inner,
) -> MetaStep:
    r"""Differentiate by running :math:`\lambda` back through kept networks, one forward-mode product a step.

    Only the networks are kept, no graph. Arguments as of `double_backward_form`.
    """
    path, before, descents, steps = [theta.detach()], list[Tensor](), list[Tensor](), list[Step]()
    for on_batch in losses:
        value, gradient = weighted_gradient(on_batch, path[-1], weights)
        before.append(value)
        descents.append(gradient)
        steps.append(inner(gradient))
        path.append(path[-1] - steps[-1].of(gradient))
    looked = [value_and_gradient(target, at) for target, at in zip(targets, path[-len(targets) :])]
    pulls = [pull / len(targets) for _, pull in looked]
    slope, back = torch.zeros_like(weights), torch.zeros_like(theta)
    for number in reversed(range(len(losses))):
        back = back + pulls.pop() if pulls else back
        tangent, bent = _along(losses[number], weights, path[number], steps[number].turn(back))
        slope, back = slope - tangent, back - bent
    value = torch.stack([value for value, _ in looked]).mean(dim=0)
    return MetaStep(path[-1], tuple(descents), slope, torch.cat(before), value)


FORMS = {"jvp": jvp_form, "double-backward": double_backward_form}
"""Every form by the name that the configuration gives it."""


def _along(losses: LaneLosses, weights: Tensor, theta: Tensor, direction: Tensor) -> tuple[Tensor, Tensor]:
    r"""Derivatives in a direction v: of the k losses, :math:`\langle g_j, v \rangle`, (m, k), and of G, (m, p)."""
    slope, both = torch.func.jvp(gradient_of(losses, weights), (theta,), (direction,))[1]
    return both.detach(), slope.detach()


def gradient_of(losses: LaneLosses, weights: Tensor) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    r"""Gradient of :math:`\sum_j \alpha_j \mathcal{L}_j`, (m, p), and the losses, (m, k), as a function of theta."""

    def weighted(theta: Tensor) -> tuple[Tensor, Tensor]:
        value = losses(theta)
        return (weights * value).sum(), value

    function: Callable[[Tensor], tuple[Tensor, Tensor]] = torch.func.grad(weighted, has_aux=True)
    return function
