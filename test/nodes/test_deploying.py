"""A real policy, untrained, drives the simulated arm through the policy node."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rclpy
import torch
import yaml
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import TwistStamped
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from std_msgs.msg import String
from std_srvs.srv import Trigger

from balanced_bc.demonstrations.contract import VELOCITY_COMMAND, Camera, RobotContract
from balanced_bc.demonstrations.dataset import Dataset
from balanced_bc.demonstrations.decoding import decode
from balanced_bc.demonstrations.observation import Observation
from balanced_bc.nodes import qos
from balanced_bc.nodes.policy import PolicyNode
from balanced_bc.policies.checkpoint import fingerprint, save
from balanced_bc.policies.config import PolicyConfig
from balanced_bc.policies.making import make
from balanced_bc.policies.normalization import Normalization

if TYPE_CHECKING:
    from collections.abc import Callable

    from test.nodes.conftest import Graph

CONTRACT = RobotContract()
MEAN = 0.02
"""Mean of every velocity of the untrained policy: slow, and not zero."""


def checkpoint(path: Path, contract: RobotContract = CONTRACT) -> Path:
    torch.manual_seed(0)
    config = PolicyConfig(image_size=16, channels=(4, 4, 4), keypoints=2, hidden=8, layers=1, chunk=4)
    units = Normalization(
        feature_mean=torch.zeros(8),
        feature_deviation=torch.ones(8),
        twist_mean=torch.full((6,), MEAN),
        twist_deviation=torch.full((6,), 0.01),
    )
    save(path, make(config, tuple(camera.name for camera in contract.cameras), units), contract)
    return path


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoint(tmp_path_factory.mktemp("checkpoint") / "policy")


def start(world: Graph, tiny: Path) -> list[Any]:
    """Start a policy process that brings itself up, and return the commands that it says."""
    said = world.hear(TwistStamped, VELOCITY_COMMAND, 50)
    world.start("policy", "use_sim_time:=true", f"checkpoint:={tiny}", "device:=cpu")
    world.until(lambda: sum(moves(twist) for twist in said) > 10, "commands")
    return said


def moves(twist: TwistStamped) -> bool:
    return bool(decode(VELOCITY_COMMAND, twist, CONTRACT, 0).value.any())


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGHUP, signal.SIGQUIT])
def test_a_signal_ends_with_zero_velocity(world: Graph, tiny: Path, kind: signal.Signals) -> None:
    said = start(world, tiny)
    assert world.end("policy", kind) == 0
    world.spin(0.3)
    assert not moves(said[-1])


def test_deactivation_ends_with_zero_velocity_and_silence(world: Graph, tiny: Path) -> None:
    said = start(world, tiny)
    request = ChangeState.Request(transition=Transition(id=Transition.TRANSITION_DEACTIVATE))
    assert world.call(ChangeState, "policy/change_state", request).success
    world.spin(0.2)
    count = len(said)
    assert not moves(said[-1])
    world.spin(0.5)
    assert len(said) == count
    assert world.end("policy", signal.SIGTERM) == 0


def test_the_conductor_rolls_a_policy_out_and_notes_results(world: Graph, tiny: Path) -> None:
    world.start("policy", "use_sim_time:=true", f"checkpoint:={tiny}", "device:=cpu")
    results = world.folder / "rollouts.yaml"
    parameters = ("use_sim_time:=true", "actor:=policy", f"results:={results}", "limit:=0.5", "seed:=100")
    assert world.run("conductor", "counts:=slider=1,drawer=2", *parameters) == 0, world.logs()
    written = yaml.safe_load(results.read_text())
    assert written["checkpoint"] == fingerprint(tiny)
    takes = written["takes"]
    assert [(take["behavior"], take["seed"], take["success"]) for take in takes] == [
        ("slider", 100, False),
        ("drawer", 100, False),
        ("drawer", 101, False),
    ]
    assert world.end("policy") == 0


class Watched(PolicyNode):
    """The policy node, with a memory of what it saw."""

    def __init__(self) -> None:
        self.frames: dict[int, Observation] = {}
        super().__init__()

    def on_tick(self) -> None:
        """Command, then remember; simulated time stands still meanwhile."""
        super().on_tick()
        assert self.pilot is not None
        assert self.pilot.guard.fault is None
        if self.pilot.seen is not None:
            self.frames[self.now()] = self.pilot.seen


def test_the_frame_that_the_policy_saw_is_the_frame_that_the_bag_gives(world: Graph, tiny: Path) -> None:
    dataset = world.folder / "seen"
    world.start("recorder", "use_sim_time:=true", f"dataset:={dataset}")
    states = world.hear(String, "recorder/state")
    world.until(lambda: bool(states), "the recorder")
    world.until(lambda: world.call(Trigger, "recorder/start").success, "a take to start")
    diagnoses = world.hear(DiagnosticArray, "diagnostics", qos.DIAGNOSTICS)
    frames = flown(world, tiny, lambda: commands_reach_the_recorder(world, diagnoses), ticks=60)
    assert world.call(Trigger, "recorder/save").success, world.logs()
    demonstration = Dataset.open(dataset).demonstration(0)
    compared = 0
    for index, tick in enumerate(demonstration.ticks.tolist()):
        if (seen := frames.get(tick)) is None:
            continue
        built = demonstration.observation(index)
        assert np.array_equal(seen.state, built.state)
        assert all(np.array_equal(seen.images[name], built.images[name]) for name in built.images)
        compared += 1
    assert compared >= 20


def commands_reach_the_recorder(world: Graph, diagnoses: list[DiagnosticArray]) -> bool:
    """Whether the recorder says that it hears velocity commands: a new speaker is not heard at once."""
    world.executor.spin_once(timeout_sec=0)
    said = [pair for array in diagnoses for status in array.status for pair in status.values]
    return any(pair.key == "heard" and VELOCITY_COMMAND in pair.value for pair in said)


def flown(world: Graph, tiny: Path, ready: Callable[[], bool], ticks: int) -> dict[int, Observation]:
    """What a policy node in this process saw at each tick, for `ticks` ticks after it was ready."""
    arguments = ("use_sim_time:=true", f"checkpoint:={tiny}", "device:=cpu")
    os.environ["ROS_DOMAIN_ID"] = str(world.domain)
    rclpy.init(args=["--ros-args", *(part for given in arguments for part in ("-p", given))])
    node = Watched()
    executor = rclpy.executors.SingleThreadedExecutor()
    executor.add_node(node)
    try:
        while not ready():
            executor.spin_once(timeout_sec=0.1)
        node.frames.clear()
        while len(node.frames) < ticks:
            executor.spin_once(timeout_sec=0.1)
        node.close()
        return node.frames
    finally:
        executor.shutdown()
        node.destroy_node()
        rclpy.shutdown()
        del os.environ["ROS_DOMAIN_ID"]


def test_a_policy_for_other_cameras_is_refused_with_the_difference(graph: Graph, tmp_path: Path) -> None:
    other = RobotContract(cameras=(Camera("static_camera", 100, 100), Camera("gripper_camera", 84, 84)))
    path = checkpoint(tmp_path / "other", other)
    assert graph.run("policy", f"checkpoint:={path}", "patience:=0.5", "device:=cpu") == 2
    assert "cameras:" in graph.log("policy")


def test_a_policy_without_a_robot_says_which_topics_are_missing(graph: Graph, tiny: Path) -> None:
    assert graph.run("policy", f"checkpoint:={tiny}", "patience:=0.5", "device:=cpu") == 2
    for topic in ("/static_camera/image_raw", "/gripper_camera/image_raw", "/joint_states", "/tcp_pose"):
        assert f"nobody publishes {topic}" in graph.log("policy")


def test_a_missing_checkpoint_is_named(graph: Graph, tmp_path: Path) -> None:
    assert graph.run("policy", f"checkpoint:={tmp_path / 'nowhere'}", "patience:=0.0", "device:=cpu") == 2
    assert "nowhere" in graph.log("policy")
