"""Record demonstrations: simulator or robot, demonstrator and recorder; with counts also the conductor.

ros2 launch balanced_bc record.launch.py robot:=sim dataset:=DIR counts:=slider=6,drawer=20
"""

from balanced_bc.nodes.launching import Given, description, is_simulated, node
from launch import Action, LaunchDescription

ARGUMENTS = (
    "robot",
    "dataset",
    "task",
    "behavior",
    "quality",
    "counts",
    "results",
    "keep_failures",
    "seed",
    "real_time_factor",
    "window",
    "use_sim_time",
    "autostart",
)


def actions(given: Given) -> list[Action]:
    """Everything that records."""
    pace = {"real_time_factor": 0.0} if "counts" in given else {}
    quality = given.get("quality", "optimal" if is_simulated(given) else "")
    dataset = given.get("dataset", "dataset").rstrip("/")
    started = [node("recorder", given, ("robot", "autostart"), dataset=dataset, **tags(quality))]
    if is_simulated(given):
        world = ("robot", "task", "behavior", "seed", "real_time_factor", "window")
        disturbance = {"disturbance": 1.0} if quality == "perturbed" else {}
        started.append(node("simulator", given, world, **pace, **disturbance))
        started.append(node("demonstrator", given, ("robot", "task", "quality", "seed")))
    if "counts" in given:
        results = given.get("results", f"{dataset}.takes.yaml")
        keep = {"keep_failures": True} if quality == "misleading" else {}
        started.append(node("conductor", given, ("counts", "seed", "keep_failures"), results=results, **keep))
    return started


def tags(quality: str) -> dict[str, list[str]]:
    """Tags of what is recorded: the scripted demonstrator's quality is known, a person's is what they say."""
    return {"tags": [f"quality={quality}"]} if quality else {}


def generate_launch_description() -> LaunchDescription:
    """What ros2 launch asks for."""
    return description(ARGUMENTS, actions)
