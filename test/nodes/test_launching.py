"""Launch files, where ROS's launch is installed."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from balanced_bc.nodes.share import share_folder

pytest.importorskip("launch_ros", reason="launch is part of a ROS installation")
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
