"""The exact first-order meta-gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from balanced_bc.balancing.descent import SURPRISE, AdamState, Step, observe
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


def adapted(gradient: Tensor) -> Step:
    """With the preconditioner of an earlier gradient, which was smaller here and there: some elements are shortened."""
    before = torch.rand(gradient.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return Step.adapted(gradient, 0.05, observe(AdamState.at(gradient), 0.2 * before))


INNER = [plain, bounded, adapted]


@pytest.mark.parametrize("form", ["jvp", "products"])
@pytest.mark.parametrize("groups", [2, 3, 5])
@pytest.mark.parametrize("inner", INNER)
def test_first_order_forms_equal_double_backward(form: str, groups: int, inner: Inner, lanes_of: LanesOf) -> None:
    exact, ours = (step_of(name, lanes_of(groups), inner) for name in ("double-backward", form))
    for wanted, found in zip(exact, ours):
        torch.testing.assert_close(found, wanted, atol=1e-12, rtol=1e-10)


def test_an_adapted_step_is_short_where_the_moments_have_seen_nothing() -> None:
    moments = observe(AdamState.at(torch.zeros(1, 3)), torch.tensor([[0.0, 1e-9, 2.0]]))
    taken = Step.adapted(gradient := torch.tensor([[5.0, -5.0, 5.0]]), 1e-2, moments).of(gradient)
    torch.testing.assert_close(taken[0, 2].item(), 1e-2 * 5 / 2, rtol=1e-4, atol=0)
    assert bool((taken.abs() <= 1e-2 * SURPRISE).all())
    assert taken[0, 0] == 0


def test_the_adapted_step_of_these_tests_shortens_some_elements(lanes_of: LanesOf) -> None:
    descended = step_of("jvp", lanes_of(3), adapted).descents[0]
    slope = adapted(descended).slope
    assert slope is not None
    assert 0.1 < (slope == 0).double().mean() < 0.9


def test_elements_are_shortened_and_others_are_not() -> None:
    gradient = torch.tensor([[1.0, -4.0, 0.0]], dtype=torch.float64)
    step = Step.adapted(gradient, 1e-2, observe(AdamState.at(gradient), torch.ones_like(gradient)))
    wanted = torch.tensor([[1e-2, -1e-2 * SURPRISE, 0.0]], dtype=torch.float64)
    torch.testing.assert_close(step.of(gradient), wanted, rtol=1e-5, atol=0)
    assert step.turn(torch.ones_like(gradient)).gt(0).tolist() == [[True, False, True]]


@pytest.mark.parametrize("form", list(FORMS))
@pytest.mark.parametrize("inner", INNER)
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
