"""How a policy's commands leave: to the arm, or to a shadow that only shows what would be."""

from __future__ import annotations

import numpy as np
from geometry_msgs.msg import TwistStamped
from numpy.typing import NDArray
from rclpy.duration import Duration
from rclpy.node import Node
from std_msgs.msg import Float32

from balanced_bc.demonstrations.contract import GRIPPER_COMMAND, VELOCITY_COMMAND, RobotContract
from balanced_bc.demonstrations.decoding import Sample
from balanced_bc.demonstrations.encoding import encode_sample, prepare
from balanced_bc.nodes import qos
from balanced_bc.nodes.pilot import Motion

ACKNOWLEDGED = Duration(seconds=0.5)
"""How long a last zero may be on its way before the node ends."""


class Mouth:
    """Says velocity_command and gripper_command, or ~/shadow_command instead of both.

    Args:
        node: Who speaks.
        contract: Names the frame of every twist.
        shadow: Whether the shadow is spoken to.
    """

    def __init__(self, node: Node, contract: RobotContract, shadow: bool) -> None:
        self.shadow = shadow
        self._contract = contract
        prepare(contract)
        self._arm = node.create_publisher(TwistStamped, VELOCITY_COMMAND, qos.COMMANDS)
        self._gripper = node.create_publisher(Float32, GRIPPER_COMMAND, qos.COMMANDS)
        self._shown = node.create_publisher(TwistStamped, "~/shadow_command", qos.COMMANDS)

    @property
    def missing(self) -> str:
        """What keeps commands from being obeyed; empty when nothing does."""
        heard = self.shadow or self._arm.get_subscription_count()
        return "" if heard else f"nobody hears {VELOCITY_COMMAND}"

    @property
    def listener(self) -> str:
        """Where commands go."""
        return "~/shadow_command" if self.shadow else "the arm"

    def command(self, motion: Motion, now: int) -> None:
        """Say a command that answers `now` [ns]; the gripper first: who waits for the velocity then has both."""
        if motion.opens is not None and not self.shadow:
            self._gripper.publish(Float32(data=float(motion.opens)))
        self.twist(motion.twist, now)

    def twist(self, twist: NDArray[np.float64], stamp: int) -> None:
        """Say a velocity in the base frame, [m/s] and [rad/s], (6,), stamped `stamp` [ns]."""
        message = encode_sample(VELOCITY_COMMAND, Sample(stamp, twist), self._contract)
        (self._shown if self.shadow else self._arm).publish(message)

    def zero(self, stamp: int) -> None:
        """Say that nothing moves, at `stamp` [ns]."""
        self.twist(np.zeros(6), stamp)

    def flush(self) -> None:
        """Wait until the last command has arrived."""
        self._arm.wait_for_all_acked(ACKNOWLEDGED)
