"""From a dataset to weights: groups, folds, features, a method, and files that say what was found."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from balanced_bc.balancing.config import BalancingConfig
from balanced_bc.balancing.methods import CLOSED, balance
from balanced_bc.balancing.problem import Fold, Held, Problem, Sampler
from balanced_bc.balancing.result import Balance, Progress
from balanced_bc.learning.batches import Pairs, load_pairs
from balanced_bc.learning.config import EncodingConfig
from balanced_bc.learning.device import keep_freed_memory, one_thread, within
from balanced_bc.learning.errors import LearningError
from balanced_bc.learning.rebalancing import balance_file, balance_picture, exports
from balanced_bc.learning.rebalancing.balance_file import BalanceFile
from balanced_bc.learning.rebalancing.encoded import Encoded, FeaturePolicy, encode
from balanced_bc.learning.rebalancing.held_out import Split, demonstrations, split_of
from balanced_bc.learning.sampling import Members
from balanced_bc.policies.config import PolicyConfig

if TYPE_CHECKING:
    from balanced_bc.demonstrations.dataset import Dataset

ENCODER_SHARE = 0.6
"""Share of a run's time that image encoders take, roughly: for the progress only."""


def rebalance_dataset(
    dataset: Dataset,
    axes: Sequence[str],
    output: Path,
    config: BalancingConfig | None = None,
    policy: PolicyConfig | None = None,
    encoding: EncodingConfig | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[Progress]:
    """Balance a dataset; at the end write balance.yaml, weights.parquet and balance.png.

    Args:
        dataset: Where the demonstrations are.
        axes: Tags that make the groups.
        output: Folder to write into.
        config: Method and its numbers.
        policy: The policy that will be trained with the weights.
        encoding: Size of the networks that balancing trains.
        stop: Asked at every progress; when true, the run ends with the weights so far and a warning.
    """
    config, policy, encoding = config or BalancingConfig(), policy or PolicyConfig(), encoding or EncodingConfig()
    balance_file.refuse_existing(output)
    pairs, fingerprint = load_pairs(dataset, axes, policy), dataset.fingerprint()
    history: list[Progress] = []
    for progress in rebalance(pairs, config, policy, encoding, stop):
        history.append(progress)
        if progress.result is None:
            yield progress
    last = history[-1]
    if last.result is None:
        raise LearningError("balancing ended without an answer")
    written = BalanceFile.of(last.result, pairs, axes, fingerprint, config, policy, encoding)
    exports.write(output, written, [record.index for record in dataset.episodes], pairs)
    weights = balance_file.pair_weights(written, pairs)
    balance_file.write(output, written, weights, balance_picture.draw(written, history))
    yield last


def rebalance(
    pairs: Pairs,
    config: BalancingConfig,
    policy: PolicyConfig,
    encoding: EncodingConfig,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[Progress]:
    """Run a method on pairs; the last progress carries the answer.

    Args:
        pairs: The dataset with its groups.
        config: Method and its numbers.
        policy: The policy that will be trained with the weights.
        encoding: Size of the networks that balancing trains.
        stop: Asked at every progress; when true, the run ends with the weights so far and a warning.
    """
    split = None if config.method in CLOSED else split_of(pairs, config)
    config = config if split is None else replace(config, split=split.name)
    warnings = split.warnings if split else ()
    weights = pairs.proportions()
    for progress in _run(pairs, split, config, policy, encoding):
        weights = progress.weights if progress.phase == "weights" else weights
        if progress.result is None and not stop():
            yield progress
            continue
        answer = progress.result or interrupted(pairs, config, weights, progress.done)
        yield progress._replace(result=answer._replace(warnings=warnings + answer.warnings))
        return


def interrupted(pairs: Pairs, config: BalancingConfig, weights: Tensor, done: float) -> Balance:
    """Answer with the weights so far, and say so."""
    note = f"stopped after {done:.0%} of the run: these are the weights at that moment, not averaged over the run"
    return Balance(config.method, pairs.groups, weights, None, (), weights, weights, {}, (note,))


def problem_of(
    pairs: Pairs, split: Split | None, encoded: Sequence[Encoded], policy: PolicyConfig, noises: int = 0
) -> Problem:
    """State the problem in callables: the balancing room knows nothing of images and datasets.

    Args:
        pairs: The dataset with its groups.
        split: Pairs of each fold; None for methods that only count.
        encoded: Features of all pairs, by the encoder of each fold.
        policy: Architecture of the networks on these features.
        noises: Number of groups that have sigmas of their own; 0 if none has.
    """
    network = FeaturePolicy(encoded[0].features.shape[1] if encoded else 1, policy, noises)
    folds = zip(split.training, split.measuring, encoded) if split else ()
    return Problem(
        groups=pairs.groups,
        pairs=tuple(pairs.counts().tolist()),
        demonstrations=demonstrations(pairs),
        negative_log_likelihood=network.loss,
        initialize=lambda generator: network.fresh(generator),
        folds=tuple(
            Fold(_sampler(pairs, train, all_), _sampler(pairs, measure, all_), _held(pairs, measure, all_))
            for train, measure, all_ in folds
        ),
    )


def _run(
    pairs: Pairs, split: Split | None, config: BalancingConfig, policy: PolicyConfig, encoding: EncodingConfig
) -> Iterator[Progress]:
    """Encode each fold, then balance; the progress of both is that of one run."""
    training = split.training if split else ()
    encoders = ENCODER_SHARE if training and policy.policy == "image" else 0.0
    encoded = []
    for fold, index in enumerate(training):
        features = yield from _encode(pairs, index, policy, encoding, config.seed, fold, encoders / len(training))
        encoded.append(features)
    noises = encoding.noises(config.method, len(pairs.groups))
    problem = problem_of(pairs, split, encoded, encoding.policy(policy), noises)
    keep_freed_memory()
    for progress in within(one_thread, balance(problem, config)):
        yield progress._replace(done=encoders + (1 - encoders) * progress.done)


def _encode(
    pairs: Pairs, index: Tensor, policy: PolicyConfig, encoding: EncodingConfig, seed: int, fold: int, share: float
) -> Generator[Progress, None, Encoded]:
    """Encode one fold; say how far the whole run is."""
    run = encode(pairs, index, policy, encoding, seed + fold)
    while True:
        try:
            now = next(run)
        except StopIteration as end:
            encoded: Encoded = end.value
            return encoded
        losses = torch.tensor([now.losses.get(name, torch.nan) for name in pairs.groups])
        done = share * (fold + now.step / now.steps)
        yield Progress("encoder", fold, now.step, now.steps, done, pairs.proportions(), losses)


def _sampler(pairs: Pairs, index: Tensor, encoded: Encoded) -> Sampler:
    members = Members.of(pairs.group, len(pairs.groups), index)
    return lambda groups, generator: encoded.at(members.draw(groups, generator))


def _held(pairs: Pairs, index: Tensor, encoded: Encoded) -> Held:
    return Held(encoded.at, pairs.group[index], pairs.demonstration[index], index)
