"""Train a policy on a dataset.

ros2 launch balanced_bc train.launch.py dataset:=DIR weights:=DIR/balance.yaml output:=DIR

Without output the checkpoint goes beside the dataset, into DATASET.policy.
"""

from balanced_bc.nodes.launching import Given, description, node
from launch import Action, LaunchDescription

ARGUMENTS = ("dataset", "weights", "warming", "output", "policy", "seed", "device")


def actions(given: Given) -> list[Action]:
    """The trainer, which ends by itself."""
    default = {"output": given["dataset"].rstrip("/") + ".policy"} if "dataset" in given else {}
    return [node("trainer", given, ARGUMENTS, use_sim_time=False, **default)]


def generate_launch_description() -> LaunchDescription:
    """What ros2 launch asks for."""
    return description(ARGUMENTS, actions)
