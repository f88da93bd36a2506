"""One repetition of a method: its network, its fold, its batches, and the pairs on which it measures."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor

from balanced_bc.balancing.bounds import Bounds, trust_of
from balanced_bc.balancing.config import BalancingConfig
from balanced_bc.balancing.feedback import Wanted, success_losses
from balanced_bc.balancing.lanes import Lanes, Part, refuse_broken
from balanced_bc.balancing.prior import limits, prior_of, shares, trusted
from balanced_bc.balancing.problem import Fold, NegativeLogLikelihood, Problem
from balanced_bc.balancing.work import ALONE, Work, blocks

LEAST_OF_EACH = 4
"""Pairs of each group in a batch, at least."""
LEAST_MEASURED = 32
"""Pairs of each group on which losses are measured, at least."""
MOST_LANES = 4
"""Lanes that any phase trains for each group, at most."""
BLOCK = 7_368_787
"""What is added to the seed for each group before a block, so that blocks draw their own batches."""


class Measurement(NamedTuple):
    """Losses of m lanes on the CPU in float64.

    Attributes:
        losses: Loss of each group, (m, k), [nat].
        standard_error: Their standard errors, as if pairs were independent, (m, k), [nat].
    """

    losses: Tensor
    standard_error: Tensor


class Watched(NamedTuple):
    """Held-out demonstrations that are measured one by one.

    Attributes:
        batch: Pairs of them.
        member: Demonstration of each pair, as a number from 0, (n,).
        group: Group of each demonstration, (d,).
        demonstration: Name of each demonstration, or of what it has of a group, unique among all folds, (d,).
    """

    batch: Any
    member: Tensor
    group: Tensor
    demonstration: Tensor

    @torch.no_grad()
    def losses(self, lanes: Lanes, theta: Tensor) -> Tensor:
        """Mean loss of each demonstration in each lane, on the CPU in float64, (m, p) to (m, d), [nat]."""
        pairs = lanes.pair_losses(theta, self.batch).double().cpu()
        sums = pairs.new_zeros(len(theta), len(self.group)).index_add(1, self.member, pairs)
        return sums / torch.bincount(self.member, minlength=len(self.group))


class Repetition(NamedTuple):
    r"""What all runs of one repetition share, so that their losses can be compared.

    Attributes:
        lanes: The policy as a function of vectors.
        start: Parameters that every lane starts from, (p,).
        fold: Where to train and where to measure.
        names: Group of each pair of a batch, stratified, (B,).
        measured: Pairs on which losses are measured, the same at all times and in all phases, stratified: those of
            `measured_groups`, a batch for each of the chunks that blocks of a crowd are made of, or one for all.
        share: :math:`\rho`, (k,).
        prior: Weights at the start, (k,).
        bounds: Between which weights stay.
        trust: In each group, (k,).
        seed: Seed of the batches: the same in every run of the repetition.
        config: Configuration of the method.
        wanted: What is known of success.
        work: This process's place among those that do the repetition.
        measured_groups: Groups that are measured: all, or those of a block where there are many.
        own: Groups whose lanes are trained: all, or those of a block.
        skill: What networks are judged by, see `Problem.skill`; None for the loss that they are trained with.
    """

    lanes: Lanes
    start: Tensor
    fold: Fold
    names: Tensor
    measured: tuple[Any, ...]
    share: Tensor
    prior: Tensor
    bounds: Bounds
    trust: Tensor
    seed: int
    config: BalancingConfig
    wanted: Wanted
    work: Work
    measured_groups: range
    own: range
    skill: NegativeLogLikelihood | None

    @classmethod
    def of(cls, problem: Problem, config: BalancingConfig, number: int, work: Work = ALONE) -> Repetition:
        """Prepare repetition `number` of a problem."""
        seed = config.seed * 1_000_003 + number
        generator = Generator().manual_seed(seed)
        lanes, start = Lanes.start(problem, generator, config.vectorize)
        fold = problem.folds[number % len(problem.folds)]
        lanes = lanes.tried(start, fold.training(problem.stratified(0, 2), Generator().manual_seed(seed)))
        every = range(len(problem.groups))
        each = max(-(-config.evaluation // len(every)), LEAST_MEASURED)
        parts = blocks(len(every), chunk(config)) if config.is_crowded(len(every)) else (every,)
        measured = tuple(fold.measuring(torch.tensor(part).repeat_interleave(each), generator) for part in parts)
        names = problem.stratified(config.batch, LEAST_OF_EACH)
        share, bounds = shares(problem, config), limits(problem, config)
        prior, wanted = prior_of(problem, config), wanted_of(problem, config)
        trust = trust_of(problem.groups, config.trust)
        return cls(
            *(lanes, start, fold, names, measured, share, prior, bounds, trust, seed, config, wanted, work),
            *(every, every, problem.skill),
        )

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the groups."""
        return self.lanes.groups

    @property
    def is_crowded(self) -> bool:
        """See `BalancingConfig.is_crowded`."""
        return self.config.is_crowded(len(self.groups))

    def answer(self, weights: Tensor) -> Tensor:
        """What a method answers that has found some weights, (k,)."""
        return trusted(weights, self.trust, self.bounds)

    def among(self, own: range) -> Repetition:
        """The same for the lanes of some groups; among many groups they are also measured on these only."""
        if not self.is_crowded:
            return self._replace(own=own)
        size = chunk(self.config)
        measured = self.measured[own.start // size : -(-own.stop // size)]
        return self._replace(own=own, measured_groups=own, measured=measured)

    def cut(self, lanes_of_each: int = 1) -> tuple[range, ...]:
        """Cut the groups into blocks of whole chunks that have few enough lanes, at most `MOST_LANES` of each group."""
        return blocks(len(self.groups), chunk(self.config) * (MOST_LANES // lanes_of_each))

    def batches(self) -> Callable[[], Any]:
        """Start the sequence of training batches from its beginning."""
        if len(self.measured_groups) < len(self.groups):
            return self._partial_batches()
        generator = Generator().manual_seed(self.seed)
        return lambda: self.fold.training(self.names, generator)

    def measuring_batches(self) -> Callable[[], Any]:
        """Start a sequence of batches of the groups that are measured, independent of the training batches."""
        generator, names = Generator().manual_seed(self.seed + 500_009), self.names
        if len(self.measured_groups) < len(self.groups):
            names = torch.tensor(self.measured_groups).repeat_interleave(self._each)
            generator.manual_seed(self.seed + 500_009 + BLOCK * (1 + self.own.start))
        return lambda: self.fold.measuring(names, generator)

    def target(self, batch: Any) -> Callable[[Tensor], Tensor]:
        """Fix a batch to measure on; return the loss in each lane of the group that the lane is for, (m, p) -> (m,)."""
        return self.lanes.own(batch, len(self.measured_groups), self._first)

    def own_losses(self, losses: Tensor) -> Tensor:
        """The loss in each lane of the group that the lane is for, of what `measure` finds, (m, g) to (m,), [nat]."""
        return losses[:, self._first : self._first + len(self.own)].diagonal()

    @property
    def _first(self) -> int:
        """Place of the first own group among those that are measured."""
        return self.own.start - self.measured_groups.start

    @property
    def _each(self) -> int:
        """Pairs of each group in a batch."""
        return len(self.names) // len(self.groups)

    def _partial_batches(self) -> Callable[[], Part]:
        r"""Batches of the own groups and of as many random others, which stand for all others.

        With o own groups, each of r random ones of the k - o others counts :math:`(k - o) / r` times, so that

        .. math:: \mathbb{E} \textstyle\sum_j \alpha_j \hat{\mathcal{L}}_j = \sum_j \alpha_j \mathcal{L}_j
        """
        generator = Generator().manual_seed(self.seed + BLOCK * (1 + self.own.start))
        own = torch.tensor(self.own)
        others = torch.tensor([group for group in range(len(self.groups)) if group not in self.own])
        number = min(max(len(own), self.config.crowd // 2), len(others))
        factor = torch.cat((torch.ones(len(own)), torch.full((number,), len(others) / number)))

        def draw() -> Part:
            chosen = others[torch.randperm(len(others), generator=generator)[:number]]
            groups = torch.cat((own, chosen))
            return Part(self.fold.training(groups.repeat_interleave(self._each), generator), groups, factor)

        return draw

    def watched_groups(self) -> Tensor:
        """Groups whose held-out demonstrations are watched, in rising order.

        They are all; for a block of a crowd its own and `crowd` random others, the same in every repetition.
        """
        every, own = torch.arange(len(self.groups)), self.own
        if len(self.measured_groups) == len(every):
            return every
        others = torch.cat((every[: own.start], every[own.stop :]))
        generator = Generator().manual_seed(self.config.seed + BLOCK * (1 + own.start))
        chosen = others[torch.randperm(len(others), generator=generator)[: self.config.crowd]]
        return torch.cat((every[own.start : own.stop], chosen)).sort().values

    def watch(self) -> Watched:
        """The held-out demonstrations, each with some of its pairs; where nobody knows them, a pair stands for one."""
        held, groups, k = self.fold.held, self.watched_groups(), len(self.groups)
        if held is None:
            each = max(LEAST_MEASURED, self.config.evaluation // k)
            named, number = groups.repeat_interleave(each), torch.arange(each).repeat(len(groups))
            drawn = self.fold.measuring(named, Generator().manual_seed(self.seed))
            return Watched(drawn, torch.arange(len(named)), named, named * each + number)
        inside = torch.isin(held.group, groups).nonzero().flatten()
        # a demonstration of several groups counts in each
        names, member = torch.unique(held.demonstration[inside] * k + held.group[inside], return_inverse=True)
        order = member.argsort(stable=True)
        rank = torch.arange(len(order)) - torch.searchsorted(member[order], member[order])
        every = max(1, len(order) // max(self.config.evaluation, LEAST_OF_EACH * len(names)))
        chosen = order[rank % every == 0]
        group = groups.new_zeros(len(names)).scatter(0, member, held.group[inside])
        return Watched(held.at(held.number[inside[chosen]]), member[chosen], group, names)

    def measures_at(self, step: int) -> bool:
        """Whether losses are measured after this step, counted from 0; always after the last one."""
        return (step + 1) % self.config.evaluate_every == 0 or step + 1 == self.config.steps

    @torch.no_grad()
    def measure(self, theta: Tensor, phase: str, step: int) -> Measurement:
        """Measure the losses of the groups `measured_groups` in each lane.

        Args:
            theta: Networks, (m, p).
            phase: What is being computed, for errors.
            step: Descent step, for errors.

        Raises:
            BalancingError: A loss is not finite; names the phase, the step and the groups.
        """
        parts = [self.lanes.pair_losses(theta, part).double().cpu() for part in self.measured]
        pairs = torch.cat(parts, dim=1).view(len(theta), len(self.measured_groups), -1)
        losses, number = pairs.mean(dim=2), pairs.shape[2]
        refuse_broken(losses, tuple(self.groups[group] for group in self.measured_groups), phase, step)
        return Measurement(losses, pairs.std(dim=2) / sqrt(number))


def chunk(config: BalancingConfig) -> int:
    """Groups that are never cut apart: in every phase they are measured on the same pairs."""
    return max(1, config.lanes_at_once // MOST_LANES)


def wanted_of(problem: Problem, config: BalancingConfig) -> Wanted:
    """What is known of the success of a problem's groups."""
    return Wanted(success_losses(problem.groups, config.success_loss), problem.judged)
