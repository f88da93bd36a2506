"""Calling services and waiting for events inside a callback, without blocking the executor."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any

from rclpy.client import Client
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.node import Node
from rclpy.task import Future

from balanced_bc.nodes.errors import NodeError

LOOK_EVERY = 0.005
"""How often a condition is looked at, [s]."""


async def within(node: Node, condition: Callable[[], bool], seconds: float) -> bool:
    """Wait until a condition holds, but not longer than `seconds` of the wall clock; whether it holds.

    Args:
        node: Its executor runs the caller.
        condition: Looked at many times a second.
        seconds: How long to wait at most.
    """
    begun = monotonic()
    over: Future[None] = Future()

    def on_look() -> None:
        if not over.done() and (condition() or monotonic() - begun > seconds):
            over.set_result(None)

    timer = node.create_timer(LOOK_EVERY, on_look, clock=Clock(clock_type=ClockType.STEADY_TIME))
    await over
    node.destroy_timer(timer)
    return condition()


async def until(node: Node, condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait until a condition holds.

    Raises:
        NodeError: It does not, after `seconds`; the sentence says `what` was waited for.
    """
    if not condition() and not await within(node, condition, seconds):
        raise NodeError(f"waited {seconds:.0f} s for {what} in vain")


async def ask(node: Node, client: Client[Any, Any], request: Any, seconds: float) -> Any:
    """Call a service and wait for the answer.

    Raises:
        NodeError: There is no such service, or it does not answer in time.
    """
    name = client.srv_name
    await until(node, client.service_is_ready, seconds, f"the service {name} to appear")
    future = client.call_async(request)
    await until(node, future.done, seconds, f"an answer of {name}")
    return future.result()
