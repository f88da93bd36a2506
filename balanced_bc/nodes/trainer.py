"""trainer: fits a policy to a dataset, says how far it is, and ends with a checkpoint.

Says trainer/progress (labelled numbers) and diagnostics. Service: ~/stop, which keeps the policy so far.
Exit code 0 only when training was done to its end and the checkpoint is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from std_msgs.msg import Float64MultiArray

from balanced_bc.demonstrations.dataset import Dataset
from balanced_bc.learning.config import TrainingConfig
from balanced_bc.learning.fit import Progress
from balanced_bc.learning.train import train_dataset
from balanced_bc.nodes import messages, qos
from balanced_bc.nodes.parameters import declared
from balanced_bc.nodes.run import main_of
from balanced_bc.nodes.worker import Shown, Worker
from balanced_bc.policies.config import PolicyConfig


@dataclass(frozen=True)
class TrainerConfig:
    """From what to what."""

    dataset: Path
    """Folder of the dataset."""
    output: Path
    """Folder of the checkpoint; it must not exist."""
    weights: Path | None = None
    """balance.yaml with the weight of each group, or its folder; empty for plain cloning."""


class Trainer(Worker):
    """Trains once."""

    def __init__(self) -> None:
        super().__init__("trainer")
        self.config = declared(self, TrainerConfig)
        self.training = declared(self, TrainingConfig)
        self.policy = declared(self, PolicyConfig)
        self.says_progress = self.create_publisher(Float64MultiArray, "~/progress", qos.LATCHED)
        self.begin(self.train)

    def train(self, stop: Callable[[], bool]) -> Iterator[Progress]:
        """The work."""
        dataset, weights = Dataset.open(self.config.dataset), self.config.weights
        return train_dataset(dataset, self.config.output, weights, self.policy, self.training, stop)

    def on_report(self, report: Progress) -> Shown:
        """Say step and losses."""
        losses = {f"loss {name}": loss for name, loss in report.losses.items()}
        self.says_progress.publish(messages.labelled({"step": report.step, "steps": report.steps, **losses}))
        spelled = ", ".join(f"{name} {loss:.2f}" for name, loss in report.losses.items())
        note = f"step {report.step} of {report.steps}, loss: {spelled}, {report.pairs_per_second:.0f} pairs/s"
        return Shown(report.step / report.steps, note)


main = main_of(Trainer)

if __name__ == "__main__":
    main()
