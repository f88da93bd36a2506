"""From pairs to weights: folds, features, a method, and the comparison that judges what it found."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from balanced_bc.balancing.comparison import LOST, PHASE, compared
from balanced_bc.balancing.config import BalancingConfig
from balanced_bc.balancing.feedback import Judged, success_losses
from balanced_bc.balancing.methods import CLOSED, beginning
from balanced_bc.balancing.result import Balance, Progress, Run
from balanced_bc.balancing.work import ALONE, Work, placed, together
from balanced_bc.learning import quality
from balanced_bc.learning.config import EncodingConfig
from balanced_bc.learning.device import keep_freed_memory, one_thread, within
from balanced_bc.learning.pairs import Pairs
from balanced_bc.learning.rebalancing.encoded import Encoded, Late, encoded, encoder_of, train_encoder
from balanced_bc.learning.rebalancing.feedback import NOTHING, Feedback
from balanced_bc.learning.rebalancing.formulation import counted, problem_of
from balanced_bc.learning.rebalancing.held_out import Split, demonstrations, split_of, split_to_judge
from balanced_bc.learning.rebalancing.so_far import SoFar
from balanced_bc.policies import features
from balanced_bc.policies.config import HeadName, PolicyConfig
from balanced_bc.policies.making import policy_class

ENCODER_SHARE = 0.6
"""Share of a run's time that image encoders take, roughly: for the progress only."""
DECEPTIVE: tuple[HeadName, ...] = ("heteroscedastic", "bins")
"""Heads of which it was measured that `ours` prefers noisy groups by them (docs/weights.md)."""
UNCOMPARED = "stopped before the weights were compared with plain cloning"
"""Said of weights that are complete but for the comparison."""


def rebalance(
    pairs: Pairs,
    config: BalancingConfig,
    policy: PolicyConfig,
    encoding: EncodingConfig,
    stop: Callable[[], bool] = lambda: False,
    feedback: Feedback = NOTHING,
    *,
    work: Work = ALONE,
    place: Path | None = None,
) -> Iterator[Progress]:
    """Run a method on pairs; the last progress carries the answer.

    Args:
        pairs: The dataset with its groups.
        config: Method and its numbers.
        policy: The policy that will be trained with the weights.
        encoding: Size of the networks that balancing trains.
        stop: Asked at every progress; when true, the run ends with the weights so far and a warning.
        feedback: Policies whose success is known.
        work: This process's part of the run, and where pieces that are done are kept.
        place: Folder for features where pairs are mapped from the disk; in memory, if None.
    """
    success_losses(pairs.groups, config.success_loss)  # refused before anything is trained
    split = None if config.method in CLOSED else split_of(pairs, config)
    config = config if split is None else replace(config, split=split.name)
    judging, lacking = split_to_judge(pairs, config, split)
    of_split = split.warnings if split else ()
    of_run = (*_standing_in(policy, config), *_unsure(policy, config), *_crowded(pairs, config))
    of_data = (*quality.warnings(pairs), *of_run, *of_split, *feedback.warnings)
    so_far = SoFar(beginning(counted(pairs), config), config.method == "remix")
    networks = _Networks(config, policy, encoding, feedback.judged)
    run = _run(pairs, split, judging, networks, work, place if pairs.mapped else None)
    for progress in within(one_thread, run):
        so_far.hear(progress)
        ended = progress.result is not None and progress.phase != PHASE
        if not ended and not stop():
            yield progress._replace(result=None)
            continue
        answer = progress.result or interrupted(pairs, config, so_far)
        of_end = lacking if ended else (_stopped(progress, so_far),)
        answer = answer._replace(warnings=_joined(answer.warnings, (*of_end, *of_data)))
        yield progress._replace(weights=answer.weights, result=answer)
        return


def _standing_in(policy: PolicyConfig, config: BalancingConfig) -> tuple[str, ...]:
    """Warn that the policy of somebody else is not what weights were found with.

    Raises:
        PolicyError: There is no such policy.
    """
    if config.method in CLOSED or not policy.plugin:
        return ()
    policy_class(policy.plugin)
    return (
        f"found with small networks of ours in place of {policy.plugin}, whose loss may ask for other weights; to "
        "balance a loss itself see balanced_bc.balancing.problem.Problem",
    )


def _unsure(policy: PolicyConfig, config: BalancingConfig) -> tuple[str, ...]:
    """Warn of a loss by which noisy groups win weight."""
    if config.method != "ours" or policy.head not in DECEPTIVE:
        return ()
    return (
        f"method ours with the head {policy.head} gives weight to groups with noisy labels, which networks "
        "with such a head learn by heart (docs/weights.md); balance with --head gaussian, or with --method minimax",
    )


def _crowded(pairs: Pairs, config: BalancingConfig) -> tuple[str, ...]:
    """Warn of more groups than a batch has room for."""
    groups = len(pairs.groups)
    if config.method in CLOSED or not config.is_crowded(groups):
        return ()
    few = sorted(demonstrations(pairs))[groups // 2]
    return (
        f"{groups} groups are more than a batch has room for (--crowd {config.crowd}), so a network learns from some "
        f"of them at a time; half of them have {few} demonstrations or fewer. If tags are finer than what a robot "
        "does differently, group by fewer axes",
    )


def _joined(found: tuple[str, ...], of_data: tuple[str, ...]) -> tuple[str, ...]:
    """Warnings of the data first, but for what the comparison says, which is on top of all."""
    return tuple(sorted((*of_data, *found), key=lambda text: not text.startswith(LOST)))


def interrupted(pairs: Pairs, config: BalancingConfig, so_far: SoFar) -> Balance:
    """Answer with the weights so far."""
    return Balance(config.method, pairs.groups, so_far.weights, None, (), {}, ())


def _stopped(last: Progress, so_far: SoFar) -> str:
    """Say what the weights of a run are that was stopped, as its first warning."""
    if last.result is not None:
        return UNCOMPARED
    return (
        f"stopped after {last.done:.0%} of the run: these weights are {so_far.origin}, and they were not compared with "
        "plain cloning"
    )


class _Networks(NamedTuple):
    """What is trained, and how."""

    config: BalancingConfig
    policy: PolicyConfig
    encoding: EncodingConfig
    judged: tuple[Judged, ...]


def _run(
    pairs: Pairs, split: Split | None, judging: Split | None, networks: _Networks, work: Work, place: Path | None
) -> Iterator[Progress]:
    """Encode each fold, then balance, then judge the weights; the progress of all is that of one run."""
    config, policy, encoding, judged = networks
    splits = list({id(one): one for one in (split, judging) if one}.values())
    encoders = ENCODER_SHARE if splits and policy.policy == "image" else 0.0
    found = yield from placed(_encode_all(pairs, splits, networks, work, place), lambda done: encoders * done)
    by_split, small = {id(one): parts for one, parts in zip(splits, found)}, encoding.policy(policy)
    inputs = policy.history * (features.size(policy) + 3 * encoding.keypoints * len(pairs.images))
    problem = problem_of(pairs, split, by_split.get(id(split), ()), small, judged, inputs)
    plain = None
    if judging:
        every = problem_of(pairs, judging, by_split[id(judging)], small, inputs=inputs)
        plain = every.only([group for group in range(len(pairs.groups)) if group not in judging.unjudged])
    keep_freed_memory()
    for progress in compared(problem, config, plain, work):
        yield progress._replace(done=1 - (1 - encoders) * (1 - progress.done))


def _encode_all(
    pairs: Pairs, splits: Sequence[Split], networks: _Networks, work: Work, place: Path | None
) -> Run[list[Late]]:
    """Train the encoder of every fold of every split; features by them, which are computed when they are wanted."""
    config, policy, encoding, _ = networks
    training = [(fold, index) for split in splits for fold, index in enumerate(split.training)]
    images = policy.policy == "image"
    learned = list[dict[str, Tensor]]()
    if images:
        pieces = [partial(_encoder, pairs, index, policy, encoding, config.seed, fold) for fold, index in training]
        learned = yield from together(work, "encoder", pieces)

    def encoded_by(number: int) -> Encoded:
        _, index = training[number]
        known = encoder_of(pairs, index, policy, encoding, learned[number]) if images else None
        return encoded(pairs, policy, known, place and place / f"features-{number}")

    every, sizes = Late(encoded_by, len(training), shared=not images), [len(split.training) for split in splits]
    return [every.part(sum(sizes[:before]), size) for before, size in enumerate(sizes)]


def _encoder(
    pairs: Pairs, index: Tensor, policy: PolicyConfig, encoding: EncodingConfig, seed: int, fold: int, _work: Work
) -> Run[dict[str, Tensor]]:
    """Train the encoder of one fold; its parameters."""
    run = train_encoder(pairs, index, policy, encoding, seed + fold)
    while True:
        try:
            now = next(run)
        except StopIteration as end:
            learned: dict[str, Tensor] = end.value
            return learned
        losses = torch.tensor([now.losses.get(name, torch.nan) for name in pairs.groups])
        yield Progress("encoder", fold, now.step, now.steps, now.step / now.steps, pairs.proportions(), losses)
