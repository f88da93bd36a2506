"""The policy node among streams and a clock that the test itself says: shadow, faults, time that stands still."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
import rclpy
from geometry_msgs.msg import TwistStamped
from numpy.typing import NDArray
from rclpy.duration import Duration
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.node import Node
from rclpy.serialization import deserialize_message
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState
from std_msgs.msg import Float32
from std_srvs.srv import SetBool, Trigger

from balanced_bc.control.limiter import Limits
from balanced_bc.demonstrations.contract import (
    GRIPPER_CAMERA,
    GRIPPER_COMMAND,
    JOINT_STATES,
    STATIC_CAMERA,
    TCP_POSE,
    VELOCITY_COMMAND,
    RobotContract,
    Stream,
)
from balanced_bc.demonstrations.decoding import Sample, decode
from balanced_bc.demonstrations.encoding import encode_sample
from balanced_bc.demonstrations.observation import Observation
from balanced_bc.nodes import messages, qos
from balanced_bc.nodes.pilot import Pilot, blank
from balanced_bc.nodes.policy import PolicyNode
from balanced_bc.policies.actor import Execution

CONTRACT = RobotContract()
PERIOD = round(1e9 / CONTRACT.rate)
FULL = 0.5
"""Speed that the policy wants: two and a half ticks of acceleration away from rest, [m/s]."""
SEEN = blank(CONTRACT)
VALUES = {
    f"{STATIC_CAMERA}/image_raw": SEEN.images[STATIC_CAMERA],
    f"{GRIPPER_CAMERA}/image_raw": SEEN.images[GRIPPER_CAMERA],
    JOINT_STATES: np.zeros(8),
    TCP_POSE: np.array((0.4, 0.1, 0.4, 0, 0, 0, 1.0)),
}
ARGUMENTS = ("use_sim_time:=true", "autostart:=false", "survey:=0.0", "checkpoint:=none", "clock_patience:=0.5")


class Straight:
    """A policy that always goes the same way and closes the gripper."""

    execution = Execution()

    def __init__(self, think: Callable[[], None]) -> None:
        self.think = think

    def act(self, seen: Sequence[Sequence[Observation]]) -> NDArray[np.float32]:
        """Always the same."""
        assert seen[0][0].state.shape == (8,)
        self.think()
        return np.array([[(FULL, 0, 0, 0, 0, 0, -1.0)]], np.float32)


class Flown(PolicyNode):
    """The policy node with a policy that needs no checkpoint."""

    def load(self) -> Pilot:
        """Fly straight on."""
        return Pilot(Straight(self.think), CONTRACT, Limits(), scene=False)

    def think(self) -> None:
        """Take no time to think."""


class Thoughtful(Flown):
    """The policy node with a policy that needs a millisecond of the node's time."""

    def think(self) -> None:
        """Let the clock go on."""
        clock: Any = self.get_clock()
        clock.set_ros_time_override(clock.now() + Duration(nanoseconds=1_000_000))


class Broken(Flown):
    """A policy node that fails halfway through its configuration."""

    def hear(self, stream: Stream) -> object:
        """Subscribe to all but the last."""
        if stream.topic == TCP_POSE:
            raise RuntimeError("out of memory")
        return super().hear(stream)


class Flight:
    """A policy node, and the robot and the clock around it."""

    def __init__(self, kind: type[PolicyNode]) -> None:
        self.policy, self.robot, self.executor = kind(), Node("robot"), SingleThreadedExecutor()
        for node in (self.policy, self.robot):
            self.executor.add_node(node)
        self.stamp = 1000 * PERIOD
        self.mouths = {
            topic: self.robot.create_publisher(messages.message_type(CONTRACT.stream(topic).type), topic, qos.SENSORS)
            for topic in VALUES
        }
        self.clock = self.robot.create_publisher(Clock, "/clock", qos.CLOCK)
        self.said: list[TwistStamped] = []
        self.opened: list[Float32] = []
        self.robot.create_subscription(TwistStamped, VELOCITY_COMMAND, self.said.append, qos.RECORDED_COMMANDS)
        self.robot.create_subscription(Float32, GRIPPER_COMMAND, self.opened.append, qos.RECORDED_COMMANDS)

    @property
    def pilot(self) -> Pilot:
        """Who flies."""
        return self.policy.flown()

    def speeds(self) -> list[float]:
        """Forward speeds that were commanded, [m/s]."""
        return [float(decode(VELOCITY_COMMAND, twist, CONTRACT, 0).value[0]) for twist in self.said]

    def until(self, condition: Callable[[], bool], act: Callable[[], None] = lambda: None) -> None:
        """Spin, doing `act` between, until a condition holds."""
        begun = time.monotonic()
        while not condition():
            assert time.monotonic() - begun < 20, (self.policy.state, self.policy.missing(), self.speeds()[-5:])
            act()
            self.executor.spin_once(timeout_sec=0.02)

    def sense(self) -> None:
        """One period passes: say every stream, and then the time."""
        self.stamp += PERIOD
        for topic, value in VALUES.items():
            self.mouths[topic].publish(encode_sample(topic, Sample(self.stamp, value), CONTRACT))
        self.clock.publish(messages.clock(self.stamp))
        self.wait(0.03)

    def wait(self, seconds: float) -> None:
        """Only the wall clock goes on."""
        begun = time.monotonic()
        while time.monotonic() - begun < seconds:
            self.executor.spin_once(timeout_sec=0.005)

    def fly(self) -> None:
        """Configure, activate, and go until the arm has its full speed."""
        self.until(lambda: not self.policy.missing())
        assert self.policy.trigger_configure() == TransitionCallbackReturn.SUCCESS
        self.until(lambda: not self.policy.missing(), self.sense)
        assert self.policy.trigger_activate() == TransitionCallbackReturn.SUCCESS
        self.cruise()

    def cruise(self) -> None:
        """Go on until the policy has what it wants."""
        self.until(lambda: not self.pilot.guard.at_rest, self.sense)
        for _ in range(4):
            self.sense()

    def shadow(self, data: bool) -> None:
        """Let the policy command only its shadow, or the arm."""
        assert self.policy.on_set_shadow(SetBool.Request(data=data), SetBool.Response()).success

    def reset_fault(self) -> Trigger.Response:
        """Ask for it."""
        return self.policy.on_reset_fault(Trigger.Request(), Trigger.Response())

    def close(self) -> None:
        """End everything."""
        self.executor.shutdown()
        self.policy.destroy_node()
        self.robot.destroy_node()


def flight_of(kind: type[PolicyNode]) -> Iterator[Flight]:
    """A flight in a ROS domain of its own."""
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    parameters = [part for given in ARGUMENTS for part in ("-p", given)]
    rclpy.init(args=["--ros-args", *parameters], domain_id=1 + (os.getpid() + 50) % 101)
    flight = Flight(kind)
    yield flight
    flight.close()
    rclpy.shutdown()


@pytest.fixture
def flight() -> Iterator[Flight]:
    yield from flight_of(Flown)


@pytest.fixture
def thoughtful() -> Iterator[Flight]:
    yield from flight_of(Thoughtful)


@pytest.fixture
def broken() -> Iterator[Flight]:
    yield from flight_of(Broken)


def test_an_arm_that_leaves_the_shadow_begins_at_rest_and_is_told_about_its_gripper(flight: Flight) -> None:
    flight.shadow(True)
    flight.fly()
    flight.cruise()
    flight.wait(0.1)
    assert not flight.opened
    flight.said.clear()
    flight.shadow(False)
    flight.until(lambda: len(flight.said) >= 3, flight.sense)
    assert flight.speeds()[:3] == pytest.approx([0.2, 0.4, 0.5])
    assert [message.data for message in flight.opened] == [0.0]


def test_leaving_the_shadow_forgets_no_fault(flight: Flight) -> None:
    flight.shadow(True)
    flight.fly()
    flight.pilot.guard.stop("wrong")
    flight.shadow(False)
    assert flight.pilot.guard.fault == "wrong"


def test_a_fault_cannot_be_reset_before_the_arm_was_told_to_stand(flight: Flight) -> None:
    flight.fly()
    flight.pilot.guard.stop("wrong")
    refused = flight.reset_fault()
    assert not refused.success
    assert "still stopping" in refused.message
    flight.until(lambda: flight.pilot.guard.at_rest, flight.sense)
    assert flight.reset_fault().success
    assert flight.pilot.guard.fault is None


def test_a_fault_can_be_reset_once_a_deactivated_node_has_said_zero(flight: Flight) -> None:
    flight.fly()
    flight.pilot.guard.stop("wrong")
    assert flight.policy.trigger_deactivate() == TransitionCallbackReturn.SUCCESS
    assert flight.reset_fault().success


def test_a_clock_that_stands_still_is_a_fault_and_the_arm_is_told_zero_again_and_again(flight: Flight) -> None:
    flight.fly()
    flight.said.clear()
    flight.until(lambda: flight.speeds()[-2:] == [0.0, 0.0])
    answer = [speed for speed in flight.speeds() if speed]
    assert answer in ([], [pytest.approx(FULL)]), "only the answer to the last tick may come late, and no ramp after it"
    assert str(flight.pilot.guard.fault).startswith("the clock stands still")
    assert flight.reset_fault().success
    flight.cruise()
    assert flight.pilot.guard.fault is None


def test_a_clock_that_goes_back_is_a_fault_and_the_arm_ramps_to_zero(flight: Flight) -> None:
    flight.fly()
    flight.stamp -= 20 * PERIOD
    flight.until(lambda: flight.pilot.guard.fault is not None, flight.sense)
    assert "the clock went back by" in str(flight.pilot.guard.fault)
    flight.until(lambda: flight.pilot.guard.at_rest, flight.sense)
    assert flight.reset_fault().success
    flight.cruise()


def test_a_command_is_stamped_with_the_time_that_it_answers_however_long_the_policy_thinks(thoughtful: Flight) -> None:
    thoughtful.fly()
    stamps = [decode(VELOCITY_COMMAND, twist, CONTRACT, 0).stamp for twist in thoughtful.said]
    assert stamps[-1] == thoughtful.stamp


def test_a_message_that_comes_after_the_policy_was_forgotten_does_no_harm(flight: Flight) -> None:
    flight.fly()
    assert flight.policy.trigger_deactivate() == TransitionCallbackReturn.SUCCESS
    assert flight.policy.trigger_cleanup() == TransitionCallbackReturn.SUCCESS
    late = encode_sample(JOINT_STATES, Sample(1, np.zeros(8)), CONTRACT)
    flight.policy.on_message(JOINT_STATES, deserialize_message(late, JointState))
    assert flight.policy.pilot is None


def test_a_configuration_that_breaks_leaves_nothing_behind(broken: Flight) -> None:
    broken.until(lambda: not broken.policy.missing())
    broken.policy.trigger_configure()
    assert broken.policy.state == "unconfigured"
    assert broken.policy.pilot is None
    assert not broken.policy.ears
