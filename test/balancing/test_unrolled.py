"""The derivative through several inner steps, and its trace through all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from balanced_bc.balancing import meta_gradient, trace, unrolled
from balanced_bc.balancing.config import BalancingConfig
from balanced_bc.balancing.descent import Step
from balanced_bc.balancing.errors import BalancingError
from balanced_bc.balancing.lanes import LaneLosses, Lanes
from balanced_bc.balancing.meta_gradient import Inner, LaneTarget, MetaStep

LanesOf = Callable[[int], tuple[Lanes, Tensor, Any, Any]]
STEPS, RATE, BOUND = 4, 0.05, 1.3


class Case(NamedTuple):
    """Three lanes, and a batch for each of four steps."""

    losses: list[LaneLosses]
    targets: list[LaneTarget]
    theta: Tensor
    weights: Tensor


@pytest.fixture
def case(lanes_of: LanesOf) -> Case:
    lanes, theta, training, measuring = lanes_of(3)
    moved = [tuple(values.roll(number, 0) * (1 + 0.1 * number) for values in training) for number in range(STEPS)]
    looked = [tuple(values.roll(-number, 0) * (1 + 0.1 * number) for values in measuring) for number in range(STEPS)]
    weights = torch.softmax(torch.arange(9, dtype=torch.float64).view(3, 3) / 3, dim=1)
    return Case([lanes.on(batch) for batch in moved], [lanes.own(batch) for batch in looked], theta, weights)


def plain(gradient: Tensor) -> Step:
    return Step(torch.full_like(gradient[:, :1], RATE))


def adapted(gradient: Tensor) -> Step:
    """A preconditioner that is held."""
    return Step(RATE * (0.5 + torch.linspace(0, 1, gradient.shape[1], dtype=torch.float64)).expand_as(gradient))


def bounded(gradient: Tensor) -> Step:
    """Gradients longer than a bound are shortened; the case has longer and shorter ones."""
    return Step.within(gradient, RATE, BOUND)


TAKEN: dict[Inner, Callable[[Tensor], Tensor]] = {
    plain: lambda gradient: RATE * gradient,
    adapted: lambda gradient: adapted(gradient).scale * gradient,
    bounded: lambda gradient: RATE * gradient * (BOUND / gradient.norm(dim=1, keepdim=True)).clamp_max(1.0),
}
"""The steps, written so that automatic differentiation goes through all that depends on the gradient."""
every_step = pytest.mark.parametrize("inner", list(TAKEN))


def by_autograd(case: Case, inner: Inner, nudged: Tensor, looked: range, constant: bool = False) -> Tensor:
    """Descend with the weights of each step, (H, m, k), and differentiate the mean loss of the networks looked at.

    With `constant`, gradients are those of losses that are linear around the networks passed: without curvature.
    """
    theta, values = case.theta.clone().requires_grad_(), []
    for number in range(STEPS):
        here = theta.detach().requires_grad_() if constant else theta
        before = case.losses[number](here)
        each = [
            torch.autograd.grad(one.sum(), here, create_graph=not constant, retain_graph=True)[0] for one in before.T
        ]
        gradient = torch.einsum("mk,kmp->mp", nudged[number], torch.stack(each))
        theta = theta - TAKEN[inner](gradient)
        if number in looked:
            values.append(case.targets[number](theta))
    return torch.stack(values).mean(dim=0)


def slope_of(case: Case, inner: Inner, shares: Tensor, looked: range, constant: bool = False) -> Tensor:
    """Derivative with respect to weights that are changed by this share in each step, (H,)."""
    change = torch.zeros_like(case.weights, requires_grad=True)
    nudged = case.weights + shares[:, None, None] * change
    value = by_autograd(case, inner, nudged, looked, constant)
    return torch.autograd.grad(value.sum(), change)[0]


def unroll(case: Case, form: str, looked: range, inner: Inner) -> MetaStep:
    targets = [case.targets[number] for number in looked]
    return unrolled.FORMS[form](case.losses, targets, case.theta, case.weights, inner)


def follow(case: Case, decay: float, curvature: bool, inner: Inner = plain) -> Tensor:
    """Meta-gradient of the last step when a trace is carried through all."""
    theta, carried = case.theta, trace.start(case.theta, 3)
    for losses, target in zip(case.losses, case.targets):
        taken, carried = trace.advance(
            losses,
            target,
            theta,
            case.weights,
            inner,
            carried,
            decay,
            curvature,
        )
        theta = taken.parameters
    return taken.gradient


def close(found: Tensor, wanted: Tensor) -> None:
    torch.testing.assert_close(found, wanted, atol=1e-12, rtol=1e-10)


@pytest.mark.parametrize("form", list(unrolled.FORMS))
@pytest.mark.parametrize("looked", [range(STEPS), range(STEPS - 1, STEPS)])
@every_step
def test_unrolled_forms_equal_plain_double_backward(case: Case, form: str, looked: range, inner: Inner) -> None:
    wanted = slope_of(case, inner, torch.ones(STEPS, dtype=torch.float64), looked)
    close(unroll(case, form, looked, inner).gradient, wanted)


def test_some_gradients_of_the_case_are_shortened_and_some_are_not(case: Case) -> None:
    along = [bounded(descent).along for descent in unroll(case, "jvp", range(STEPS), bounded).descents]
    shortened = torch.stack([one.norm(dim=1) > 0 for one in along if one is not None])
    assert shortened.any()
    assert not shortened.all()


def test_unrolled_forms_agree_in_all_that_they_say(case: Case) -> None:
    one, other = (unroll(case, form, range(STEPS), plain) for form in unrolled.FORMS)
    for found, wanted in zip(one, other):
        torch.testing.assert_close(found, wanted, atol=1e-12, rtol=1e-10)


@pytest.mark.parametrize("form", list(unrolled.FORMS))
def test_one_unrolled_step_is_the_one_step_meta_gradient(case: Case, form: str) -> None:
    short = case._replace(losses=case.losses[:1])
    once = meta_gradient.FORMS[form](case.losses[0], case.targets[0], case.theta, case.weights, plain)
    close(unroll(short, form, range(1), plain).gradient, once.gradient)


@pytest.mark.parametrize("decay", [1.0, 0.7])
@every_step
def test_trace_with_curvature_is_the_derivative_by_all_weights_so_far(case: Case, decay: float, inner: Inner) -> None:
    """Weights of s steps ago count decay^s times; with a decay of 1 this is the unrolled meta-gradient."""
    shares = decay ** torch.arange(STEPS - 1, -1, -1, dtype=torch.float64)
    close(follow(case, decay, True, inner), slope_of(case, inner, shares, range(STEPS - 1, STEPS)))


@every_step
def test_trace_without_curvature_is_exact_for_losses_without_curvature(case: Case, inner: Inner) -> None:
    shares = 0.7 ** torch.arange(STEPS - 1, -1, -1, dtype=torch.float64)
    wanted = slope_of(case, inner, shares, range(STEPS - 1, STEPS), constant=True)
    close(follow(case, 0.7, False, inner), wanted)


def test_what_a_trace_without_curvature_leaves_out_is_of_the_order_of_the_step_size(case: Case) -> None:
    def error(rate: float) -> float:
        scale = torch.full((3, 1), rate, dtype=torch.float64)
        exact, rough = (follow(case, 0.9, curvature, lambda _: Step(scale)) for curvature in (True, False))
        return float((rough - exact).norm() / exact.norm())

    assert error(1e-3) == pytest.approx(error(2e-3) / 2, rel=0.05)


def test_a_trace_without_past_is_the_one_step_meta_gradient(case: Case) -> None:
    found = follow(case, 0.0, curvature=False)
    theta = case.theta
    for losses, target in zip(case.losses, case.targets):
        taken = meta_gradient.jvp_form(losses, target, theta, case.weights, plain)
        theta = taken.parameters
    close(found, taken.gradient)


def test_products_cannot_be_unrolled() -> None:
    with pytest.raises(BalancingError, match="there are auto, jvp, double-backward"):
        BalancingConfig(meta_gradient="unrolled", meta_form="products")


@pytest.mark.parametrize(("steps", "horizon"), [(20, 20), (4, 4)])
def test_a_horizon_that_leaves_no_step_of_the_weights_is_refused(steps: int, horizon: int) -> None:
    """Weights stay for the first quarter of the steps, so that the second window must begin after it."""
    BalancingConfig(method="ours", meta_gradient="unrolled", steps=steps + 1, meta_horizon=horizon)
    with pytest.raises(BalancingError, match=f"meta_horizon {horizon} leaves no step of the weights in {steps} steps"):
        BalancingConfig(method="ours", meta_gradient="unrolled", steps=steps, meta_horizon=horizon)
