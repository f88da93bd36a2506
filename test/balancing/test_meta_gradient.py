"""The exact first-order meta-gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from balanced_bc.balancing.descent import AdamState, Step, observe, preconditioner
from balanced_bc.balancing.lanes import Lanes, Layout, pays
from balanced_bc.balancing.meta_gradient import FORMS, Inner, MetaStep, fastest

LanesOf = Callable[[int], tuple[Lanes, Tensor, Any, Any]]


def step_of(form: str, made: tuple[Lanes, Tensor, Any, Any], inner: Inner) -> MetaStep:
    lanes, theta, training, measuring = made
    k = len(theta)
    weights = torch.softmax(torch.arange(k * k, dtype=torch.float64).view(k, k) / k, dim=1)
    measure = lanes.on(measuring)
    return FORMS[form](lanes.on(training), lambda at: measure(at).diagonal(), theta, weights, inner)


def plain(gradient: Tensor) -> Step:
    return Step(torch.full_like(gradient[:, :1], 0.05))


def bounded(gradient: Tensor) -> Step:
    """Shorter than any gradient here."""
    return Step.within(gradient, 0.05, 0.5)


@pytest.mark.parametrize("form", ["jvp", "products"])
@pytest.mark.parametrize("groups", [2, 3, 5])
@pytest.mark.parametrize("inner", [plain, bounded])
def test_first_order_forms_equal_double_backward(form: str, groups: int, inner: Inner, lanes_of: LanesOf) -> None:
    exact, ours = (step_of(name, lanes_of(groups), inner) for name in ("double-backward", form))
    for wanted, found in zip(exact, ours):
        torch.testing.assert_close(found, wanted, atol=1e-12, rtol=1e-10)


@pytest.mark.parametrize("form", ["jvp", "products"])
def test_forms_stay_equal_under_the_preconditioner_of_the_step_before(form: str, lanes_of: LanesOf) -> None:
    made = lanes_of(3)
    moments = observe(AdamState.at(made[1]), torch.randn(made[1].shape, dtype=torch.float64))

    adapted = Step(1e-2 * preconditioner(moments))
    exact, ours = (step_of(name, made, lambda _: adapted) for name in ("double-backward", form))
    torch.testing.assert_close(ours.gradient, exact.gradient, atol=1e-12, rtol=1e-10)


@pytest.mark.parametrize("form", list(FORMS))
@pytest.mark.parametrize("inner", [plain, bounded])
def test_meta_gradient_equals_finite_differences(form: str, inner: Inner, lanes_of: LanesOf) -> None:
    lanes, theta, training, measuring = lanes_of(2)
    measure = lanes.on(measuring)
    weights = torch.tensor([[0.3, 0.7], [0.6, 0.4]], dtype=torch.float64)

    def reached(at: Tensor) -> Tensor:
        made = FORMS[form](lanes.on(training), lambda here: measure(here).diagonal(), theta, at, inner)
        return made.target

    found = FORMS[form](lanes.on(training), lambda here: measure(here).diagonal(), theta, weights, inner).gradient
    for column in range(2):
        nudge = torch.zeros_like(weights)
        nudge[:, column] = 1e-5
        slope = (reached(weights + nudge) - reached(weights - nudge)) / 2e-5
        torch.testing.assert_close(found[:, column], slope, atol=1e-7, rtol=1e-5)


def test_lanes_in_one_vmap_equal_lanes_one_after_another(lanes_of: LanesOf) -> None:
    lanes, theta, training, _ = lanes_of(3)
    alone = lanes._replace(vectorize=False)
    torch.testing.assert_close(lanes.on(training)(theta), alone.on(training)(theta))


def test_a_lane_does_not_depend_on_its_neighbors(lanes_of: LanesOf) -> None:
    lanes, theta, training, _ = lanes_of(3)
    torch.testing.assert_close(lanes.on(training)(theta)[1:2], lanes.on(training)(theta[1:2]))


def test_the_fastest_form_depends_on_the_device_unless_one_is_asked_for() -> None:
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    assert (fastest("auto", cpu), fastest("auto", cuda)) == ("double-backward", "jvp")
    assert fastest("products", cuda) == "products"


def test_lanes_of_convolutions_run_one_after_another_on_a_cpu() -> None:
    flat = Layout(("weight", "bias"), (torch.Size((8, 3)), torch.Size((8,))))
    images = Layout(("kernel",), (torch.Size((8, 3, 3, 3)),))
    assert pays(flat, torch.device("cpu"))
    assert not pays(images, torch.device("cpu"))
    assert pays(images, torch.device("cuda"))


def test_lane_i_of_own_losses_is_judged_by_group_i(lanes_of: LanesOf) -> None:
    lanes, theta, training, _ = lanes_of(3)
    torch.testing.assert_close(lanes.own(training)(theta), lanes.on(training)(theta).diagonal())
