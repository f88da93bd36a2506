"""Weights from Python in one call: a dataset and a grouping go in, weights, references and their history come out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from balanced_bc.balancing.config import BalancingConfig
from balanced_bc.balancing.result import Balance, Progress
from balanced_bc.learning.config import EncodingConfig, FeedbackConfig
from balanced_bc.learning.rebalancing.feedback import Weighed, gather
from balanced_bc.learning.rebalancing.rebalance import rebalance
from balanced_bc.learning.rebalancing.rebalance_dataset import load
from balanced_bc.policies.config import PolicyConfig

if TYPE_CHECKING:
    from balanced_bc.demonstrations.dataset import Dataset


class Fitted(NamedTuple):
    """What a method found.

    Attributes:
        balance: Weights, references, comparison, diagnostics and warnings.
        history: Weights and losses of the groups over time, without those of single lanes.
    """

    balance: Balance
    history: tuple[Progress, ...]

    @property
    def weights(self) -> dict[str, float]:
        """Weight of each group."""
        return dict(zip(self.balance.groups, self.balance.weights.tolist()))


def fit(
    dataset: Dataset,
    axes: Sequence[str],
    config: BalancingConfig | None = None,
    policy: PolicyConfig | None = None,
    encoding: EncodingConfig | None = None,
    feedback: FeedbackConfig | None = None,
) -> Fitted:
    """Balance a dataset and write no weights; `rebalance_dataset` writes, goes on and shares work.

    Pairs that do not fit into memory are mapped from the disk, and so are their features, from a folder for temporary
    files.

    Args:
        dataset: Where the demonstrations are.
        axes: Tags that make the groups.
        config: Method and its numbers.
        policy: The policy that will be trained with the weights.
        encoding: Size of the networks that balancing trains.
        feedback: What is known of policies that were trained on it.

    Raises:
        LearningError: The dataset is empty, nothing can be learned from it, or feedback is not about it.
        BalancingError: The method cannot be run on these groups.
    """
    config, policy, encoding = config or BalancingConfig(), policy or PolicyConfig(), encoding or EncodingConfig()
    history, pairs = list[Progress](), load(dataset, axes, policy, encoding)
    about = Weighed(pairs.groups, dataset.fingerprint(axes), dataset.fingerprint())
    known = gather(feedback or FeedbackConfig(), about)
    with TemporaryDirectory(prefix="balanced-bc-") as folder:
        for now in rebalance(pairs, config, policy, encoding, feedback=known, place=Path(folder)):
            if now.of_groups.weights.numel():
                history.append(now.of_groups)
            last = now.result
    assert last is not None, "balancing ends with its answer"
    return Fitted(last, tuple(history))
