"""From a dataset to weights: groups, folds, features, a method, and files that say what was found."""

from __future__ import annotations

import atexit
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from balanced_bc.balancing.config import BalancingConfig
from balanced_bc.balancing.methods import CLOSED, balance
from balanced_bc.balancing.problem import Fold, Held, Problem, Sampler
from balanced_bc.balancing.repetition import prior_of
from balanced_bc.balancing.result import Balance, Progress, Run
from balanced_bc.balancing.work import ALONE, Work, placed, together
from balanced_bc.learning.batches import Pairs, load_pairs, size_of_images
from balanced_bc.learning.config import EncodingConfig
from balanced_bc.learning.device import one_thread, within
from balanced_bc.learning.errors import LearningError
from balanced_bc.learning.rebalancing import balance_file, balance_picture, exports, quality
from balanced_bc.learning.rebalancing.balance_file import BalanceFile
from balanced_bc.learning.rebalancing.encoded import Encoded, FeaturePolicy, Late, encoded, encoder_of, train_encoder
from balanced_bc.learning.rebalancing.held_out import Split, demonstrations, split_of
from balanced_bc.learning.rebalancing.ledger import Files, kept
from balanced_bc.learning.rebalancing.so_far import SoFar
from balanced_bc.learning.sampling import Members
from balanced_bc.learning.streaming import size_of_pairs, stream_pairs
from balanced_bc.learning.training import memory, parallel
from balanced_bc.learning.training.parallel import Team
from balanced_bc.policies import features
from balanced_bc.policies.config import PolicyConfig

if TYPE_CHECKING:
    from balanced_bc.demonstrations.dataset import Dataset

ENCODER_SHARE = 0.6
"""Share of a run's time that image encoders take, roughly: for the progress only."""
SPARE = ("memory",)
"""Of the encoding's configuration: what may change when a balancing goes on, for the weights do not depend on it."""


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

    While it runs, what is done is kept in the folder OUTPUT.balancing, and the same call goes on from there.
    Under torchrun processes share the work, and only the first one reports and writes.

    Args:
        dataset: Where the demonstrations are.
        axes: Tags that make the groups.
        output: Folder to write into.
        config: Method and its numbers.
        policy: The policy that will be trained with the weights.
        encoding: Size of the networks that balancing trains.
        stop: Asked at every progress; when true, the run ends with the weights so far and a warning. When it raises,
            what is done is kept.
    """
    config, policy, encoding = config or BalancingConfig(), policy or PolicyConfig(), encoding or EncodingConfig()
    balance_file.refuse_existing(output)
    with parallel.joined() as team:
        pairs, fingerprint = load(dataset, axes, policy, encoding), dataset.fingerprint()
        team.require_same(fingerprint, "dataset")
        files = Files(output, _description(fingerprint, axes, config, policy, encoding))
        with kept(team, files, stop) as (work, total):
            episodes = [record.index for record in dataset.episodes]
            run = rebalance(
                *(pairs, config, policy, encoding, stop), work=work, place=_place(team, files), episodes=episodes
            )
            history: list[Progress] = []
            for progress in run:
                now = progress._replace(done=total(progress.done))
                if now.weights.ndim == 1:
                    history.append(now)
                if now.result is None and team.leads:
                    yield now
            last = history[-1]
            if last.result is None:
                raise LearningError("balancing ended without an answer")
            if team.leads:
                written = BalanceFile.of(last.result, pairs, axes, fingerprint, config, policy, encoding)
                exports.write(output, written, episodes, pairs)
                weights = balance_file.pair_weights(written, pairs)
                balance_file.write(output, written, weights, balance_picture.draw(written, history))
        if team.leads:
            yield last


def load(dataset: Dataset, axes: Sequence[str], policy: PolicyConfig, encoding: EncodingConfig) -> Pairs:
    """Load the pairs, into memory or mapped from the disk."""
    needed = size_of_images(dataset, policy) + size_of_pairs(dataset, policy)
    if memory.of_host(encoding.memory, needed) == "disk":
        return stream_pairs(dataset, axes, policy)
    return load_pairs(dataset, axes, policy)


def rebalance(
    pairs: Pairs,
    config: BalancingConfig,
    policy: PolicyConfig,
    encoding: EncodingConfig,
    stop: Callable[[], bool] = lambda: False,
    *,
    work: Work = ALONE,
    place: Path | None = None,
    episodes: Sequence[int] | None = None,
) -> Iterator[Progress]:
    """Run a method on pairs; the last progress carries the answer.

    Args:
        pairs: The dataset with its groups.
        config: Method and its numbers.
        policy: The policy that will be trained with the weights.
        encoding: Size of the networks that balancing trains.
        stop: Asked at every progress; when true, the run ends with the weights so far and a warning.
        work: This process's part of the run, and where pieces that are done are kept.
        place: Folder for features where pairs are mapped from the disk; in memory, if None.
        episodes: Number of each demonstration in the dataset, for warnings; counted from 0, if None.
    """
    split = None if config.method in CLOSED else split_of(pairs, config)
    config = config if split is None else replace(config, split=split.name)
    warnings = (*quality.warnings(pairs, episodes), *(split.warnings if split else ()))
    so_far = SoFar(prior_of(counted(pairs), config), config.method == "remix")
    for progress in _run(pairs, split, config, policy, encoding, work, place if pairs.mapped else None):
        so_far.hear(progress)
        if progress.result is None and not stop():
            yield progress
            continue
        answer = progress.result or interrupted(pairs, config, so_far, progress.done)
        yield progress._replace(weights=answer.weights, result=answer._replace(warnings=warnings + answer.warnings))
        return


def interrupted(pairs: Pairs, config: BalancingConfig, so_far: SoFar, done: float) -> Balance:
    """Answer with the weights so far, and say so."""
    weights = so_far.weights
    note = f"stopped after {done:.0%} of the run: these weights are {so_far.origin}"
    return Balance(config.method, pairs.groups, weights, None, (), weights, weights, {}, (note,))


def counted(pairs: Pairs) -> Problem:
    """The problem as far as it can be counted."""
    return problem_of(pairs, None, (), PolicyConfig(policy="state", hidden=1))


def problem_of(
    pairs: Pairs,
    split: Split | None,
    encoded: Sequence[Encoded],
    policy: PolicyConfig,
    noises: int = 0,
    inputs: int | None = None,
) -> Problem:
    """State the problem in callables: the balancing room knows nothing of images and datasets.

    Args:
        pairs: The dataset with its groups.
        split: Pairs of each fold; None for methods that only count.
        encoded: Features of all pairs, by the encoder of each fold; looked up when they are drawn from.
        policy: Architecture of the networks on these features.
        noises: Number of groups that have sigmas of their own; 0 if none has.
        inputs: Number of features; looked up, if None.
    """
    wide = inputs or (encoded[0].features.shape[1] if encoded else 1)
    network = FeaturePolicy(wide, policy, noises)
    folds = enumerate(zip(split.training, split.measuring)) if split else ()
    return Problem(
        groups=pairs.groups,
        pairs=tuple(pairs.counts().tolist()),
        demonstrations=demonstrations(pairs),
        negative_log_likelihood=network.loss,
        initialize=lambda generator: network.fresh(generator),
        folds=tuple(
            Fold(
                _sampler(pairs, train, fold, encoded),
                _sampler(pairs, measure, fold, encoded),
                _held(pairs, measure, fold, encoded),
            )
            for fold, (train, measure) in folds
        ),
    )


def _run(
    pairs: Pairs,
    split: Split | None,
    config: BalancingConfig,
    policy: PolicyConfig,
    encoding: EncodingConfig,
    work: Work,
    place: Path | None,
) -> Iterator[Progress]:
    """Encode each fold, then balance; the progress of both is that of one run."""
    training = split.training if split else ()
    images = bool(training) and policy.policy == "image"
    encoders, learned = (ENCODER_SHARE if images else 0.0), list[dict[str, Tensor]]()
    if images:
        pieces = [
            partial(_encoder, pairs, index, policy, encoding, config.seed, fold) for fold, index in enumerate(training)
        ]
        learned = yield from placed(together(work, "encoder", pieces), lambda done: encoders * done)

    def encoded_by(fold: int) -> Encoded:
        known = encoder_of(pairs, training[fold], policy, encoding, learned[fold]) if images else None
        return encoded(pairs, policy, known, place and place / f"features-{fold}")

    inputs = policy.history * (features.size(policy) + 3 * encoding.keypoints * len(pairs.images))
    noises = encoding.noises(config.method, len(pairs.groups))
    found = Late(encoded_by, len(training), shared=not images)
    problem = problem_of(pairs, split, found, encoding.policy(policy), noises, inputs)
    for progress in within(one_thread, balance(problem, config, work)):
        yield progress._replace(done=encoders + (1 - encoders) * progress.done)


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


def _sampler(pairs: Pairs, index: Tensor, fold: int, encoded: Sequence[Encoded]) -> Sampler:
    members = Members.of(pairs.group, len(pairs.groups), index)
    return lambda groups, generator: encoded[fold].at(members.draw(groups, generator))


def _held(pairs: Pairs, index: Tensor, fold: int, encoded: Sequence[Encoded]) -> Held:
    return Held(lambda chosen: encoded[fold].at(chosen), pairs.group[index], pairs.demonstration[index], index)


def _place(team: Team, files: Files) -> Path:
    """Where this process maps features from: only the first one writes beside the output."""
    if team.leads:
        return files.folder
    folder = Path(mkdtemp(prefix="balanced-bc-"))
    atexit.register(rmtree, folder, ignore_errors=True)
    return folder


def _description(
    fingerprint: str, axes: Sequence[str], config: BalancingConfig, policy: PolicyConfig, encoding: EncodingConfig
) -> dict[str, Any]:
    """What tells one balancing from every other."""
    small = {name: value for name, value in asdict(encoding).items() if name not in SPARE}
    what = {"balancing": asdict(config), "policy": policy.to_dict(), "encoding": small}
    return {"dataset": fingerprint, "group_by": ",".join(axes), **json.loads(json.dumps(what))}
