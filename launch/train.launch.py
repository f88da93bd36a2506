"""Train a policy on a dataset.

ros2 launch balanced_bc train.launch.py dataset:=DIR weights:=DIR/balance.yaml output:=DIR
"""

from balanced_bc.nodes.launching import Given, description, node
from launch import Action, LaunchDescription

ARGUMENTS = ("dataset", "weights", "output", "policy", "seed", "device")


def actions(given: Given) -> list[Action]:
    """The trainer, which ends by itself."""
    return [node("trainer", given, ARGUMENTS, use_sim_time=False)]


def generate_launch_description() -> LaunchDescription:
    """What ros2 launch asks for."""
    return description(ARGUMENTS, actions)
