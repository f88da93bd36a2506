"""The verb `train`: from demonstrations and weights to a checkpoint."""

from __future__ import annotations

from pathlib import Path

from tyro.conf import OmitArgPrefixes

from balanced_bc.learning.config import TrainingConfig
from balanced_bc.policies.config import PolicyConfig
from balanced_bc.printing import console, print_text, shown


def train(
    dataset: Path,
    output: Path,
    weights: Path | None = None,
    init: Path | None = None,
    policy: OmitArgPrefixes[PolicyConfig] = PolicyConfig(),
    training: OmitArgPrefixes[TrainingConfig] = TrainingConfig(),
) -> None:
    """Fit a policy, on a GPU where there is one, and write its checkpoint; after an interruption go on.

    Args:
        dataset: Folder of the dataset.
        output: Folder of the checkpoint.
        weights: balance.yaml, or its folder; without it every pair counts alike.
        init: Checkpoint to start from; without it the policy is fresh.
        policy: Architecture.
        training: Training.
    """
    from balanced_bc.demonstrations.dataset import Dataset
    from balanced_bc.learning.interruption import interruption
    from balanced_bc.learning.training import parallel, summary
    from balanced_bc.learning.training.train import train_dataset

    console.quiet = parallel.rank() > 0
    with interruption() as stop:
        runs = train_dataset(Dataset.open(dataset), output, weights, policy, training, stop, init=init)
        last = None
        for report in shown(runs, "training", summary.reading, summary.pace):
            first = last is None and report.step < report.steps
            for warning in report.warnings if first else ():
                print_text(f"warning: {warning}")
            last = report
    if last is not None:
        print_text(summary.text(last))
        print_text(f"wrote {output}")
