"""Whole runs of balancing beside one training of the policy that uses their weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from statistics import mean
from time import process_time
from typing import NamedTuple

import torch
from torch import Generator

from balanced_bc.balancing import comparison, conflicts
from balanced_bc.balancing.config import BalancingConfig, Method
from balanced_bc.learning.config import EncodingConfig, TrainingConfig
from balanced_bc.learning.pairs import Pairs
from balanced_bc.learning.rebalancing.rebalance import rebalance
from balanced_bc.learning.training.fit import fit
from balanced_bc.policies.config import PolicyConfig
from benchmarks.rivals.meta_steps import Claim

GOALS: dict[Method, float] = {"remix": 2.0, "ours": 2.5, "minimax": 2.5}
"""Most that a method should cost, in trainings of the final policy; the default no more than ours."""
FLAT = 1.3
"""Most that a group may cost among many, relative to among few."""
DEMONSTRATIONS, LENGTH = 12, 20
"""Of each group of a crowd, and their pairs."""
TRAIN = "train"
REPORTS = (comparison.PHASE, conflicts.PHASE)
"""Phases that judge the weights when they are found."""


class Whole(NamedTuple):
    """What a run costs.

    Attributes:
        policy: The policy that is trained with the weights.
        name: `train` or a method.
        seconds: Processor time, [s].
        phases: Processor time of its phases, [s].
    """

    policy: str
    name: str
    seconds: float
    phases: dict[str, float]

    @property
    def method(self) -> float:
        """Processor time without the reports on the weights, [s]."""
        return self.seconds - sum(self.phases.get(name, 0.0) for name in REPORTS)


def wholes(pairs: Pairs, policy: PolicyConfig, balancing: BalancingConfig, share: float) -> Iterator[Whole]:
    """Train between the methods, for a processor may be faster at one time than at another, and run them.

    Args:
        pairs: The dataset.
        policy: The policy.
        balancing: How methods are run.
        share: Of the steps of everything; 1 for whole runs, less for a quick look.
    """
    training, encoding = TrainingConfig(), EncodingConfig()
    training, balancing, encoding = (
        replace(training, steps=shortened(training.steps, share)),
        replace(balancing, steps=shortened(balancing.steps, share)),
        replace(encoding, steps=shortened(encoding.steps, share)),
    )
    yield trained(pairs, policy, training)
    for method in GOALS:
        yield balanced(pairs, policy, replace(balancing, method=method), encoding)
        yield trained(pairs, policy, training)


def trained(pairs: Pairs, policy: PolicyConfig, config: TrainingConfig) -> Whole:
    """Train the final policy."""
    begun = process_time()
    for _ in fit(pairs, policy, config, dict.fromkeys(pairs.groups, 1.0)):
        pass
    return Whole(policy.policy, TRAIN, process_time() - begun, {})


def balanced(pairs: Pairs, policy: PolicyConfig, config: BalancingConfig, encoding: EncodingConfig) -> Whole:
    """Run a method; its phases are those of its progress."""
    begun = last = process_time()
    phases: dict[str, float] = {}
    for report in rebalance(pairs, config, policy, encoding):
        now = process_time()
        phases[report.phase] = phases.get(report.phase, 0.0) + now - last
        last = now
    return Whole(policy.policy, config.method, process_time() - begun, phases)


def crowd(groups: int) -> Pairs:
    """Pairs of made-up states and actions in many groups, each of 12 demonstrations of 20 pairs."""
    generator, chunk = Generator().manual_seed(0), PolicyConfig().chunk
    demonstration = torch.arange(groups * DEMONSTRATIONS).repeat_interleave(LENGTH)
    number = len(demonstration)
    state, scene = (torch.randn(number, size, generator=generator) for size in (8, 21))
    action = 0.1 * torch.randn(number, chunk, 7, generator=generator)
    return Pairs(
        images={},
        state=state,
        scene=scene,
        action=action,
        mask=torch.ones(number, chunk),
        group=demonstration // DEMONSTRATIONS,
        groups=tuple(f"group {number:03d}" for number in range(groups)),
        demonstration=demonstration,
        first=torch.arange(0, number, LENGTH).repeat_interleave(LENGTH),
    )


def rows_of_crowds(found: Sequence[tuple[int, Whole]]) -> list[tuple[str, ...]]:
    """Runs with many groups as text."""
    lines: list[tuple[str, ...]] = [("groups", "method", "processor", "of a group", "phases")]
    for groups, one in found:
        phases = ", ".join(f"{name} {seconds:.1f}" for name, seconds in one.phases.items())
        lines.append((str(groups), one.name, f"{one.seconds:.0f} s", f"{one.seconds / groups:.3f} s", phases))
    return lines


def claims_of_crowds(found: Sequence[tuple[int, Whole]]) -> Iterator[Claim]:
    """A group costs the same, however many there are."""
    for method in dict.fromkeys(one.name for _, one in found):
        (few, first), *_, (many, last) = [pair for pair in found if pair[1].name == method]
        text = f"{method}: a group among {many} / among {few}"
        yield Claim(text, last.seconds / many / (first.seconds / few), FLAT, most=True)


def shortened(steps: int, share: float) -> int:
    """A share of so many steps."""
    return max(round(steps * share), 1)


def mean_training(found: Sequence[Whole]) -> dict[str, float]:
    """Mean processor time of a training of each policy, [s]."""
    known = {
        one.policy: [each.seconds for each in found if (each.policy, each.name) == (one.policy, TRAIN)] for one in found
    }
    return {policy: mean(seconds) for policy, seconds in known.items()}


def rows(found: Sequence[Whole]) -> list[tuple[str, ...]]:
    """Runs as text."""
    training = mean_training(found)
    lines: list[tuple[str, ...]] = [("policy", "run", "processor", "trainings", "with reports", "phases")]
    for one in found:
        phases = ", ".join(f"{name} {seconds:.1f}" for name, seconds in one.phases.items())
        ratios = (f"{seconds / training[one.policy]:.2f}" for seconds in (one.method, one.seconds))
        lines.append((one.policy, one.name, f"{one.seconds:.1f} s", *ratios, phases))
    return lines


def claims(found: Sequence[Whole]) -> Iterator[Claim]:
    """Goals."""
    training = mean_training(found)
    for one in found:
        if goal := {str(name): most for name, most in GOALS.items()}.get(one.name):
            yield Claim(f"{one.policy}: {one.name} / one training", one.method / training[one.policy], goal, most=True)
