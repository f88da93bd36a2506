"""Balance a policy that is not ours: a diffusion policy in plain torch, on plain tensors, without files or datasets.

    python docs/examples/balance_foreign.py

Balancing wants three callables: a loss per pair as a pure function of parameters and a batch, fresh parameters, and a
way to draw pairs of named groups. Two people show the same 2-D reaching movement, one of them with a trembling hand.
The default method is run; `skill`, which it judges networks by, is the same loss with a sigma of 1, so that noise in
the actions of one person adds the same to it whatever was learned.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import log, pi

import torch
from torch import Generator, Tensor, nn
from torch.func import functional_call

from balanced_bc.balancing.config import BalancingConfig
from balanced_bc.balancing.methods import balance
from balanced_bc.balancing.problem import Fold, Held, Problem, Sampler

DIMENSIONS = 2
"""Of an action."""
LEVELS = 20
"""Noise levels of the diffusion."""
DEMONSTRATIONS, TICKS = 12, 25
"""Of each person."""
TREMOR = {"steady": 0.05, "trembling": 0.4}
"""Standard deviation of what is added to the actions of each person, [m/s]."""
KEPT = torch.linspace(0.99, 0.02, LEVELS)
r"""Share of the signal's variance that is left at each level, :math:`\bar\alpha_t`."""


class Denoiser(nn.Module):
    """Somebody's diffusion policy: says which noise was added to an action."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(2 + DIMENSIONS + 1, 64), nn.SiLU(), nn.Linear(64, DIMENSIONS))
        self.log_sigma = nn.Parameter(torch.zeros(()))

    def forward(self, state: Tensor, noisy: Tensor, level: Tensor) -> Tensor:
        """Predicted noise, (B, 2)."""
        told: Tensor = self.layers(torch.cat((state, noisy, level[:, None] / LEVELS), dim=1))
        return told


NETWORK = Denoiser()


def unpredicted(parameters: Mapping[str, Tensor], batch: tuple[Tensor, ...]) -> Tensor:
    """What is wrong with the predicted noise of each pair, (B, 2)."""
    state, action, level, noise = batch
    signal = KEPT[level][:, None]
    noisy = signal.sqrt() * action + (1 - signal).sqrt() * noise
    predicted: Tensor = functional_call(NETWORK, dict(parameters), (state, noisy, level.to(state.dtype)))
    return noise - predicted


def loss(parameters: Mapping[str, Tensor], batch: tuple[Tensor, ...]) -> Tensor:
    r"""Denoising loss of each pair in nats, (B,).

    A diffusion loss :math:`\lVert \epsilon - \hat\epsilon \rVert^2` is no likelihood: it is a mean over noise levels
    without their weights in the bound on :math:`-\log p(a | s)`, and has no unit. As the exponent of a Gaussian with
    one learned sigma it is a likelihood of the noise, in nats per pair, so that a difference of 1 means the same for
    every group. It is still not that of the action: zero is not reachable, and its size says nothing across policies.
    """
    log_sigma = parameters["log_sigma"]
    squares = (unpredicted(parameters, batch) * torch.exp(-log_sigma)).square().sum(dim=1)
    return 0.5 * squares + DIMENSIONS * (log_sigma + 0.5 * log(2 * pi))


def skill(parameters: Mapping[str, Tensor], batch: tuple[Tensor, ...]) -> Tensor:
    """The same with a sigma of 1, but for a constant, (B,)."""
    return 0.5 * unpredicted(parameters, batch).square().sum(dim=1)


def fresh(generator: Generator) -> dict[str, Tensor]:
    """Parameters of a network that has learned nothing yet."""
    seed = int(torch.randint(2**31, (1,), generator=generator))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return dict(Denoiser().named_parameters())


def recorded() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Positions (N, 2), velocities (N, 2), who showed them (N,), in which demonstration (N,)."""
    generator = Generator().manual_seed(0)
    person = torch.arange(len(TREMOR)).repeat_interleave(DEMONSTRATIONS * TICKS)
    state = torch.rand(len(person), 2, generator=generator) * 2 - 1
    tremor = torch.tensor(list(TREMOR.values()))[person][:, None] * torch.randn(len(person), 2, generator=generator)
    reaching = torch.stack((torch.sin(3 * state[:, 0]), -state[:, 1]), dim=1)
    return state, reaching + tremor, person, torch.arange(len(person)) // TICKS


def noised(state: Tensor, action: Tensor, generator: Generator) -> tuple[Tensor, ...]:
    """A batch with its noise."""
    level = torch.randint(LEVELS, (len(state),), generator=generator)
    return state, action, level, torch.randn(action.shape, generator=generator)


def problem() -> Problem:
    """The problem: every third demonstration of each person is held out in turn."""
    state, action, person, demonstration = recorded()

    def sampler(mask: Tensor) -> Sampler:
        own = [(mask & (person == number)).nonzero().flatten() for number in range(len(TREMOR))]

        def draw(groups: Tensor, generator: Generator) -> tuple[Tensor, ...]:
            place = torch.rand(len(groups), generator=generator)
            chosen = torch.stack([own[g][int(p * len(own[g]))] for g, p in zip(groups.tolist(), place.tolist())])
            return noised(state[chosen], action[chosen], generator)

        return draw

    def at(chosen: Tensor) -> tuple[Tensor, ...]:
        return noised(state[chosen], action[chosen], Generator().manual_seed(0))

    def fold(rest: int) -> Fold:
        held_out = demonstration % 3 == rest
        number = held_out.nonzero().flatten()
        held = Held(at, person[number], demonstration[number], number)
        return Fold(sampler(~held_out), sampler(held_out), held)

    return Problem(
        groups=tuple(TREMOR),
        pairs=tuple(torch.bincount(person).tolist()),
        demonstrations=(DEMONSTRATIONS,) * len(TREMOR),
        negative_log_likelihood=loss,
        initialize=fresh,
        folds=tuple(map(fold, range(3))),
        skill=skill,
    )


def main(steps: int = 600) -> dict[str, float]:
    """Balance and print; the weight of each person."""
    config = BalancingConfig(steps=steps, compare="none")
    for now in balance(problem(), config):
        last = now
    assert last.result is not None
    for name, weight, reference in zip(last.result.groups, last.result.weights.tolist(), last.result.references):
        print(f"{name:10} weight {weight:.2f}, lowest held-out error {reference.loss:.2f} nat" if reference else name)  # noqa: T201
    return dict(zip(last.result.groups, last.result.weights.tolist()))


if __name__ == "__main__":
    main()
