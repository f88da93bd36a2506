r"""Many policies trained at once: other seeds or other weights, one network architecture.

A lane is a policy with parameters, batches, units and held-out demonstrations of its own. The parameters of all lanes
are stacked, :math:`\theta \in R^{m \times ...}`, one call maps the loss over them, and one optimizer moves them:
AdamW and the average are elementwise, so each lane ends where a training alone with its seed would end, up to rounding.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from math import isfinite
from typing import NamedTuple

import torch
from torch import Tensor
from torch.func import functional_call, stack_module_state, vmap

from balanced_bc.learning.config import TrainingConfig
from balanced_bc.learning.device import Device, choose, keep_freed_memory, reproducible
from balanced_bc.learning.errors import LearningError
from balanced_bc.learning.pairs import Pairs
from balanced_bc.learning.training import descent, memory
from balanced_bc.learning.training.chance import seeded
from balanced_bc.learning.training.draws import Draw, Drawing, PairWeight, joined
from balanced_bc.learning.training.feed import Feed
from balanced_bc.learning.training.judged import Judged
from balanced_bc.learning.training.learner import fresh
from balanced_bc.learning.training.parallel import ALONE
from balanced_bc.learning.training.progress import Progress, shares, warnings
from balanced_bc.learning.training.tally import Tally
from balanced_bc.learning.training.trial import try_out
from balanced_bc.learning.training.validation import Validation
from balanced_bc.policies.answers import blamed
from balanced_bc.policies.batch import Batch
from balanced_bc.policies.config import PolicyConfig
from balanced_bc.policies.policy import Policy

Weights = Mapping[str, float] | None


class Lane(NamedTuple):
    """What came out of a lane.

    Attributes:
        config: Training, with the lane's seed.
        weights: Weight of each group as it was given; None for plain cloning.
        last: What a training alone says at its end; its speed is the lane's share of that of all lanes.
    """

    config: TrainingConfig
    weights: Weights
    last: Progress

    @property
    def policy(self) -> Policy:
        """The average, on the device."""
        return self.last.policy


class LanesProgress(NamedTuple):
    """How far training has come.

    Attributes:
        step: Optimizer steps done, in every lane.
        steps: Optimizer steps to do.
        losses: Of each lane: negative log-likelihood of each group on the batches since the last report, [nat].
        pairs_per_second: Speed of all lanes together since the last report.
        device: What computes.
        lanes: In the last report: what came out of each lane, in order; empty before.
    """

    step: int
    steps: int
    losses: tuple[Mapping[str, float], ...]
    pairs_per_second: float
    device: str
    lanes: tuple[Lane, ...] = ()


def fit_lanes(
    pairs: Pairs,
    policy_config: PolicyConfig,
    config: TrainingConfig,
    seeds: Sequence[int] = (),
    alphas: Sequence[Weights] = (),
) -> Iterator[LanesProgress]:
    r"""Train one policy for each seed, or for each weighting, or for both in step.

    It pays off where a step is bound by the number of operations and not by arithmetic: on a GPU, and for state
    policies on a CPU. On a CPU the convolutions of image policies gain nothing.

    Args:
        pairs: What was demonstrated.
        policy_config: Architecture.
        config: Training; its seed is that of every lane if no seeds are given. Lanes are not compiled, do not stop
            early, and are not kept while they are trained: after an interruption they begin anew.
        seeds: Seed of each lane, or one for all.
        alphas: Weights of each lane, or one for all; None is plain cloning.

    Yields:
        A report every `report_every` steps, and one at the end, which has the lanes: `*_, last = fit_lanes(...)`.

    Raises:
        LearningError: Seeds and weights are not equally many.
        PolicyError: A policy of somebody else cannot be trained, or not by vmap.
    """
    configs, weights = lanes_of(config, seeds, alphas)
    device = choose(config.device, config.precision)
    if device.device.type == "cpu":
        keep_freed_memory()
    with reproducible(config.deterministic):
        try:
            lanes = _Lanes(pairs, policy_config, configs, weights, device)
            for step in range(config.steps):
                lanes.advance(step)
                if (step + 1) % config.report_every == 0 or step + 1 == config.steps:
                    yield lanes.report(step + 1)
        except torch.cuda.OutOfMemoryError as error:
            raise memory.full(pairs, device.device) from error


def lanes_of(
    config: TrainingConfig, seeds: Sequence[int], alphas: Sequence[Weights]
) -> tuple[tuple[TrainingConfig, ...], tuple[Weights, ...]]:
    """Configuration and weights of each lane; what is given once holds for all."""
    if config.early_stop:
        raise LearningError("lanes take their steps together, so none stops early; set early_stop to 0")
    seeds, alphas = tuple(seeds) or (config.seed,), tuple(alphas) or (None,)
    number = max(len(seeds), len(alphas))
    if {len(seeds), len(alphas)} - {1, number}:
        raise LearningError(f"{len(seeds)} seeds and {len(alphas)} weightings make no lanes: give one, or equally many")
    seeds, alphas = seeds * (number // len(seeds)), alphas * (number // len(alphas))
    return tuple(replace(config, seed=seed) for seed in seeds), alphas


class _Lanes:
    """What changes while lanes are trained."""

    def __init__(
        self,
        pairs: Pairs,
        policy_config: PolicyConfig,
        configs: Sequence[TrainingConfig],
        alphas: Sequence[Weights],
        device: Device,
    ) -> None:
        self.configs, self.config, self.device, self.groups = configs, configs[0], device, pairs.groups
        self.pairs, self.alphas = pairs, alphas
        self.drawings = [Drawing(pairs, config, alpha) for config, alpha in zip(configs, alphas)]
        self.policies = [
            fresh(pairs, policy_config, drawing.train, config.seed).to(device.device)
            for drawing, config in zip(self.drawings, configs)
        ]
        placed, where = memory.place(pairs, device.device, self.config.memory)
        self.feed = Feed(placed, self._draw, self.drawings[0].generator, device.device)
        try_out(self.policies[0], self.feed, self.drawings[0].train, device)
        self.parameters, self.buffers = stack_module_state(self.policies)
        self.average = {name: value.detach().clone() for name, value in self.parameters.items()}
        self.optimizer = descent.adamw(self.parameters.items(), self.config)
        self.description = f"{device.description}, {where}, {len(configs)} lanes"
        self.pair_weight = PairWeight(self.drawings, device.device)
        keys = [(lane, name) for lane in range(len(configs)) for name in self.groups]
        self.tally = Tally[tuple[int, str]](keys, device.device)

    def advance(self, step: int) -> None:
        """Descend on one batch in each lane."""
        draw, batch = self.feed.next(step)
        groups = draw.groups.to(self.device.device)
        self.optimizer.zero_grad()
        with self._chance(step):
            loss = self._losses(batch).flatten()
            weighted = loss * self.pair_weight.at(step)[groups]
            torch.autograd.backward(weighted.sum() / self.config.batch_size)
        descent.set_rate(self.optimizer, descent.learning_rate(step, self.config))
        self.optimizer.step()
        values: list[Tensor] = list(self.parameters.values())
        descent.follow(list(self.average.values()), values, descent.kept(step, self.config))
        self.tally.add(groups, loss.detach())

    def report(self, step: int) -> LanesProgress:
        """Say how far training is, and begin a new stretch."""
        losses, speed = self.tally.read(ALONE)
        if broken := [key for key, loss in losses.items() if not isfinite(loss)]:
            raise LearningError(f"the loss of {broken} (lane, group) is not finite before step {step}")
        self.tally.restart(losses)
        numbers = range(len(self.configs))
        of_lane = tuple({name: loss for (own, name), loss in losses.items() if own == lane} for lane in numbers)
        now = LanesProgress(step, self.config.steps, of_lane, speed, self.description)
        return now._replace(lanes=tuple(self._result(now, i) for i in numbers)) if step == now.steps else now

    def _draw(self, step: int) -> Draw:
        """A batch for each lane, one after another; groups are numbered on from lane to lane."""
        draws = [drawing.draw(step) for drawing in self.drawings]
        return joined([draw._replace(groups=draw.groups + i * len(self.groups)) for i, draw in enumerate(draws)])

    def _losses(self, batch: Batch) -> Tensor:
        """Loss of each pair in each lane, (m B pairs) to (m, B)."""
        apart = _apart(batch, len(self.configs))
        first = self.policies[0]
        with self.device.precision(), blamed(type(first), first.config.plugin, "negative_log_likelihood under vmap"):
            losses: Tensor = vmap(self._loss, randomness="different")(self.parameters, self.buffers, apart)
        return losses.float()

    def _chance(self, step: int) -> AbstractContextManager[None]:
        """While it lasts, what policies of somebody else draw follows from the step and all seeds alone."""
        seeds = (config.seed for config in self.configs)
        return seeded(bool(self.policies[0].config.plugin), self.device.device, step, *seeds)

    def _loss(self, parameters: dict[str, Tensor], buffers: dict[str, Tensor], batch: Batch) -> Tensor:
        loss: Tensor = functional_call(self.policies[0], (parameters, buffers), (batch,))
        return loss

    def _result(self, now: LanesProgress, lane: int) -> Lane:
        """Take a lane's average out of the stack, and measure it."""
        policy, drawing = self.policies[lane].requires_grad_(False).eval(), self.drawings[lane]
        stacked = {**self.average, **self.buffers}
        policy.load_state_dict({name: value[lane] for name, value in stacked.items()}, strict=False)
        judged = Judged(self.pairs, drawing.of_groups)
        brought = shares(self.pairs, drawing, judged)
        last = Progress(
            step=now.step,
            steps=now.steps,
            losses=judged.losses(now.losses[lane]),
            held_out=judged.losses(self._held_out(policy, drawing.held_out)),
            pairs_per_second=now.pairs_per_second / len(self.configs),
            seconds_left=0.0,
            learning_rate=descent.learning_rate(now.step - 1, self.config),
            device=now.device,
            policy=policy,
            kept=now.step,
            shares=brought,
            judged=judged.names,
            warnings=warnings(self.pairs, brought, judged, self.config.held_out),
        )
        return Lane(self.configs[lane], self.alphas[lane], last)

    def _held_out(self, policy: Policy, index: Tensor) -> dict[str, float]:
        """Loss of each group on held-out pairs, [nat]."""

        def loss(batch: Batch) -> Tensor:
            with self.device.precision():
                found: Tensor = policy(batch)
            return found.float()

        with self._chance(self.config.steps):
            return Validation(self.pairs, index, self.config.held_out_pairs).losses(self.feed.gather, loss)


def _apart(batch: Batch, lanes: int) -> Batch:
    """Cut a batch into one for each lane, (m B, ...) to (m, B, ...)."""

    def cut(tensor: Tensor) -> Tensor:
        return tensor.reshape(lanes, len(tensor) // lanes, *tensor.shape[1:])

    return Batch({name: cut(values) for name, values in batch.images.items()}, *(cut(values) for values in batch[1:]))
