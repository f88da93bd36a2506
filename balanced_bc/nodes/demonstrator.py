"""demonstrator: a scripted expert that sees only what topics tell.

Hears joint_states, tcp_pose, scene/* and task/behavior; says velocity_command, gripper_command, its state (latched),
diagnostics, and on recorder/tag which kind of demonstrator it is.
Service: ~/demonstrate. Commands come from a timer on the node's clock; a demonstration ends with zero velocity.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from geometry_msgs.msg import TwistStamped
from numpy.typing import NDArray
from rclpy.node import Node
from rclpy.timer import Timer
from std_msgs.msg import Float32, String
from std_srvs.srv import Trigger

from balanced_bc.demonstrations.contract import (
    GRIPPER_COMMAND,
    JOINT_STATES,
    SCENE_JOINT_STATES,
    SCENE_LIGHTBULB,
    SCENE_RED_BLOCK,
    TASK_BEHAVIOR,
    TCP_POSE,
    VELOCITY_COMMAND,
    RobotContract,
)
from balanced_bc.demonstrations.decoding import Sample, decode
from balanced_bc.demonstrations.encoding import encode_sample, prepare
from balanced_bc.demonstrations.tags import KIND
from balanced_bc.errors import BalancedBCError
from balanced_bc.nodes import messages, qos
from balanced_bc.nodes.diagnosis import Condition, Diagnosis
from balanced_bc.nodes.errors import NodeError, NotYet
from balanced_bc.nodes.parameters import declared, followed
from balanced_bc.nodes.robots import robot
from balanced_bc.nodes.run import main_of
from balanced_bc.nodes.states import BUSY, DONE, GAVE_UP, IDLE
from balanced_bc.simulation.demonstrator import Demonstrator
from balanced_bc.simulation.demonstrators import cast
from balanced_bc.simulation.experts import Percept
from balanced_bc.simulation.kinds.kinds import Quality
from balanced_bc.simulation.streams import commanded

CHANGEABLE = ("quality", "seed", "listeners")
NEEDED = (JOINT_STATES, TCP_POSE, SCENE_JOINT_STATES, SCENE_RED_BLOCK, SCENE_LIGHTBULB)


@dataclass(frozen=True)
class DemonstratorConfig:
    """How the expert acts."""

    robot: str = "sim"
    """Robot whose topics are used: a file in config/robots/."""
    task: str = "opening"
    """Task that the behavior belongs to: opening or picking."""
    quality: Quality = "optimal"
    """Kind of demonstrator. suboptimal draws one each time; perturbed is optimal, the simulator has to disturb it."""
    seed: int = field(default=0, metadata={"range": (0, 2**31 - 1)})
    """Seed of the next demonstration's randomness; those after it count up."""
    listeners: int = field(default=1, metadata={"range": (0, 100)})
    """Listeners that velocity_command must be connected to before a demonstration begins: what is said before is lost
    to those that come later."""
    longest: float = field(default=20.0, metadata={"range": (0.1, 3600.0)})
    """Time after which an expert that has not finished gives up, [s]."""


class DemonstratorNode(Node):
    """Acts from ~/demonstrate until the expert has finished."""

    def __init__(self) -> None:
        super().__init__("demonstrator")
        self.exit_code: int | None = None
        self.config = declared(self, DemonstratorConfig, changeable=CHANGEABLE)
        followed(self, self.config, self.on_parameters, changeable=CHANGEABLE)
        self.contract: RobotContract = robot(self.config.robot).contract
        prepare(self.contract)
        self.seed = self.config.seed
        self.latest: dict[str, Any] = {}
        self.expert: Demonstrator | None = None
        self.timer: Timer | None = None
        self.left = 0
        for topic in NEEDED:
            kind = messages.message_type(self.contract.stream(topic).type)
            self.create_subscription(kind, topic, partial(self.on_message, topic), qos.NEWEST)
        self.create_subscription(String, TASK_BEHAVIOR, self.on_behavior, qos.FOLLOWED)
        self.says_twist = self.create_publisher(TwistStamped, VELOCITY_COMMAND, qos.COMMANDS)
        self.says_gripper = self.create_publisher(Float32, GRIPPER_COMMAND, qos.COMMANDS)
        self.says_state = self.create_publisher(String, "~/state", qos.LATCHED)
        self.says_tag = self.create_publisher(String, "recorder/tag", qos.EVENTS)
        self.create_service(Trigger, "~/demonstrate", self.on_demonstrate)
        self.say_state(IDLE)
        self.diagnosis = Diagnosis(self, self.condition)

    def on_message(self, topic: str, message: Any) -> None:
        """Remember what a stream said last."""
        try:
            self.latest[topic] = decode(topic, message, self.contract, self.now()).value
        except BalancedBCError as error:
            self.get_logger().error(str(error), throttle_duration_sec=1.0)

    def on_behavior(self, message: String) -> None:
        """The task begins anew: what the expert was doing makes no sense any more."""
        self.on_message(TASK_BEHAVIOR, message)
        if self.expert is not None:
            self.end(GAVE_UP)

    def on_parameters(self, config: DemonstratorConfig, names: Collection[str]) -> None:
        """Quality or seed were set: they hold from the next demonstration on."""
        self.config = config
        self.seed = config.seed if "seed" in names else self.seed

    def on_demonstrate(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        """~/demonstrate."""
        try:
            what = self.begin()
        except NotYet as error:
            response.success, response.message = False, str(error)
        except BalancedBCError as error:
            response.success, response.message = False, str(error)
            self.get_logger().error(response.message)
        else:
            response.success, response.message = True, f"demonstrating {what}"
        return response

    def begin(self) -> str:
        """Start a demonstration of the current behavior; which one, and of which kind."""
        if self.expert is not None:
            raise NodeError("a demonstration is going on already")
        if missing := [topic for topic in (*NEEDED, TASK_BEHAVIOR) if topic not in self.latest]:
            raise NodeError(f"nothing was heard yet on {', '.join(missing)}; heard was {sorted(self.latest)}")
        if (heard_by := self.says_twist.get_subscription_count()) < self.config.listeners:
            raise NotYet(f"{VELOCITY_COMMAND} is heard by {heard_by} and waits for {self.config.listeners} listeners")
        behavior = str(self.latest[TASK_BEHAVIOR])
        rng = np.random.default_rng(self.seed)
        kind, self.expert, _ = cast(self.config.task, behavior, self.config.quality, rng)
        self.seed += 1
        self.left = round(self.config.longest * self.contract.rate)
        self.says_tag.publish(String(data=f"{KIND}={kind}"))
        self.say_state(BUSY)
        self.timer = self.create_timer(self.contract.period, self.on_tick)
        return f"{behavior}, {kind}"

    def on_tick(self) -> None:
        """Say the expert's next command, or end."""
        if self.expert is None:
            return
        action = self.expert.act(self.percept())
        self.left -= 1
        if self.expert.finished or self.left <= 0:
            self.end(DONE if self.expert.finished else GAVE_UP)
        else:
            self.command(action)

    def end(self, state: str) -> None:
        """Stand still and say that it is over."""
        if self.timer is not None:
            self.destroy_timer(self.timer)
        self.timer = self.expert = None
        self.says_twist.publish(encode_sample(VELOCITY_COMMAND, Sample(self.now(), np.zeros(6)), self.contract))
        self.say_state(state)

    def say_state(self, state: str) -> None:
        """Say what state the node is in."""
        self.said_state = state
        self.says_state.publish(String(data=state))

    def condition(self) -> Condition:
        """How the node is doing."""
        silent = [topic for topic in (*NEEDED, TASK_BEHAVIOR) if topic not in self.latest]
        values = {"quality": self.config.quality, "next seed": self.seed, "never heard": ", ".join(silent) or "nothing"}
        return Condition(self.said_state, values)

    def command(self, action: NDArray[np.float64]) -> None:
        """Say an action; the gripper first, so that whoever waits for the velocity has both."""
        voices = {GRIPPER_COMMAND: self.says_gripper, VELOCITY_COMMAND: self.says_twist}
        for topic, sample in commanded(action, self.now()):
            voices[topic].publish(encode_sample(topic, sample, self.contract))

    def percept(self) -> Percept:
        """What the topics said last, as the expert wants it."""
        slider, drawer = self.latest[SCENE_JOINT_STATES]
        return Percept(
            tcp_pose=self.latest[TCP_POSE],
            opening=self.latest[JOINT_STATES][7],
            slider=slider,
            drawer=drawer,
            lightbulb=self.latest[SCENE_LIGHTBULB],
            red_block=self.latest[SCENE_RED_BLOCK],
        )

    def now(self) -> int:
        """Time of the node's clock, [ns]."""
        return int(self.get_clock().now().nanoseconds)

    def close(self) -> None:
        """Stand still."""
        if self.expert is not None:
            self.end(GAVE_UP)


main = main_of(DemonstratorNode)

if __name__ == "__main__":
    main()
