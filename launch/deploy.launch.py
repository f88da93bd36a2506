"""Let a policy drive the arm: policy node, and the simulator if the robot is simulated; with counts also the conductor.

ros2 launch balanced_bc deploy.launch.py robot:=sim checkpoint:=DIR
"""

from balanced_bc.nodes.launching import Given, description, is_simulated, node
from launch import Action, LaunchDescription

ARGUMENTS = (
    "robot",
    "checkpoint",
    "task",
    "behavior",
    "counts",
    "results",
    "seed",
    "real_time_factor",
    "window",
    "device",
    "use_sim_time",
    "autostart",
)


def actions(given: Given) -> list[Action]:
    """Everything that acts."""
    pace = {"real_time_factor": 0.0} if "counts" in given else {}
    world = ("robot", "task", "behavior", "seed", "real_time_factor", "window")
    started = [node("policy", given, ("robot", "checkpoint", "device", "autostart"))]
    if is_simulated(given):
        started.append(node("simulator", given, world, **pace))
    if "counts" in given:
        results = given.get("results", given.get("checkpoint", "policy").rstrip("/") + ".rollouts.yaml")
        started.append(node("conductor", given, ("counts", "seed"), actor="policy", results=results))
    return started


def generate_launch_description() -> LaunchDescription:
    """What ros2 launch asks for."""
    return description(ARGUMENTS, actions)
