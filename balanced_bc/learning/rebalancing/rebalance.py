"""From a dataset to weights: groups, folds, features, a method, and files that say what was found."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from balanced_bc.balancing.comparison import LOST, PHASE, compared
from balanced_bc.balancing.config import BalancingConfig
from balanced_bc.balancing.feedback import Judged
from balanced_bc.balancing.methods import CLOSED
from balanced_bc.balancing.problem import Fold, Held, Problem, Sampler
from balanced_bc.balancing.result import Balance, Progress
from balanced_bc.learning.batches import Pairs, load_pairs
from balanced_bc.learning.config import EncodingConfig, FeedbackConfig
from balanced_bc.learning.device import keep_freed_memory, one_thread, within
from balanced_bc.learning.errors import LearningError
from balanced_bc.learning.rebalancing import balance_file, balance_picture, exports, report
from balanced_bc.learning.rebalancing import history as told
from balanced_bc.learning.rebalancing.balance_file import BalanceFile
from balanced_bc.learning.rebalancing.encoded import Encoded, FeaturePolicy, encode
from balanced_bc.learning.rebalancing.feedback import NOTHING, Feedback, Weighed, gather
from balanced_bc.learning.rebalancing.held_out import Split, demonstrations, split_of, split_to_judge
from balanced_bc.learning.sampling import Members
from balanced_bc.policies.config import PolicyConfig

if TYPE_CHECKING:
    from balanced_bc.demonstrations.dataset import Dataset

ENCODER_SHARE = 0.6
"""Share of a run's time that image encoders take, roughly: for the progress only."""
UNCOMPARED = "stopped before the weights were compared with plain cloning"
"""Said of weights that are complete but for the comparison."""


def rebalance_dataset(
    dataset: Dataset,
    axes: Sequence[str],
    output: Path,
    config: BalancingConfig | None = None,
    policy: PolicyConfig | None = None,
    encoding: EncodingConfig | None = None,
    stop: Callable[[], bool] = lambda: False,
    feedback: FeedbackConfig | None = None,
) -> Iterator[Progress]:
    """Balance a dataset; at the end write balance.yaml and what lies beside it.

    Args:
        dataset: Where the demonstrations are.
        axes: Tags that make the groups.
        output: Folder to write into.
        config: Method and its numbers.
        policy: The policy that will be trained with the weights.
        encoding: Size of the networks that balancing trains.
        stop: Asked at every progress; when true, the run ends with the weights so far and a warning.
        feedback: What is known of policies that were trained on it.
    """
    config, policy, encoding = config or BalancingConfig(), policy or PolicyConfig(), encoding or EncodingConfig()
    balance_file.refuse_existing(output)
    pairs, fingerprint = load_pairs(dataset, axes, policy), dataset.fingerprint()
    history: list[Progress] = []
    known = gather(feedback or FeedbackConfig(), Weighed(pairs.groups, fingerprint))
    for progress in rebalance(pairs, config, policy, encoding, stop, known):
        history.append(progress)
        if progress.result is None:
            yield progress
    last = history[-1]
    if last.result is None:
        raise LearningError("balancing ended without an answer")
    period = dataset.contract.period
    written = BalanceFile.of(last.result, pairs, axes, fingerprint, config, policy, encoding, feedback, period)
    exports.write(output, written, [record.index for record in dataset.episodes], pairs)
    weights = balance_file.pair_weights(written, pairs)
    told.write(output, told.traces(history), written.groups)
    balance_file.write(output, written, weights, balance_picture.draw(written, history))
    report.write(output / report.NAME, output)
    yield last


def rebalance(
    pairs: Pairs,
    config: BalancingConfig,
    policy: PolicyConfig,
    encoding: EncodingConfig,
    stop: Callable[[], bool] = lambda: False,
    feedback: Feedback = NOTHING,
) -> Iterator[Progress]:
    """Run a method on pairs; the last progress carries the answer.

    Args:
        pairs: The dataset with its groups.
        config: Method and its numbers.
        policy: The policy that will be trained with the weights.
        encoding: Size of the networks that balancing trains.
        stop: Asked at every progress; when true, the run ends with the weights so far and a warning.
        feedback: Policies whose success is known.
    """
    split = None if config.method in CLOSED else split_of(pairs, config)
    config = config if split is None else replace(config, split=split.name)
    judging, lacking = split_to_judge(pairs, config, split)
    warnings = (split.warnings if split else ()) + lacking + feedback.warnings
    weights = pairs.proportions()
    for progress in _run(pairs, split, judging, config, policy, encoding, feedback.judged):
        weights = progress.weights if progress.phase == "weights" else weights
        ended = progress.result is not None and progress.phase != PHASE
        if not ended and not stop():
            yield progress._replace(result=None)
            continue
        answer = progress.result or interrupted(pairs, config, weights, progress.done)
        if progress.result and not ended:
            answer = answer._replace(warnings=(UNCOMPARED, *answer.warnings))
        yield progress._replace(result=answer._replace(warnings=_joined(answer.warnings, warnings)))
        return


def _joined(found: tuple[str, ...], of_split: tuple[str, ...]) -> tuple[str, ...]:
    """Warnings of the split first, but for what the comparison says, which is on top of all."""
    return tuple(sorted((*of_split, *found), key=lambda text: not text.startswith(LOST)))


def interrupted(pairs: Pairs, config: BalancingConfig, weights: Tensor, done: float) -> Balance:
    """Answer with the weights so far, and say so."""
    note = f"stopped after {done:.0%} of the run: these are the weights at that moment, not averaged over the run"
    return Balance(config.method, pairs.groups, weights, None, (), weights, weights, {}, (note,))


def problem_of(
    pairs: Pairs,
    split: Split | None,
    encoded: Sequence[Encoded],
    policy: PolicyConfig,
    noises: int = 0,
    judged: tuple[Judged, ...] = (),
) -> Problem:
    """State the problem in callables: the balancing room knows nothing of images and datasets.

    Args:
        pairs: The dataset with its groups.
        split: Pairs of each fold; None for methods that only count.
        encoded: Features of all pairs, by the encoder of each fold.
        policy: Architecture of the networks on these features.
        noises: Number of groups that have sigmas of their own; 0 if none has.
        judged: Policies whose success is known.
    """
    network = FeaturePolicy(encoded[0].features.shape[1] if encoded else 1, policy, noises)
    folds = zip(split.training, split.measuring, encoded) if split else ()
    return Problem(
        groups=pairs.groups,
        pairs=tuple(pairs.counts().tolist()),
        demonstrations=demonstrations(pairs),
        negative_log_likelihood=network.loss,
        initialize=lambda generator: network.fresh(generator),
        skill=network.skill,
        folds=tuple(
            Fold(_sampler(pairs, train, all_), _sampler(pairs, measure, all_), _held(pairs, measure, all_))
            for train, measure, all_ in folds
        ),
        pull=None if policy.head == "bins" else network.pull,
        judged=judged,
    )


def _run(
    pairs: Pairs,
    split: Split | None,
    judging: Split | None,
    config: BalancingConfig,
    policy: PolicyConfig,
    encoding: EncodingConfig,
    judged: tuple[Judged, ...],
) -> Iterator[Progress]:
    """Encode each fold, then balance, then judge the weights; the progress of all is that of one run."""
    splits = list({id(one): one for one in (split, judging) if one}.values())
    encoders = ENCODER_SHARE if splits and policy.policy == "image" else 0.0
    found = yield from _encode_all(pairs, splits, policy, encoding, config.seed, encoders)
    encoded, small = {id(one): parts for one, parts in zip(splits, found)}, encoding.policy(policy)
    noises = encoding.noises(config.method, len(pairs.groups))
    problem = problem_of(pairs, split, encoded.get(id(split), []), small, noises, judged)
    plain = problem_of(pairs, judging, encoded[id(judging)], small) if judging else None
    keep_freed_memory()
    for progress in within(one_thread, compared(problem, config, plain)):
        yield progress._replace(done=1 - (1 - encoders) * (1 - progress.done))


def _encode_all(
    pairs: Pairs,
    splits: Sequence[Split],
    policy: PolicyConfig,
    encoding: EncodingConfig,
    seed: int,
    share: float,
) -> Generator[Progress, None, list[list[Encoded]]]:
    """Encode every fold of every split; `share` is how much of the whole run that is."""
    total, found = sum(len(split.training) for split in splits), list[list[Encoded]]()
    for split in splits:
        before, parts = sum(map(len, found)), list[Encoded]()
        for fold, index in enumerate(split.training):
            place = share * (before + fold) / total, share / total
            parts.append((yield from _encode(pairs, index, policy, encoding, seed + fold, fold, place)))
        found.append(parts)
    return found


def _encode(
    pairs: Pairs,
    index: Tensor,
    policy: PolicyConfig,
    encoding: EncodingConfig,
    seed: int,
    fold: int,
    place: tuple[float, float],
) -> Generator[Progress, None, Encoded]:
    """Encode one fold; say how far the whole run is, from where this starts in it and how much of it this is."""
    run, (start, share) = encode(pairs, index, policy, encoding, seed), place
    while True:
        try:
            now = next(run)
        except StopIteration as end:
            encoded: Encoded = end.value
            return encoded
        losses = torch.tensor([now.losses.get(name, torch.nan) for name in pairs.groups])
        done = start + share * now.step / now.steps
        yield Progress("encoder", fold, now.step, now.steps, done, pairs.proportions(), losses)


def _sampler(pairs: Pairs, index: Tensor, encoded: Encoded) -> Sampler:
    members = Members.of(pairs.group, len(pairs.groups), index)
    return lambda groups, generator: encoded.at(members.draw(groups, generator))


def _held(pairs: Pairs, index: Tensor, encoded: Encoded) -> Held:
    return Held(encoded.at, pairs.group[index], pairs.demonstration[index], index, lambda at: encoded.features[at])
