"""Behavior cloning: minimize the weighted negative log-likelihood of the demonstrations (Eq. 1-4)."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from math import isfinite

import torch
from torch import Tensor

from balanced_bc.learning.config import TrainingConfig
from balanced_bc.learning.device import Device, choose, keep_freed_memory, one_thread, reproducible, within
from balanced_bc.learning.errors import LearningError
from balanced_bc.learning.pairs import Pairs
from balanced_bc.learning.training import descent, memory, parallel
from balanced_bc.learning.training.draws import Drawing, PairWeight
from balanced_bc.learning.training.feed import Feed
from balanced_bc.learning.training.judged import Judged
from balanced_bc.learning.training.learner import Learner, fresh, under
from balanced_bc.learning.training.parallel import Team
from balanced_bc.learning.training.progress import Progress, shares, warnings
from balanced_bc.learning.training.tally import Tally
from balanced_bc.learning.training.training_state import State, Store
from balanced_bc.learning.training.trial import try_out
from balanced_bc.learning.training.validation import Patience, Validation, deciding
from balanced_bc.policies.config import PolicyConfig
from balanced_bc.policies.policy import Policy

GO_ON, STOP, ABANDON = range(3)
"""What the processes of a training agree on between two steps; the greatest wish counts."""
SMALL = 512
"""Width of the layers of a state policy up to which one thread trains it."""


def fit(
    pairs: Pairs,
    policy_config: PolicyConfig,
    config: TrainingConfig,
    alpha: Mapping[str, float] | None = None,
    stop: Callable[[], bool] = lambda: False,
    *,
    report_now: Callable[[], bool] = lambda: False,
    start: Policy | None = None,
    store: Store | None = None,
    team: Team = parallel.ALONE,
) -> Iterator[Progress]:
    r"""Train a policy.

    Args:
        pairs: What was demonstrated, from `load_pairs` with the same policy configuration.
        policy_config: Architecture.
        config: Training.
        alpha: Weight of each group, :math:`\alpha`; None for plain cloning, :math:`\rho`.
        stop: Asked before each step; when true, training ends with a last report. When it raises, the training is kept
            in `store`, and the exception goes on.
        report_now: Asked before each step; when true, there is a report out of turn, which changes nothing.
        start: Policy to go on from, with its units; None for a fresh one.
        store: Where the training is kept while it runs, and goes on from. It is left open.
        team: Processes that share the work.

    Yields:
        A report every `report_every` steps, and one at the end.

    Raises:
        LearningError: A loss is not finite, the device is missing or full, the training in `store` is another one, or
            it is stopped before its first step.
        PolicyError: A policy of somebody else fails, or answers what cannot be learned from.
    """
    team.require(config.batch_size)

    def run() -> Iterator[Progress]:
        device = choose(config.device, config.precision)
        if device.device.type == "cpu":
            keep_freed_memory()
        try:
            training = _Training(pairs, policy_config, config, alpha, device, start, team)
            yield from training.run(stop, report_now, store)
        except torch.cuda.OutOfMemoryError as error:
            raise memory.full(pairs, device.device) from error

    yield from within(lambda: _computing(policy_config, config), run())


@contextmanager
def _computing(policy_config: PolicyConfig, config: TrainingConfig) -> Iterator[None]:
    """How torch computes while a policy is trained."""
    with one_thread(is_small(policy_config)), reproducible(config.deterministic):
        yield


class _Training:
    """A training from its first step to its last."""

    def __init__(
        self,
        pairs: Pairs,
        policy_config: PolicyConfig,
        config: TrainingConfig,
        alpha: Mapping[str, float] | None,
        device: Device,
        start: Policy | None,
        team: Team,
    ) -> None:
        self.config, self.device, self.groups, self.team = config, device, pairs.groups, team
        drawing = Drawing(pairs, config, alpha)
        self.pair_weight = PairWeight([drawing], device.device)
        self.validation = Validation(pairs, drawing.held_out, config.held_out_pairs)
        self.judged = Judged(pairs, drawing.of_groups)
        self.patience = _patience(config, self.validation, self.judged)
        self.shares = shares(pairs, drawing, self.judged)
        self.warnings = warnings(pairs, self.shares, self.judged, config.held_out)
        policy = fresh(pairs, policy_config, drawing.train, config.seed) if start is None else copy.deepcopy(start)
        placed, where = memory.place(pairs, device.device, config.memory)
        self.feed = Feed(placed, lambda step: team.part(drawing.draw(step)), drawing.generator, device.device)
        try_out(policy, self.feed, drawing.train, device)
        self.learner = Learner(policy, config, device, team)
        self.description = f"{device.description}, {where}" + (f", {team.size} processes" if team.size > 1 else "")
        self.tally = Tally(pairs.groups, device.device)
        self.best: dict[str, Tensor] = {}
        self.reported: Progress | None = None
        self.step = 0

    def run(self, stop: Callable[[], bool], report_now: Callable[[], bool], store: Store | None) -> Iterator[Progress]:
        """Step until the budget is used up or `stop` says so."""
        self.store = store
        self._restore(self.team.told(None if store is None else store.open()))
        while self.step < self.config.steps and not self._ends(stop):
            if report_now():
                yield from self._out_of_turn()
            self._advance()
            if self.step < self.config.steps and self.step % self.config.report_every == 0:
                yield self._report()
            if self.step < self.config.steps and self.step % self.config.checkpoint_every == 0:
                self._save()
        if not self.step:
            raise LearningError("training was stopped before its first step: there is no policy to keep")
        yield self._last_report()

    def _ends(self, stop: Callable[[], bool]) -> bool:
        """Whether some process, or the held-out losses, want training to end."""
        try:
            wish = STOP if stop() or (self.patience and self.patience.is_over) else GO_ON
        except BaseException:
            self.team.greatest(ABANDON)
            self._save()
            raise
        agreed = self.team.greatest(wish)
        if agreed == ABANDON:
            self._save()
            raise KeyboardInterrupt
        return agreed == STOP

    def _advance(self) -> None:
        """Descend on one batch."""
        draw, batch = self.feed.next(self.step)
        groups = draw.groups.to(self.device.device)
        with self.learner.chance(self.step):
            loss = self.learner.loss(batch)
            if self.device.device.type == "cpu":
                self._require_finite(loss.detach(), groups)
            weighted = loss * self.pair_weight.at(self.step)[groups]
            self.learner.descend(weighted.sum() / self.config.batch_size, self.step)
        self.tally.add(groups, loss.detach())
        self.step += 1

    def _require_finite(self, loss: Tensor, groups: Tensor) -> None:
        """Stop before a loss that is not finite reaches the parameters. On a GPU, reports and savings look instead."""
        fine = loss.isfinite()
        if not fine.all():
            names = sorted({self.groups[group] for group in groups[~fine].tolist()})
            raise self._broken(f"the loss of {names} is not finite at step {self.step}")

    def _broken(self, what: str) -> LearningError:
        kept = f"; the last state without it is in {self.store.folder}" if self.store and self.store.has_state else ""
        fast = ", or precision float32" if self.device.bfloat16 else ""
        return LearningError(f"{what}{kept}. Try a learning_rate below {self.config.learning_rate}{fast}")

    def _report(self) -> Progress:
        """Say how far training is, and begin a new stretch."""
        progress = self._progress(self.team)
        if self.patience and self.team.leads and self.patience.keeps(self.step, progress.held_out):
            self.best = {name: value.clone() for name, value in self.learner.average.state_dict().items()}
        self.tally.restart({name: loss for name, loss in progress.losses.items() if name in self.groups})
        self.reported = progress
        return progress

    def _last_report(self) -> Progress:
        """Say how training ended; the best average so far becomes the policy, if training looked for it."""
        report = self.reported
        if report is None or report.step < self.step:
            report = self._report()
        report = report._replace(seconds_left=0.0)
        if not self.patience or not self.best:
            return report
        self.learner.average.load_state_dict(self.best)
        return report._replace(kept=self.patience.step, held_out=dict(self.patience.losses))

    def _out_of_turn(self) -> Iterator[Progress]:
        begun = time.perf_counter()
        yield self._progress(parallel.ALONE)._replace(asked=True)
        self.tally.since += time.perf_counter() - begun

    def _progress(self, team: Team) -> Progress:
        losses, speed = self.tally.read(team)
        if broken := [name for name, loss in losses.items() if not isfinite(loss)]:
            raise self._broken(f"the loss of {broken} is not finite before step {self.step}")
        return Progress(
            step=self.step,
            steps=self.config.steps,
            losses=self.judged.losses(losses),
            held_out=self.judged.losses(self._held_out()) if self.team.leads else {},
            pairs_per_second=speed,
            seconds_left=(self.config.steps - self.step) * self.config.batch_size / speed if speed else 0.0,
            learning_rate=descent.learning_rate(max(self.step - 1, 0), self.config),
            device=self.description,
            policy=self.learner.average,
            kept=self.step,
            shares=self.shares,
            judged=self.judged.names,
            warnings=self.warnings,
        )

    def _held_out(self) -> dict[str, float]:
        self.learner.take_buffers()
        with self.learner.chance(self.config.steps):  # the same draws in every report, and in no step of training
            return self.validation.losses(self.feed.gather, self.learner.loss_of_average)

    def _save(self) -> None:
        """Keep the training, unless it is broken already."""
        if self.store is None:
            return
        if not self.learner.is_finite():
            raise self._broken(f"parameters are not finite at step {self.step}")
        self.store.write(self._state())

    def _state(self) -> State:
        """All that is needed to go on with the same bits."""
        tensors = {
            **self.learner.tensors(),
            **{f"best.{name}": value.cpu() for name, value in self.best.items()},
            "generator": self.feed.state,
            "total": self.tally.total.cpu(),
            "number": self.tally.number.cpu(),
        }
        patience = self.patience.to_dict() if self.patience else {}
        return State(tensors, {"step": self.step, "losses": self.tally.last, "patience": patience})

    def _restore(self, state: State | None) -> None:
        """Go on where the training was."""
        if state is None:
            return
        tensors, numbers = state
        self.learner.restore(tensors)
        self.feed.restore(tensors["generator"])
        self.best = under("best", tensors)
        if self.team.leads:
            self.tally.total.copy_(tensors["total"])
            self.tally.number.copy_(tensors["number"])
        self.tally.earlier = float(tensors["number"].sum())
        if self.patience:
            self.patience.restore(numbers["patience"])
        self.step, self.tally.last = numbers["step"], numbers["losses"]


def is_small(config: PolicyConfig) -> bool:
    """Whether a policy computes so little that a second thread only waits."""
    return config.policy == "state" and not config.plugin and config.hidden <= SMALL


def _patience(config: TrainingConfig, validation: Validation, judged: Judged) -> Patience | None:
    if not config.early_stop:
        return None
    trained_on = deciding(judged.weights)
    known = judged.losses(dict.fromkeys(validation.index, 0.0))
    measured = [name for name in trained_on if name in known]
    if not measured:
        raise LearningError(
            f"early_stop wants held-out demonstrations, and {trained_on} have none to spare: each group with a weight "
            "keeps one for training"
        )
    return Patience(config.early_stop, measured)
