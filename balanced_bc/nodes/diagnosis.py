"""How a node is doing, said on `diagnostics` once a second."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.node import Node

from balanced_bc.nodes import messages, qos

EVERY = 1.0
"""Time between two diagnostics, on a clock that always runs, [s]."""


@dataclass(frozen=True)
class Condition:
    """How a node is doing.

    Attributes:
        text: A few words.
        values: Numbers and names that people may want to see.
        fine: Whether nothing is wrong.
    """

    text: str
    values: Mapping[str, object] = field(default_factory=dict)
    fine: bool = True


class Diagnosis:
    """Asks a node how it is doing, and says it.

    Args:
        node: Who says it.
        condition: Asked once a second, and on `say`.
    """

    def __init__(self, node: Node, condition: Callable[[], Condition]) -> None:
        self._node = node
        self._condition = condition
        self._voice = node.create_publisher(DiagnosticArray, "diagnostics", qos.DIAGNOSTICS)
        node.create_timer(EVERY, self.say, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def say(self) -> None:
        """Say it now."""
        now, found = int(self._node.get_clock().now().nanoseconds), self._condition()
        name = self._node.get_fully_qualified_name().removeprefix("/")
        self._voice.publish(messages.diagnostics(name, found.text, found.values, now, found.fine))
