"""Policies of other kinds as black boxes: convolutions, attention, recurrence, normalization of batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from torch import Generator, Tensor, nn
from torch.func import functional_call

from balanced_bc.balancing.config import BalancingConfig, Method
from balanced_bc.balancing.descent import Step
from balanced_bc.balancing.errors import BalancingError
from balanced_bc.balancing.lanes import Lanes
from balanced_bc.balancing.meta_gradient import FORMS
from balanced_bc.balancing.methods import balance
from balanced_bc.balancing.problem import Fold, Problem, Sampler

Make = Callable[[], nn.Module]


class Attention(nn.Module):
    """Attention over the two numbers of a state, by torch's fused kernel."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.asked, self.outer = nn.Linear(1, 16), nn.Linear(16, 48), nn.Linear(16, 2)

    def forward(self, state: Tensor) -> Tensor:
        """Actions, (B, 2)."""
        seen = self.inner(state[..., None])
        query, key, value = self.asked(seen).unflatten(-1, (3, 2, 8)).permute(2, 0, 3, 1, 4)
        found = nn.functional.scaled_dot_product_attention(query, key, value)
        told: Tensor = self.outer((seen + found.transpose(1, 2).flatten(2)).mean(dim=1))
        return told


class Recurrent(nn.Module):
    """An LSTM over the two numbers of a state."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.outer = nn.LSTM(1, 16, batch_first=True), nn.Linear(16, 2)

    def forward(self, state: Tensor) -> Tensor:
        """Actions, (B, 2)."""
        told: Tensor = self.outer(self.inner(state[..., None])[0][:, -1])
        return told


class Choosy(nn.Module):
    """Looks at its numbers before it decides what to compute."""

    def __init__(self) -> None:
        super().__init__()
        self.outer = nn.Linear(2, 2)

    def forward(self, state: Tensor) -> Tensor:
        """Actions, (B, 2)."""
        told: Tensor = self.outer(state)
        return told if float(told.detach().abs().max()) < 1e6 else told / 2


def convolved() -> nn.Module:
    return nn.Sequential(nn.Unflatten(1, (1, 1, 2)), nn.Conv2d(1, 8, (1, 2)), nn.Tanh(), nn.Flatten(), nn.Linear(8, 2))


def encoder() -> nn.Module:
    layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)
    whole = (nn.Unflatten(1, (2, 1)), nn.Linear(1, 16), nn.TransformerEncoder(layer, 1), nn.Flatten(), nn.Linear(32, 2))
    return nn.Sequential(*whole)


def normalized() -> nn.Module:
    return nn.Sequential(nn.Linear(2, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 2))


def fixed() -> nn.Module:
    return normalized().eval()


def forgetful() -> nn.Module:
    return nn.Sequential(nn.Linear(2, 16), nn.Dropout(0.1), nn.Linear(16, 2))


def problem_of(
    make: Make, dtype: torch.dtype = torch.float32, error: Callable[[Tensor], Tensor] | None = None
) -> Problem:
    """Two groups that show the same movement, one more noisily, for a policy of somebody else."""
    network = make().to(dtype)

    def loss(parameters: Mapping[str, Tensor], batch: Any) -> Tensor:
        state, action = batch
        off = action - functional_call(network, dict(parameters), (state,))
        return error(off) if error else 0.5 * off.square().sum(dim=1)

    def fresh(generator: Generator) -> dict[str, Tensor]:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(torch.randint(2**31, (1,), generator=generator)))
            return dict(make().to(dtype).named_parameters())

    def draw(groups: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
        state = torch.rand(len(groups), 2, generator=generator, dtype=dtype) * 2 - 1
        noise = torch.tensor([0.05, 0.4], dtype=dtype)[groups][:, None] * torch.randn(
            len(groups), 2, generator=generator, dtype=dtype
        )
        return state, torch.stack((torch.sin(3 * state[:, 0]), -state[:, 1]), dim=1) + noise

    sampler: Sampler = draw
    return Problem(("clean", "noisy"), (200, 100), (20, 10), loss, fresh, (Fold(sampler, sampler),))


@pytest.mark.parametrize("method", ["ours", "minimax", "remix"])
@pytest.mark.parametrize("make", [convolved, Attention, encoder, Recurrent, fixed, Choosy])
def test_a_policy_of_any_kind_is_balanced_with_the_defaults(make: Make, method: Method) -> None:
    config = BalancingConfig(method=method, steps=8, batch=8, repeats=1, compare="none", conflicts=False)
    *_, last = balance(problem_of(make), config)
    assert last.result is not None
    assert float(last.result.weights.sum()) == pytest.approx(1)


@pytest.mark.parametrize("make", [convolved, Attention, encoder])
def test_all_forms_of_the_meta_gradient_agree_on_it(make: Make) -> None:
    problem = problem_of(make, torch.float64)
    lanes, start = Lanes.start(problem, Generator().manual_seed(0), vectorize=True)
    names = problem.stratified(16, 2)
    trained, measured = (problem.folds[0].training(names, Generator().manual_seed(seed)) for seed in (1, 2))
    lanes, theta = lanes.tried(start, trained), torch.stack((start, 1.1 * start))
    weights = torch.tensor([[0.6, 0.4], [0.3, 0.7]], dtype=torch.float64)

    def inner(gradient: Tensor) -> Step:
        return Step(torch.full_like(gradient[:, :1], 0.05))

    exact, *others = (
        FORMS[form](lanes.on(trained), lanes.own(measured), theta, weights, inner)
        for form in ("double-backward", "products", "jvp")
    )
    assert float(exact.gradient.abs().min()) > 0
    for found in others:
        torch.testing.assert_close(found.gradient, exact.gradient, atol=1e-12, rtol=1e-10)


def test_lanes_run_one_after_another_where_vmap_cannot() -> None:
    problem = problem_of(Choosy)
    lanes, start = Lanes.start(problem, Generator().manual_seed(0), vectorize=True)
    batch = problem.folds[0].training(problem.stratified(8, 2), Generator().manual_seed(0))
    assert (lanes.vectorize, lanes.tried(start, batch).vectorize) == (True, False)
    assert lanes.tried(start, batch).pair_losses(start.expand(3, -1), batch).shape == (3, 8)


def test_a_loss_that_draws_at_random_is_refused() -> None:
    with pytest.raises(BalancingError, match="the loss draws at random"):
        list(balance(problem_of(forgetful), BalancingConfig(method="ours", steps=4, repeats=1)))


def test_a_loss_that_depends_on_the_other_pairs_of_a_batch_is_refused() -> None:
    with pytest.raises(BalancingError, match="batch normalization counts it"):
        list(balance(problem_of(normalized), BalancingConfig(method="zero", steps=4, repeats=1)))


def test_a_loss_that_is_not_one_number_for_each_pair_is_refused() -> None:
    problem = problem_of(convolved, error=lambda off: off.square())
    with pytest.raises(BalancingError, match=r"the loss has shape \(4, 2\); it must be a number for each pair"):
        list(balance(problem, BalancingConfig(method="zero", steps=4, repeats=1)))
