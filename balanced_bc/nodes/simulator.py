"""simulator: the world as a robot. It publishes what a robot and its cameras would, and obeys commands.

Hears velocity_command and gripper_command; says every other stream of the contract, camera_info, /clock, diagnostics.
Service: ~/reset. The sensors of a tick go out before its /clock, so that a timer on simulated time finds them.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from math import radians
from time import monotonic
from typing import Any

import numpy as np
from geometry_msgs.msg import TwistStamped
from rclpy.clock import Clock as AnyClock
from rclpy.clock_type import ClockType
from rclpy.node import Node
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Float32
from std_srvs.srv import Trigger

from balanced_bc.demonstrations.contract import (
    GRIPPER_CAMERA,
    GRIPPER_COMMAND,
    STATIC_CAMERA,
    TASK_BEHAVIOR,
    TASK_SUCCESS,
    VELOCITY_COMMAND,
    RobotContract,
)
from balanced_bc.demonstrations.decoding import Sample, decode
from balanced_bc.demonstrations.encoding import encode_sample
from balanced_bc.demonstrations.stamps import NANOSECONDS
from balanced_bc.errors import BalancedBCError
from balanced_bc.nodes import messages, qos
from balanced_bc.nodes.command import Command
from balanced_bc.nodes.diagnosis import Condition, Diagnosis
from balanced_bc.nodes.pace import Pace
from balanced_bc.nodes.parameters import declared, followed
from balanced_bc.nodes.robots import robot
from balanced_bc.nodes.run import main_of
from balanced_bc.simulation.cameras import STATIC_VIEW
from balanced_bc.simulation.disturbance import Disturbance
from balanced_bc.simulation.environment import make
from balanced_bc.simulation.kinds.perturbed import Perturbed
from balanced_bc.simulation.streams import sensed, stamp_of_tick
from balanced_bc.simulation.tasks import behavior_of
from balanced_bc.simulation.worlds import TABLETOP

ANGLES = {STATIC_CAMERA: radians(STATIC_VIEW.field_of_view), GRIPPER_CAMERA: radians(75.0)}
"""Vertical fields of view of the cameras, [rad]."""
CHANGEABLE = ("behavior", "seed", "real_time_factor", "wait_for_command", "disturbance")


@dataclass(frozen=True)
class SimulatorConfig:
    """What is simulated, and how fast."""

    robot: str = "sim"
    """Robot whose contract says topics, frames and rate: a file in config/robots/."""
    backend: str = ""
    """World that is simulated: tabletop or calvin; empty for the one that the robot's file names."""
    task: str = "opening"
    """Task: opening or picking."""
    behavior: str = ""
    """Behavior that the next resets ask for; empty draws one at each reset."""
    seed: int = field(default=0, metadata={"range": (0, 2**31 - 1)})
    """Seed of the next reset; setting it again repeats that start. Resets after it count up."""
    real_time_factor: float = field(default=1.0, metadata={"range": (0.0, 1000.0)})
    """Simulated seconds per second; 0 is as fast as the machine allows, in lock-step with whoever commands."""
    wait_for_command: float = field(default=5.0, metadata={"range": (0.0, 60.0)})
    """In lock-step: time that the world waits for the command that answers a tick, [s]; 0 never waits."""
    command_timeout: float = field(default=0.1, metadata={"range": (0.0, 10.0)})
    """Age at which a velocity command stops the arm, in simulated time, [s]."""
    disturbance: float = field(default=0.0, metadata={"range": (0.0, 10.0)})
    """How strongly commanded motion is disturbed from the next reset on, 1 as in the kind perturbed; 0 not at all."""
    images: bool = True
    """Whether there are cameras; they are rendered while somebody listens."""
    window: bool = False
    """Whether a window shows the world; needs a screen."""


class Simulator(Node):
    """Steps the world at the control rate and talks like a robot."""

    def __init__(self) -> None:
        super().__init__("simulator")
        self.exit_code: int | None = None
        self.config = declared(self, SimulatorConfig, changeable=CHANGEABLE)
        self.contract, limits, backend = robot(self.config.robot)
        options = {"render_images": False, "window": self.config.window, "limits": limits}
        self.world = make(self.config.task, self.config.backend or backend or TABLETOP, **options)
        self.pace = Pace(self.contract.period, self.config.real_time_factor, self.config.wait_for_command)
        self.command, self.disturbance = Command(self.config.command_timeout), Disturbance()
        self.seed, self.step_number, self.success = self.config.seed, 0, False
        self.voices = {topic: self.create_publisher(*voice) for topic, voice in voices(self.contract).items()}
        self.create_subscription(TwistStamped, VELOCITY_COMMAND, self.on_velocity_command, qos.COMMANDS)
        self.create_subscription(Float32, GRIPPER_COMMAND, self.on_gripper_command, qos.COMMANDS)
        self.create_service(Trigger, "~/reset", self.on_reset)
        followed(self, self.config, self.on_parameters, changeable=CHANGEABLE)
        self.diagnosed = (self.step_number, monotonic())
        self.diagnosis = Diagnosis(self, self.condition)
        self.timer = self.create_timer(1.0, self.on_timer, clock=AnyClock(clock_type=ClockType.STEADY_TIME))
        self.get_logger().info(self.reset())

    @property
    def tick(self) -> int:
        """Time of the last tick, [ns]."""
        return stamp_of_tick(self.step_number, self.contract)

    def on_timer(self) -> None:
        """The wall clock says that a step may be due."""
        self.proceed()

    def on_velocity_command(self, message: TwistStamped) -> None:
        """Somebody commands the arm."""
        try:
            stamp, twist = decode(VELOCITY_COMMAND, message, self.contract, self.tick)
            self.command.on_twist(twist, stamp, self.tick)
        except BalancedBCError as error:
            self.get_logger().error(str(error), throttle_duration_sec=1.0)
            return
        self.pace.on_command(stamp, at_rest=not twist.any())
        self.proceed()

    def on_gripper_command(self, message: Float32) -> None:
        """Somebody commands the gripper."""
        try:
            self.command.on_opening(decode(GRIPPER_COMMAND, message, self.contract, self.tick).value)
        except BalancedBCError as error:
            self.get_logger().error(str(error), throttle_duration_sec=1.0)

    def on_reset(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        """~/reset."""
        try:
            response.success, response.message = True, self.reset()
        except BalancedBCError as error:
            response.success, response.message = False, str(error)
        return response

    def on_parameters(self, config: SimulatorConfig, names: Collection[str]) -> None:
        """Parameters were set."""
        if config.behavior:
            behavior_of(config.task, config.behavior)
        self.config = config
        self.seed = config.seed if "seed" in names else self.seed
        self.pace.factor, self.pace.patience = config.real_time_factor, config.wait_for_command
        self.pace.locked = self.pace.locked and not config.real_time_factor

    def reset(self) -> str:
        """Begin anew and show it; time goes on."""
        options = {"behavior": self.config.behavior} if self.config.behavior else None
        _, info = self.world.reset(seed=self.seed, options=options)
        description = f"{info['behavior']}, seed {self.seed}"
        self.disturbance = Perturbed().times(self.config.disturbance).disturbance(np.random.default_rng(self.seed))
        self.seed += 1
        self.command, self.pace.locked = Command(self.config.command_timeout), False
        self.say(TASK_BEHAVIOR, info["behavior"])
        self.say(TASK_SUCCESS, False)
        self.success = False
        self.show(info)
        self.plan(self.pace.wait(monotonic()))
        return description

    def proceed(self) -> None:
        """Step if it is time, and set the alarm for the next time."""
        wait = self.pace.wait(monotonic())
        if wait <= 0.0:
            *_, info = self.world.step(self.disturbance.disturb(self.command.action(self.tick)))
            self.show(info)
            wait = self.pace.wait(monotonic())
        self.plan(wait)

    def plan(self, wait: float) -> None:
        """Set the alarm, [s]."""
        self.timer.timer_period_ns = int(wait * NANOSECONDS)
        self.timer.reset()

    def show(self, info: dict[str, Any]) -> None:
        """Say what the world is like, at the next tick."""
        self.step_number += 1
        stamp = self.tick
        self.pace.on_step(stamp, monotonic())
        if info["success"] != self.success:
            self.success = bool(info["success"])
            self.say(TASK_SUCCESS, self.success)
        images = self.world.images() if self.config.images and self.is_watched() else {}
        for topic, sample in sensed(info["scene"], images, stamp, self.contract):
            self.voices[topic].publish(encode_sample(topic, sample, self.contract))
        for camera in self.contract.cameras:
            voice, angle = self.voices[f"{camera.name}/camera_info"], ANGLES[camera.name]
            voice.publish(messages.camera_info(camera.height, camera.width, angle, stamp, camera.name))
        self.voices["/clock"].publish(messages.clock(stamp))

    def say(self, topic: str, value: Any) -> None:
        """Say something of the task."""
        self.voices[topic].publish(encode_sample(topic, Sample(self.tick, value), self.contract))

    def is_watched(self) -> bool:
        """Whether somebody listens to a camera."""
        return any(self.voices[camera.topic].get_subscription_count() for camera in self.contract.cameras)

    def condition(self) -> Condition:
        """How the node is doing: what it simulates, and how fast."""
        (steps, since), self.diagnosed = self.diagnosed, (self.step_number, monotonic())
        rate = (self.step_number - steps) / max(self.diagnosed[1] - since, 1e-9)
        factor = f"{rate * self.contract.period:.2f}"
        values = {"steps per second": f"{rate:.0f}", "real-time factor": factor, "success": self.success}
        return Condition(f"{self.config.task}, {self.world.behavior}", values)

    def close(self) -> None:
        """End the physics."""
        self.world.close()


def voices(contract: RobotContract) -> dict[str, tuple[Any, str, Any]]:
    """Type, topic and quality of everything that a simulator says, by topic."""
    infos = {f"{camera.name}/camera_info": CameraInfo for camera in contract.cameras}
    sensors = (*contract.observation_streams, *contract.scene_streams)
    kinds = {stream.topic: messages.message_type(stream.type) for stream in sensors}
    return {
        **{topic: (kind, topic, qos.SENSORS) for topic, kind in {**kinds, **infos}.items()},
        **{s.topic: (messages.message_type(s.type), s.topic, qos.LATCHED) for s in contract.task_streams},
        "/clock": (Clock, "/clock", qos.CLOCK),
    }


main = main_of(Simulator)

if __name__ == "__main__":
    main()
