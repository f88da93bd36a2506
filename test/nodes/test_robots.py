"""Robot files, and where they are found."""

from __future__ import annotations

import pytest

from balanced_bc.control.limiter import Limits
from balanced_bc.demonstrations.contract import RobotContract
from balanced_bc.nodes.errors import NodeError
from balanced_bc.nodes.robots import Robot, robot, robots
from balanced_bc.nodes.share import share_folder
from balanced_bc.simulation.worlds import CALVIN, TABLETOP


def test_the_simulated_robot_is_what_the_defaults_say() -> None:
    assert robot("sim") == Robot(RobotContract(), Limits(), TABLETOP)


def test_calvin_is_the_same_robot_in_another_world() -> None:
    sim, calvin = robot("sim"), robot("calvin")
    assert calvin.backend == CALVIN
    assert calvin.limits == sim.limits
    assert not calvin.contract.differences(sim.contract)


def test_every_robot_file_can_be_read() -> None:
    for name in robots():
        assert robot(name).contract.name == name


def test_an_unknown_robot_is_refused_with_those_that_exist() -> None:
    with pytest.raises(NodeError, match=r"no robot 'fr4'; config/robots/ has .*sim"):
        robot("fr4")


def test_the_share_folder_has_launch_files() -> None:
    assert (share_folder() / "launch" / "record.launch.py").exists()
