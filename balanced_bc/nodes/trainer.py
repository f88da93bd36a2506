"""trainer: fits a policy to a dataset, says how far it is, and ends with a checkpoint.

Says trainer/progress (labelled numbers of the training and of each group), warnings about the data in the log, and
diagnostics. Services: ~/stop, which ends with the policy so far, and
~/checkpoint, which writes the policy so far to OUTPUT-stepNUMBER and goes on. After a signal or a kill, the same
parameters go on where training was (OUTPUT.training).
Exit code 0 only when training was done to its end and the checkpoint is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from std_msgs.msg import Float64MultiArray
from std_srvs.srv import Trigger

from balanced_bc.demonstrations.dataset import Dataset
from balanced_bc.errors import BalancedBCError
from balanced_bc.learning.config import TrainingConfig
from balanced_bc.learning.training import summary
from balanced_bc.learning.training.progress import Progress
from balanced_bc.learning.training.requests import Requests
from balanced_bc.learning.training.train import train_dataset
from balanced_bc.nodes import messages, qos
from balanced_bc.nodes.parameters import declared
from balanced_bc.nodes.run import main_of
from balanced_bc.nodes.worker import Shown, Worker
from balanced_bc.policies.config import PolicyConfig

PATIENCE = 20.0
"""How long ~/checkpoint waits for the step that is being taken, [s]."""


@dataclass(frozen=True)
class TrainerConfig:
    """From what to what."""

    dataset: Path
    """Folder of the dataset."""
    output: Path
    """Folder of the checkpoint; it must not exist."""
    weights: Path | None = None
    """balance.yaml with the weight of each group, or its folder; empty for plain cloning."""
    init: Path | None = None
    """Checkpoint to start from; empty for a fresh policy."""


class Trainer(Worker):
    """Trains once."""

    def __init__(self) -> None:
        super().__init__("trainer")
        self.config = declared(self, TrainerConfig)
        self.training = declared(self, TrainingConfig)
        self.policy = declared(self, PolicyConfig)
        self.says_progress = self.create_publisher(Float64MultiArray, "~/progress", qos.LATCHED)
        self.requests, self.told = Requests(), set[str]()
        self.create_service(Trigger, "~/checkpoint", self.on_checkpoint)
        self.begin(self.train)

    def train(self, stop: Callable[[], bool]) -> Iterator[Progress]:
        """The work."""
        where, how = self.config, (self.policy, self.training)
        dataset = Dataset.open(where.dataset)
        return train_dataset(dataset, where.output, where.weights, *how, stop, init=where.init, requests=self.requests)

    def on_checkpoint(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        """~/checkpoint."""
        try:
            response.success, response.message = True, f"wrote {self.requests.ask(PATIENCE)}"
        except BalancedBCError as error:
            response.success, response.message = False, str(error)
        return response

    def on_report(self, report: Progress) -> Shown:
        """Say step, losses, speed and what each group brings; at first also what may be wrong with the data."""
        for warning in (one for one in report.warnings if one not in self.told):
            self.get_logger().warning(warning)
        self.told.update(report.warnings)
        self.says_progress.publish(messages.labelled(summary.numbers(report)))
        done, note = summary.reading(report)
        return Shown(done, f"step {report.step} of {report.steps}, {note}, {summary.pace(report)}")

    def on_end(self, last: Progress | None) -> None:
        """Say what came out, as the command does."""
        if last is not None:
            self.get_logger().info(f"wrote {self.config.output}\n{summary.text(last)}")


main = main_of(Trainer)

if __name__ == "__main__":
    main()
