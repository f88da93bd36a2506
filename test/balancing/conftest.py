"""Small problems with known answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Generator, Tensor

from balanced_bc.balancing.lanes import Lanes, Layout, flatten
from balanced_bc.balancing.problem import Fold, Problem, Sampler

ProblemOf = Callable[..., Problem]


def network_loss(parameters: Mapping[str, Tensor], batch: Any) -> Tensor:
    """Negative log-likelihood of a two-layer network with one learned sigma per action dimension."""
    state, action = batch
    hidden = torch.tanh(state @ parameters["inner"] + parameters["bias"])
    error = (action - hidden @ parameters["outer"]) * (-parameters["sigma"]).exp()
    loss: Tensor = 0.5 * error.square() + parameters["sigma"]
    return loss.sum(dim=-1)


def network_skill(parameters: Mapping[str, Tensor], batch: Any) -> Tensor:
    """Error of the action that `network_loss` thinks most likely."""
    state, action = batch
    error = action - torch.tanh(state @ parameters["inner"] + parameters["bias"]) @ parameters["outer"]
    told: Tensor = 0.5 * error.square().sum(dim=-1)
    return told


def network(generator: Generator, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    """Parameters of `network_loss` for 3 inputs, 16 hidden units and 2 actions."""
    inner = torch.randn(3, 16, generator=generator, dtype=dtype)
    outer = 0.2 * torch.randn(16, 2, generator=generator, dtype=dtype)
    return {"inner": inner, "bias": torch.zeros(16, dtype=dtype), "outer": outer, "sigma": torch.zeros(2, dtype=dtype)}


def demonstrated(noise: float, number: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """Pairs of one smooth behavior whose actions are more or less noisy."""
    state = torch.randn(number, 3, generator=generator)
    clean = torch.stack((torch.sin(2 * state[:, 0]) + state[:, 1], torch.cos(state[:, 2])), dim=1)
    return state, clean + noise * torch.randn(number, 2, generator=generator)


def drawing(parts: Sequence[tuple[Tensor, Tensor]]) -> Callable[[Tensor, Generator], tuple[Tensor, Tensor]]:
    """Sampler of pairs: each group draws from its own stream, so that the order of groups does not matter."""

    def sampler(groups: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
        seed = int(torch.randint(2**31, (1,), generator=generator))
        named = [parts[group] for group in dict.fromkeys(groups.tolist())]
        each = len(groups) // len(named)
        picks = torch.randint(10**9, (each,), generator=Generator().manual_seed(seed))
        chosen = [(states[picks % len(states)], actions[picks % len(states)]) for states, actions in named]
        return torch.cat([states for states, _ in chosen]), torch.cat([actions for _, actions in chosen])

    return sampler


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Networks of this size are slower on several threads."""
    torch.set_num_threads(1)


@pytest.fixture
def problem_of() -> ProblemOf:
    """Make a problem from the noise of each group; pairs are cut into training and measuring halves."""

    def make(noises: Sequence[float], pairs: Sequence[int], seed: int = 0, names: Sequence[str] = ()) -> Problem:
        parts = [
            demonstrated(noise, number, Generator().manual_seed(seed + 100 * place))
            for place, (noise, number) in enumerate(zip(noises, pairs))
        ]
        training = [(states[: len(states) // 2], actions[: len(states) // 2]) for states, actions in parts]
        measuring = [(states[len(states) // 2 :], actions[len(states) // 2 :]) for states, actions in parts]
        return Problem(
            groups=tuple(names or (f"noise {noise}" for noise in noises)),
            pairs=tuple(pairs),
            demonstrations=tuple(number // 10 for number in pairs),
            negative_log_likelihood=network_loss,
            initialize=network,
            folds=(Fold(drawing(training), drawing(measuring)),),
        )

    return make


@pytest.fixture
def lanes_of() -> Callable[[int], tuple[Lanes, Tensor, Any, Any]]:
    """Make lanes in float64 for k groups: lanes, parameters of k networks, and two independent stratified batches."""

    def make(groups: int) -> tuple[Lanes, Tensor, Any, Any]:
        generator = Generator().manual_seed(groups)
        networks = [network(generator, torch.float64) for _ in range(groups)]
        theta = torch.stack([flatten(one) for one in networks])

        def batch() -> tuple[Tensor, Tensor]:
            state, action = (torch.randn(8 * groups, n, generator=generator, dtype=torch.float64) for n in (3, 2))
            return state, action

        lanes = Lanes(network_loss, Layout.of(networks[0]), tuple(map(str, range(groups))), vectorize=True)
        return lanes, theta, batch(), batch()

    return make


@pytest.fixture
def swapped() -> Callable[[Problem], Problem]:
    """Put a problem's groups into the opposite order, with the same pairs in the same batches."""

    def swap(problem: Problem) -> Problem:
        fold = problem.folds[0]
        return replace(
            problem,
            groups=problem.groups[::-1],
            pairs=problem.pairs[::-1],
            demonstrations=problem.demonstrations[::-1],
            folds=(Fold(_backwards(fold.training), _backwards(fold.measuring)),),
        )

    return swap


def _backwards(sampler: Sampler) -> Sampler:
    def draw(groups: Tensor, generator: Generator) -> Any:
        blocks = [values.unflatten(0, (int(groups.max()) + 1, -1)) for values in sampler(groups, generator)]
        return tuple(values.flip(0).flatten(0, 1) for values in blocks)

    return draw
