"""Compute the weights of a dataset's groups.

ros2 launch balanced_bc balance.launch.py dataset:=DIR

Without output the weights go into the dataset's folder.
"""

from balanced_bc.nodes.launching import Given, description, node
from launch import Action, LaunchDescription

ARGUMENTS = ("dataset", "output", "method", "compare", "group_by", "policy", "seed")


def actions(given: Given) -> list[Action]:
    """The balancer, which ends by itself."""
    default = {"output": given["dataset"]} if "dataset" in given else {}
    return [node("balancer", given, ARGUMENTS, use_sim_time=False, **default)]


def generate_launch_description() -> LaunchDescription:
    """What ros2 launch asks for."""
    return description(ARGUMENTS, actions)
