"""Behavior cloning: minimize the weighted negative log-likelihood of the demonstrations (Eq. 1-4)."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Mapping
from math import cos, pi
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor

from balanced_bc.learning import sampling
from balanced_bc.learning.augmentation import shifted
from balanced_bc.learning.batches import Pairs
from balanced_bc.learning.config import TrainingConfig
from balanced_bc.learning.device import Device, choose, keep_freed_memory
from balanced_bc.policies.batch import Batch
from balanced_bc.policies.config import PolicyConfig
from balanced_bc.policies.making import make
from balanced_bc.policies.policy import Policy


class Progress(NamedTuple):
    """How far training has come.

    Attributes:
        step: Optimizer steps done.
        steps: Optimizer steps to do.
        losses: Negative log-likelihood of each group on the batches since the last report, [nat].
        held_out: The same on held-out demonstrations, without augmentation; groups that have some.
        pairs_per_second: Speed since the last report, measuring held-out losses left out.
        device: What computes.
        policy: The policy so far, on the device; after the last report it is the result.
    """

    step: int
    steps: int
    losses: Mapping[str, float]
    held_out: Mapping[str, float]
    pairs_per_second: float
    device: str
    policy: Policy


def fit(
    pairs: Pairs,
    policy_config: PolicyConfig,
    config: TrainingConfig,
    alpha: Mapping[str, float] | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[Progress]:
    r"""Train a policy afresh.

    Args:
        pairs: What was demonstrated, from `load_pairs` with the same policy configuration.
        policy_config: Architecture.
        config: Training.
        alpha: Weight of each group, :math:`\alpha`; None for plain cloning, :math:`\rho`.
        stop: Asked before each step; when true, training ends with a last report.

    Yields:
        A report every `report_every` steps, and one at the end.
    """
    device = choose(config.device, config.precision)
    if device.device.type == "cpu":
        keep_freed_memory()
    yield from _Training(pairs, policy_config, config, alpha, device).run(stop)


def learning_rate(step: int, config: TrainingConfig) -> float:
    """Step size: a linear rise over the warm-up, then a cosine down to 0."""
    rise = min(1.0, (step + 1) / (config.warmup + 1))
    return config.learning_rate * rise * 0.5 * (1 + cos(pi * step / config.steps))


def _parameter_groups(policy: Policy, config: TrainingConfig) -> list[dict[str, Any]]:
    """Parameters of AdamW: sigma moves faster than the rest, and nothing draws it toward anything."""
    spreads = [value for name, value in policy.named_parameters() if name.endswith("spread")]
    others = [value for name, value in policy.named_parameters() if not name.endswith("spread")]
    return [
        {"params": others, "weight_decay": config.weight_decay, "speed": 1.0},
        {"params": spreads, "weight_decay": 0.0, "speed": config.sigma_speed},
    ]


class _Training:
    """What changes while a policy is trained."""

    def __init__(
        self,
        pairs: Pairs,
        policy_config: PolicyConfig,
        config: TrainingConfig,
        alpha: Mapping[str, float] | None,
        device: Device,
    ) -> None:
        self.config, self.device, self.groups = config, device, pairs.groups
        self.generator = Generator().manual_seed(config.seed)
        train, held_out = sampling.hold_out(pairs.demonstration, pairs.group, config.held_out, self.generator)
        self.members = sampling.Members.of(pairs.group, len(pairs.groups), train)
        self.measured = self._measured(pairs, held_out)
        proportions = self.members.count.double() / len(train)
        self.alpha = sampling.weights_of(alpha, pairs.groups, proportions)
        self.drawn = self.alpha if config.apply == "sampling" else proportions
        self.pair_weight = (self.alpha / self.drawn.clamp(min=1e-12)).float().to(device.device)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            policy = make(policy_config, tuple(pairs.images), pairs.normalization(policy_config, train))
        self.policy = policy.to(device.device)
        self.average = copy.deepcopy(self.policy).requires_grad_(False).eval()
        self.pairs = pairs.to(device.device)
        self.optimizer = torch.optim.AdamW(_parameter_groups(self.policy, config), foreach=True)
        self._forget()

    def run(self, stop: Callable[[], bool]) -> Iterator[Progress]:
        """Step until the budget is used up or `stop` says so."""
        step = 0
        while step < self.config.steps and not stop():
            self._step(step)
            step += 1
            if step % self.config.report_every == 0 and step < self.config.steps:
                yield self._report(step)
        yield self._report(step)

    def _step(self, step: int) -> None:
        """Descend on one batch."""
        groups = sampling.systematic(self.drawn, self.config.batch_size, self.generator)
        index = self.members.draw(groups, self.generator).to(self.device.device)
        batch = shifted(self.pairs.batch(index), self.config.shift, self.generator)
        groups = groups.to(self.device.device)
        loss = self._loss(self.policy, batch)
        for group in self.optimizer.param_groups:
            group["lr"] = group["speed"] * learning_rate(step, self.config)
        self.optimizer.zero_grad()
        torch.autograd.backward((loss * self.pair_weight[groups]).mean())
        self.optimizer.step()
        self._average(step)
        self.total.index_add_(0, groups, loss.detach())
        self.number.index_add_(0, groups, torch.ones_like(loss))

    def _loss(self, policy: Policy, batch: Batch) -> Tensor:
        """Loss of each pair, (B,)."""
        with torch.autocast(self.device.device.type, torch.bfloat16, enabled=self.device.bfloat16):
            return policy.negative_log_likelihood(batch)

    def _average(self, step: int) -> None:
        """Exponential average of the parameters; early on it forgets faster, so that the start does not linger."""
        keep = min(self.config.averaging, (step + 1) / (step + 10)) if self.config.averaging else 0.0
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.policy.parameters()), 1 - keep)

    def _measured(self, pairs: Pairs, held_out: Tensor) -> dict[str, Tensor]:
        """Held-out pairs of each group that every report measures, evenly over its demonstrations' ticks."""
        members = sampling.Members.of(pairs.group, len(pairs.groups), held_out)
        chosen: dict[str, Tensor] = {}
        for i, name in enumerate(pairs.groups):
            own = members.of_group(i)
            if len(own):
                chosen[name] = own[:: max(1, len(own) // self.config.held_out_pairs)]
        return chosen

    @torch.no_grad()
    def _held_out(self) -> dict[str, float]:
        """Held-out loss of each group that has held-out demonstrations, [nat]."""
        batches = {name: self.pairs.batch(index.to(self.device.device)) for name, index in self.measured.items()}
        return {name: float(self._loss(self.average, batch).mean()) for name, batch in batches.items()}

    def _report(self, step: int) -> Progress:
        total, number = self.total.tolist(), self.number.tolist()
        losses = {name: total[i] / number[i] for i, name in enumerate(self.groups) if number[i]}
        speed = sum(number) / max(time.perf_counter() - self.since, 1e-9)
        described = self.device.description
        progress = Progress(step, self.config.steps, losses, self._held_out(), speed, described, self.average)
        self._forget()
        return progress

    def _forget(self) -> None:
        """Begin a new stretch between two reports."""
        self.total = torch.zeros(len(self.groups), device=self.device.device)
        self.number = torch.zeros_like(self.total)
        self.since = time.perf_counter()
