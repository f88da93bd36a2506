"""Train one policy for each of several seeds at once, in one process, and write a checkpoint of each.

    python docs/examples/train_lanes.py --dataset data --output policies
    balanced-bc evaluate --checkpoint policies/seed0 --task picking

With `--weights weights/balance.yaml` all of them are trained with its weights. For several weightings instead of seeds
give `fit_lanes` their `alphas`, and `save_lane` the balance.yaml of each. Every option of `balanced-bc train` exists
here as `--policy.NAME` or `--training.NAME`. Lanes do not resume and do not stop early: docs/trainer.md.
"""

from __future__ import annotations

from pathlib import Path

import tyro

from balanced_bc.demonstrations.dataset import Dataset
from balanced_bc.learning.config import TrainingConfig
from balanced_bc.learning.rebalancing import balance_file
from balanced_bc.learning.training import summary
from balanced_bc.learning.training.lanes import fit_lanes
from balanced_bc.learning.training.train import load_for, save_lane
from balanced_bc.policies.config import PolicyConfig


def main(
    dataset: Path,
    output: Path,
    weights: Path | None = None,
    seeds: tuple[int, ...] = (0, 1, 2),
    policy: PolicyConfig = PolicyConfig(policy="state"),
    training: TrainingConfig = TrainingConfig(),
) -> None:
    """Train, print each lane's table, and write OUTPUT/seedN.

    Args:
        dataset: Folder of the dataset.
        output: Folder of the checkpoints; it must not exist.
        weights: balance.yaml, or its folder; without it every pair counts alike.
        seeds: Seed of each policy.
        policy: Architecture.
        training: Training of every policy.
    """
    demonstrations = Dataset.open(dataset)
    balance = balance_file.read(weights) if weights else None
    pairs = load_for(balance, demonstrations, policy)
    output.mkdir(parents=True)
    for now in fit_lanes(pairs, policy, training, seeds, (balance.alpha if balance else None,)):
        print(f"{now.step} of {now.steps} steps, {now.pairs_per_second:.0f} pairs/s")  # noqa: T201
    for lane in now.lanes:
        path = output / f"seed{lane.config.seed}"
        save_lane(path, lane, demonstrations, pairs, balance)
        print(f"{path}\n{summary.text(lane.last)}")  # noqa: T201


if __name__ == "__main__":
    tyro.cli(main)
