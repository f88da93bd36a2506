"""The simulator node over every world that can be had here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from std_msgs.msg import Bool, String
from std_srvs.srv import Trigger

from balanced_bc.nodes.robots import robot
from balanced_bc.simulation.calvin_package import is_installed
from balanced_bc.simulation.worlds import CALVIN

if TYPE_CHECKING:
    from test.nodes.conftest import Graph

LOCK_STEP = ("real_time_factor:=0.0", "wait_for_command:=5.0", "seed:=3")


@pytest.mark.parametrize("name", ["sim", "calvin"])
def test_a_robot_brings_the_world_in_which_its_demonstrator_succeeds(graph: Graph, name: str) -> None:
    if robot(name).backend == CALVIN and not is_installed():
        pytest.skip("calvin_env is not installed; the README says how")
    success = graph.hear(Bool, "task/success")
    wanted = graph.hear(String, "task/behavior")
    graph.start("simulator", f"robot:={name}", "behavior:=drawer", *LOCK_STEP)
    graph.start("demonstrator", f"robot:={name}", "use_sim_time:=true")
    graph.until(lambda: bool(wanted), "a task")
    graph.until(lambda: graph.call(Trigger, "demonstrator/demonstrate").success, "a demonstrator that is ready")
    graph.until(lambda: any(said.data for said in success), "success")
    assert wanted[-1].data == "drawer"


def test_an_unknown_backend_is_refused_with_those_that_exist(graph: Graph) -> None:
    assert graph.run("simulator", "backend:=kitchen") == 2
    assert "there is no world 'kitchen'; there are tabletop, calvin" in graph.log("simulator")


@pytest.mark.skipif(is_installed(), reason="calvin_env is installed")
def test_a_missing_calvin_ends_the_node_with_how_to_get_it(graph: Graph) -> None:
    assert graph.run("simulator", "backend:=calvin") == 2
    assert "https://github.com/mees/calvin_env" in graph.log("simulator")
    assert "Traceback" not in graph.log("simulator")
