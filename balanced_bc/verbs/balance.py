"""The verb `balance`: a weight for each group."""

from __future__ import annotations

from pathlib import Path

from tyro.conf import OmitArgPrefixes

from balanced_bc.balancing.config import BalancingConfig
from balanced_bc.demonstrations.tags import parse_axes
from balanced_bc.learning.config import EncodingConfig, FeedbackConfig
from balanced_bc.policies.config import PolicyConfig
from balanced_bc.printing import console, print_text, shown
from balanced_bc.tables import aligned


def balance(
    dataset: Path,
    output: Path,
    group_by: str = "behavior",
    balancing: OmitArgPrefixes[BalancingConfig] = BalancingConfig(),
    policy: OmitArgPrefixes[PolicyConfig] = PolicyConfig(),
    encoding: EncodingConfig = EncodingConfig(),
    feedback: OmitArgPrefixes[FeedbackConfig] = FeedbackConfig(),
) -> None:
    """Find a weight for each group; write balance.yaml, report.html, balance.png and weights.parquet.

    After an interruption the same command goes on. Under torchrun processes share the work.

    Args:
        dataset: Folder of the dataset.
        output: Folder to write to.
        group_by: Axes of tags that make the groups, separated by commas.
        balancing: The method and its numbers.
        policy: The policy that will be trained with the weights.
        encoding: The small networks that balancing trains.
        feedback: What is known of policies that were trained on the dataset.
    """
    from balanced_bc.demonstrations.dataset import Dataset
    from balanced_bc.learning.interruption import interruption
    from balanced_bc.learning.rebalancing import balance_file, explanation, row
    from balanced_bc.learning.rebalancing.rebalance_dataset import rebalance_dataset
    from balanced_bc.learning.training import parallel

    console.quiet = parallel.rank() > 0
    opened = Dataset.open(dataset)
    with interruption() as stop:
        runs = rebalance_dataset(opened, parse_axes(group_by), output, balancing, policy, encoding, stop, feedback)
        for _ in shown(runs, "balancing", lambda now: (now.done, now.phase)):
            pass
    if parallel.rank() > 0:
        return
    found = balance_file.read(output)
    for warning in found.warnings:
        print_text(f"warning: {warning}")
    print_text(aligned(row.table(found.groups)))
    if found.comparison:
        print_text(explanation.compared(found))
