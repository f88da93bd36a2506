"""What our launch files share: arguments with descriptions, and nodes that are found installed for ROS or not.

An argument that is not given is not passed on, so that defaults stay where they are: in the configuration of each
node, or in the params_file. An argument that is given wins over the params_file.

`ros2 launch` ends with 0 only when every node ended with 0, so that a script can tell whether all of it was done.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from launch.actions import DeclareLaunchArgument, OpaqueFunction, Shutdown
from launch.events.process import ProcessExited
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from balanced_bc.nodes.errors import NodeError
from balanced_bc.nodes.robots import robot, robots
from balanced_bc.nodes.share import PACKAGE
from launch import Action, LaunchContext, LaunchDescription

Given = Mapping[str, str]
"""Arguments that were given, by name."""
ROBOT = "sim"
"""Robot when none is given."""
BOOLEANS = {"true": True, "false": False}


class Argument(NamedTuple):
    """One argument of a launch file.

    Attributes:
        description: What it is, for people.
        kind: Type of the parameter that it becomes.
        choices: Values that exist; empty when any value may be.
    """

    description: str
    kind: type = str
    choices: tuple[str, ...] = ()


ARGUMENTS = {
    "robot": Argument("Robot: a file in config/robots/."),
    "params_file": Argument("YAML file with parameters of the nodes; arguments that are given win over it."),
    "namespace": Argument("Namespace of all nodes."),
    "use_sim_time": Argument(
        "Take time from /clock (default: true for robots that are simulated).", bool, tuple(BOOLEANS)
    ),
    "autostart": Argument("Lifecycle nodes bring themselves up (default: true).", bool, tuple(BOOLEANS)),
    "log_level": Argument("Log level.", str, ("debug", "info", "warn", "error", "fatal")),
    "task": Argument("Task of the simulated world: opening or picking."),
    "behavior": Argument("Behavior that the simulated world asks for; not given: drawn at every reset."),
    "quality": Argument(
        "Kind of scripted demonstrator (docs/world.md), and tag of what is recorded; perturbed disturbs the arm.",
        str,
    ),
    "counts": Argument("Takes to do without a person, as in slider=6,drawer=20; not given: services start each take."),
    "seed": Argument("Seed of everything that is drawn.", int),
    "real_time_factor": Argument("Simulated seconds per second; 0 is as fast as the machine allows.", float),
    "window": Argument("Show the simulated world in a window.", bool, tuple(BOOLEANS)),
    "dataset": Argument("Folder of the dataset; where it is recorded, not given: dataset."),
    "keep_failures": Argument(
        "Save demonstrations that failed, tagged success=false (default: only for misleading).",
        bool,
        tuple(BOOLEANS),
    ),
    "results": Argument("YAML file of what was done, take by take; not given: beside the dataset or the checkpoint."),
    "group_by": Argument("Axes of tags that make the groups, as in behavior or behavior,quality.", list),
    "method": Argument("Method of the weights: imbalanced, equal, temperature, zero, remix, ours or minimax."),
    "compare": Argument(
        "Judge the weights on held-out demonstrations beside others.", str, ("auto", "none", "quick", "full")
    ),
    "weights": Argument("balance.yaml with the weights of each group; not given: plain cloning."),
    "warming": Argument(
        "Whether the weights hold from the first step on, or move there over the training from the dataset's shares.",
        str,
        ("none", "cosine"),
    ),
    "policy": Argument("What the policy sees.", str, ("image", "state")),
    "device": Argument("Where to compute: auto, cuda or cpu."),
    "checkpoint": Argument("Folder of the checkpoint. Needed."),
    "output": Argument("Folder to write."),
}
EVERYWHERE = ("params_file", "namespace", "log_level")


def description(names: Iterable[str], actions: Callable[[Given], list[Action]]) -> LaunchDescription:
    """A launch file.

    Args:
        names: Arguments that it has beside those of every launch file.
        actions: From the arguments that were given to what is started.
    """
    known = (*names, *EVERYWHERE)

    def act(context: LaunchContext) -> list[Action]:
        values = {name: str(LaunchConfiguration(name).perform(context)) for name in known}
        return actions({name: value for name, value in values.items() if value})

    return LaunchDescription([*(_declaration(name) for name in known), OpaqueFunction(function=act)])


def node(name: str, given: Given, takes: Iterable[str] = (), **parameters: Any) -> Node:
    """A node of this package; when it ends, everything ends, and its exit code counts.

    Args:
        name: Module in balanced_bc/nodes, and name of the node.
        given: Arguments of the launch file that were given.
        takes: Arguments that are parameters of this node.
        parameters: Further parameters; params_file and arguments win over them, in this order.
    """
    named = {key: _value(key, given[key]) for key in takes if key in given}
    files = [given["params_file"]] if "params_file" in given else []
    _require_files(files)
    clock = given.get("use_sim_time", str(is_simulated(given)).lower())
    executable, package, arguments = _found(name)
    return Node(
        executable=executable,
        package=package,
        arguments=arguments,
        name=name,
        namespace=given.get("namespace"),
        parameters=[_typed({"use_sim_time": BOOLEANS[clock], **parameters}), *files, _typed(named)],
        ros_arguments=["--log-level", given["log_level"]] if "log_level" in given else None,
        output="screen",
        exec_name=name,
        on_exit=_end_of(name),
    )


def _end_of(name: str) -> Callable[[ProcessExited, LaunchContext], list[Action]]:
    """What happens when a node ends."""

    def on_exit(event: ProcessExited, _context: LaunchContext) -> list[Action]:
        if event.returncode:  # launch ends with 1 where an exception reaches it, and in no other way
            raise NodeError(f"{name} ended with exit code {event.returncode}; what it said last is above")
        return [Shutdown(reason=f"{name} ended")]

    return on_exit


def is_simulated(given: Given) -> bool:
    """Whether the robot has a world that simulates it."""
    return bool(robot(given.get("robot", ROBOT)).backend)


def _require_files(paths: Iterable[str]) -> None:
    """Refuse a file that is missing: launch would warn and go on without its parameters."""
    if missing := [path for path in paths if not Path(path).is_file()]:
        raise NodeError(f"there is no file {', '.join(missing)}")


def _declaration(name: str) -> DeclareLaunchArgument:
    argument = ARGUMENTS[name]
    if name == "robot":
        return DeclareLaunchArgument(
            name, default_value=ROBOT, description=argument.description, choices=tuple(robots())
        )
    more = {"choices": ("", *argument.choices)} if argument.choices else {}
    return DeclareLaunchArgument(name, default_value="", description=argument.description, **more)


def _value(name: str, text: str) -> Any:
    kind = ARGUMENTS[name].kind
    try:
        return BOOLEANS[text] if kind is bool else text.split(",") if kind is list else kind(text)
    except ValueError as error:
        raise NodeError(f"argument {name} is {text!r}; it must be of type {kind.__name__}") from error


def _typed(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters that stay of their type: launch would read the text 1 as a number."""
    return {
        name: ParameterValue(value, value_type=str) if isinstance(value, str) else value
        for name, value in parameters.items()
    }


def _found(name: str) -> tuple[str, str | None, list[str]]:
    """Executable, package and arguments that start a node.

    Where the package is installed for ROS, its console script; elsewhere this Python and the module.
    """
    try:
        from ament_index_python.packages import get_package_prefix

        if (Path(get_package_prefix(PACKAGE)) / "lib" / PACKAGE / name).exists():
            return name, PACKAGE, []
    except (ImportError, LookupError, OSError):
        pass
    return sys.executable, None, ["-m", f"{PACKAGE}.nodes.{name}"]
