"""Time of one meta-gradient step of k references, by form: `python -m benchmarks.balancing`.

All references run as lanes. `loop` is what a plain implementation does: double backward, one reference after another.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from balanced_bc.balancing.lanes import Lanes, Layout, flatten
from balanced_bc.balancing.meta_gradient import FORMS

INPUTS, WIDTH, OUTPUTS = 39, 128, 56
"""Sizes of a state policy with chunks of 8 actions."""


class Timing(NamedTuple):
    """Milliseconds of one step.

    Attributes:
        groups: k.
        name: Form, or loop.
        milliseconds: Median of the repetitions.
    """

    groups: int
    name: str
    milliseconds: float


def loss(parameters: Mapping[str, Tensor], batch: tuple[Tensor, Tensor]) -> Tensor:
    """Negative log-likelihood of a two-layer network with one learned sigma per output, (B,)."""
    state, action = batch
    first = torch.relu(state @ parameters["first"])
    error = (action - torch.relu(first @ parameters["second"]) @ parameters["last"]) * (-parameters["sigma"]).exp()
    return (0.5 * error.square() + parameters["sigma"]).sum(dim=-1)


def timed(step: Callable[[], object], repetitions: int) -> float:
    """Median time of a step, [ms], after two steps of warm-up."""
    times = []
    for _ in range(repetitions + 2):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return 1e3 * sorted(times[2:])[repetitions // 2]


def steps_of(groups: int, pairs: int) -> dict[str, Callable[[], object]]:
    """One step of each form for k groups on a batch of `pairs` pairs in all."""
    generator = Generator().manual_seed(0)
    sizes = {"first": (INPUTS, WIDTH), "second": (WIDTH, WIDTH), "last": (WIDTH, OUTPUTS)}
    network = {name: 0.1 * torch.randn(*size, generator=generator) for name, size in sizes.items()}
    network["sigma"] = torch.zeros(OUTPUTS)
    number = max(pairs // groups, 1) * groups
    batch = (torch.randn(number, INPUTS, generator=generator), torch.randn(number, OUTPUTS, generator=generator))
    lanes = Lanes(loss, Layout.of(network), tuple(map(str, range(groups))), vectorize=True)
    theta = flatten(network).expand(groups, -1).clone()
    weights, rate = torch.full((groups, groups), 1 / groups), torch.tensor(0.1)
    losses = lanes.on(batch)

    def alone(row: int) -> None:
        one = slice(row, row + 1)
        FORMS["double-backward"](losses, lambda at: losses(at)[:, row], theta[one], weights[one], lambda _: rate)

    def loop() -> None:
        for row in range(groups):
            alone(row)

    def form(name: str) -> Callable[[], object]:
        return lambda: FORMS[name](losses, lambda at: losses(at).diagonal(), theta, weights, lambda _: rate)

    return {"loop": loop, **{name: form(name) for name in FORMS}}


def run(groups: list[int], pairs: int, repetitions: int) -> list[Timing]:
    """Time every form for every number of groups."""
    return [Timing(k, name, timed(step, repetitions)) for k in groups for name, step in steps_of(k, pairs).items()]


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--groups", type=int, nargs="+", default=[2, 5, 16], help="numbers of groups")
    parser.add_argument("--pairs", type=int, default=64, help="pairs in a batch")
    parser.add_argument("--repetitions", type=int, default=30, help="steps that are timed")
    given = parser.parse_args()
    torch.set_num_threads(1)
    timings = run(given.groups, given.pairs, given.repetitions)
    plain = {timing.groups: timing.milliseconds for timing in timings if timing.name == "loop"}
    print(f"{'k':>3}  {'form':<16}{'ms':>8}{'loop / form':>13}")  # noqa: T201
    for k, name, milliseconds in timings:
        print(f"{k:>3}  {name:<16}{milliseconds:>8.2f}{plain[k] / milliseconds:>13.2f}")  # noqa: T201


if __name__ == "__main__":
    main()
