"""The problem that balancing is given: a dataset's groups, networks on features, and pairs to draw, as callables."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from balanced_bc.balancing.feedback import Judged
from balanced_bc.balancing.problem import Fold, Held, Problem, Sampler
from balanced_bc.learning.pairs import Pairs
from balanced_bc.learning.rebalancing.encoded import Encoded, FeaturePolicy
from balanced_bc.learning.rebalancing.held_out import Split, demonstrations
from balanced_bc.learning.sampling import Members
from balanced_bc.policies.config import PolicyConfig


def counted(pairs: Pairs) -> Problem:
    """The problem as far as it can be counted."""
    return problem_of(pairs, None, (), PolicyConfig(policy="state", hidden=1))


def problem_of(
    pairs: Pairs,
    split: Split | None,
    encoded: Sequence[Encoded],
    policy: PolicyConfig,
    judged: tuple[Judged, ...] = (),
    inputs: int | None = None,
) -> Problem:
    """State the problem in callables: the balancing room knows nothing of images and datasets.

    Args:
        pairs: The dataset with its groups.
        split: Pairs of each fold; None for methods that only count.
        encoded: Features of all pairs, by the encoder of each fold; looked up when they are drawn from.
        policy: Architecture of the networks on these features.
        judged: Policies whose success is known.
        inputs: Number of features; looked up, if None.
    """
    wide = inputs or (encoded[0].features.shape[1] if encoded else 1)
    network = FeaturePolicy(wide, policy)
    folds = enumerate(zip(split.training, split.measuring)) if split else ()
    return Problem(
        groups=pairs.groups,
        pairs=tuple(pairs.counts().tolist()),
        demonstrations=demonstrations(pairs),
        negative_log_likelihood=network.loss,
        initialize=lambda generator: network.fresh(generator),
        skill=network.skill,
        folds=tuple(
            Fold(
                _sampler(pairs, train, fold, encoded),
                _sampler(pairs, measure, fold, encoded),
                _held(pairs, measure, fold, encoded),
            )
            for fold, (train, measure) in folds
        ),
        pull=None if policy.head == "bins" else network.pull,
        judged=judged,
        behaviors=pairs.behaviors,
    )


def _sampler(pairs: Pairs, index: Tensor, fold: int, encoded: Sequence[Encoded]) -> Sampler:
    members = Members.of(pairs.group, len(pairs.groups), index)
    return lambda groups, generator: encoded[fold].at(members.draw(groups, generator))


def _held(pairs: Pairs, index: Tensor, fold: int, encoded: Sequence[Encoded]) -> Held:
    return Held(
        *(lambda chosen: encoded[fold].at(chosen), pairs.group[index], pairs.demonstration[index], index),
        lambda chosen: encoded[fold].features[chosen],
    )
