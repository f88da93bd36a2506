"""Launch files, where ROS's launch is installed."""

from __future__ import annotations

import runpy
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from std_srvs.srv import Trigger

from balanced_bc.learning.rebalancing import balance_file
from balanced_bc.nodes.share import share_folder

if TYPE_CHECKING:
    from test.nodes.conftest import Graph

pytest.importorskip("launch_ros", reason="launch is part of a ROS installation")
pytest.importorskip("ros2launch", reason="ros2 launch is part of a ROS installation")
FILES = sorted((share_folder() / "launch").glob("*.launch.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_argument_has_a_description(path: Path) -> None:
    description = runpy.run_path(str(path))["generate_launch_description"]()
    arguments = description.get_launch_arguments()
    assert {"params_file", "namespace", "log_level"} <= {argument.name for argument in arguments}
    assert all(argument.description for argument in arguments)


def test_record_starts_the_conductor_only_with_counts() -> None:
    actions = runpy.run_path(str(share_folder() / "launch" / "record.launch.py"))["actions"]
    assert len(actions({"robot": "sim"})) == 3
    assert len(actions({"robot": "sim", "counts": "slider=1"})) == 4


@pytest.mark.parametrize("name", ["record", "deploy"])
def test_every_simulated_robot_brings_its_simulator(name: str) -> None:
    actions = runpy.run_path(str(share_folder() / "launch" / f"{name}.launch.py"))["actions"]
    assert len(actions({"robot": "calvin"})) == len(actions({"robot": "sim"}))


def _file(name: str) -> Path:
    return share_folder() / "launch" / f"{name}.launch.py"


@pytest.fixture
def endless(tmp_path: Path) -> str:
    """Parameters of a node that works until it is told to stop."""
    path = tmp_path / "endless.yaml"
    path.write_text("/**: {ros__parameters: {steps: 1000000, hidden: 8, policy: state}}\n")
    return f"params_file:={path}"


@pytest.mark.parametrize("name", ["balance", "train"])
def test_a_node_that_refuses_makes_the_launch_fail(name: str, graph: Graph, tmp_path: Path) -> None:
    process = graph.launch(_file(name), f"dataset:={tmp_path / 'nothing'}")
    assert process.wait(60) == 1, graph.logs()
    assert "there is no folder" in graph.log("launch")
    assert "ended with exit code 2" in graph.log("launch")


def test_a_launch_whose_work_is_done_succeeds(graph: Graph, dataset: Path) -> None:
    words = (f"dataset:={dataset}", f"output:={graph.folder / 'weights'}", "method:=equal", "policy:=state")
    assert graph.launch(_file("balance"), *words).wait(60) == 0, graph.logs()
    assert balance_file.read(graph.folder / "weights").method == "equal"


def test_a_launch_that_was_stopped_fails_though_the_weights_so_far_are_written(
    graph: Graph, dataset: Path, endless: str
) -> None:
    output = graph.folder / "weights"
    words = (f"dataset:={dataset}", f"output:={output}", "method:=zero", endless)
    process = graph.launch(_file("balance"), *words)
    graph.until(lambda: "weights, step" in graph.log("launch"), "the descent")
    assert graph.call(Trigger, "balancer/stop").success
    assert process.wait(60) == 1, graph.logs()
    assert balance_file.read(output).warnings[0].startswith("stopped after")


def test_a_launch_that_was_interrupted_fails(graph: Graph, dataset: Path, endless: str) -> None:
    graph.launch(_file("train"), f"dataset:={dataset}", f"output:={graph.folder / 'policy'}", endless)
    graph.until(lambda: "step " in graph.log("launch"), "the descent")
    assert graph.end("launch", signal.SIGINT) == 1
    assert not (graph.folder / "policy").exists()
