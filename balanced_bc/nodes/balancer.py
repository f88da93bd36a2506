"""balancer: finds a weight for each group of a dataset, and ends with balance.yaml and a picture.

Says balancer/weights (labelled, latched), balancer/progress (labelled, latched) and diagnostics.
Service: ~/stop, which ends with the best weights so far. After a signal or a kill, the same parameters go on where
balancing was (OUTPUT.balancing).
Exit code 0 only when the method was run to its end and the files are written; 1 after ~/stop or a signal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rclpy.duration import Duration
from std_msgs.msg import Float64MultiArray

from balanced_bc.balancing.config import BalancingConfig
from balanced_bc.balancing.result import Progress
from balanced_bc.demonstrations.dataset import Dataset
from balanced_bc.demonstrations.tags import BEHAVIOR
from balanced_bc.learning.config import EncodingConfig, FeedbackConfig
from balanced_bc.learning.rebalancing.rebalance_dataset import rebalance_dataset
from balanced_bc.nodes import messages, qos
from balanced_bc.nodes.parameters import declared
from balanced_bc.nodes.run import main_of
from balanced_bc.nodes.worker import Shown, Worker
from balanced_bc.policies.config import PolicyConfig

HEARD_WITHIN = Duration(seconds=5.0)
"""How long the node stays until all who listen have the weights."""


@dataclass(frozen=True)
class BalancerConfig:
    """From what to what."""

    dataset: Path
    """Folder of the dataset."""
    output: Path
    """Folder for balance.yaml, report.html, weights.parquet and balance.png; it must hold no weights yet."""
    group_by: tuple[str, ...] = (BEHAVIOR,)
    """Axes of tags whose product makes the groups."""


class Balancer(Worker):
    """Balances once."""

    def __init__(self) -> None:
        super().__init__("balancer")
        self.config = declared(self, BalancerConfig)
        self.balancing = declared(self, BalancingConfig)
        self.policy = declared(self, PolicyConfig)
        self.encoding = declared(self, EncodingConfig, group="encoding")
        self.feedback = declared(self, FeedbackConfig)
        self.says_weights = self.create_publisher(Float64MultiArray, "~/weights", qos.LATCHED)
        self.says_progress = self.create_publisher(Float64MultiArray, "~/progress", qos.LATCHED)
        self.begin(self.balance)

    def balance(self, stop: Callable[[], bool]) -> Iterator[Progress]:
        """The work."""
        dataset, output = Dataset.open(self.config.dataset), self.config.output
        return rebalance_dataset(
            dataset, self.config.group_by, output, self.balancing, self.policy, self.encoding, stop, self.feedback
        )

    def on_report(self, report: Progress) -> Shown:
        """Say how far it is, and the weights when they are there."""
        said = {"done": report.done, "repetition": report.repetition, "step": report.step, "steps": report.steps}
        self.says_progress.publish(messages.labelled(said))
        if report.result is None:
            return Shown(report.done, f"{report.phase}, step {report.step} of {report.steps}")
        weights = dict(zip(report.result.groups, report.result.weights.tolist()))
        self.says_weights.publish(messages.labelled(weights))
        for warning in report.result.warnings:
            self.get_logger().warning(warning)
        return Shown(report.done, _spelled(report))

    def on_end(self, last: Progress | None) -> None:
        """Say what came out, as the command does."""
        if last is not None:
            self.get_logger().info(f"wrote {self.config.output}: {_spelled(last)}")

    def close(self) -> None:
        """End; the weights were heard by all who listen."""
        super().close()
        self.says_weights.wait_for_all_acked(HEARD_WITHIN)


def _spelled(report: Progress) -> str:
    """The weights of an answer in words."""
    assert report.result is not None, "the last report has the answer"
    weights = zip(report.result.groups, report.result.weights.tolist())
    return ", ".join(f"{name} {weight:.3f}" for name, weight in weights)


main = main_of(Balancer)

if __name__ == "__main__":
    main()
