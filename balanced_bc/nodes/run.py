"""One way to run a node, shared by every `main`: signals, spinning, a clean end, an exit code."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from threading import Event
from types import FrameType
from typing import NoReturn, Protocol, cast

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.logging import get_logger
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from balanced_bc.errors import BalancedBCError
from balanced_bc.nodes.parameters import refuse_unknown

SLICE = 0.1
"""How long the executor may wait before it looks whether a signal came, [s]."""
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
"""Ctrl+C, a polite end, a terminal that closes, Ctrl+\\."""
WRONG_USE = 2
"""Exit code when a parameter, a file or the graph is not as it should be."""


class Closing(Protocol):
    """What a node offers beside rclpy's own methods."""

    exit_code: int | None
    """None while there is work to do; a number ends the process."""

    def close(self) -> None:
        """Leave nothing moving and nothing half written. Called once, while topics still work."""


def main_of(make_node: Callable[[], Closing]) -> Callable[[], None]:
    """The `main` of a node's module and console script."""

    def main() -> None:
        leave(run(make_node))

    return main


def leave(code: int) -> NoReturn:
    """End the process with an exit code.

    A thread that still computes cannot be interrupted, and torch aborts when the interpreter ends under it; then the
    process ends without the interpreter's last steps.
    """
    if any(thread.daemon for thread in threading.enumerate()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def run(make_node: Callable[[], Closing], arguments: Sequence[str] | None = None) -> int:
    """Spin a node until it is done or a signal comes, and end it cleanly.

    rclpy's own handlers would destroy the context before a node can say zero, so they stay off.

    Args:
        make_node: Builds the node; its first line may refuse with a `BalancedBCError`.
        arguments: Command line; None for this process's own.

    Returns:
        Exit code: the node's own, 0 after a signal, 2 after a `BalancedBCError`.
    """
    stop = Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    previous = [signal.signal(number, on_signal) for number in SIGNALS]
    rclpy.init(args=None if arguments is None else list(arguments), signal_handler_options=SignalHandlerOptions.NO)
    try:
        return _spin(make_node, stop)
    except BalancedBCError as error:
        get_logger("balanced_bc").fatal(str(error))
        return WRONG_USE
    finally:
        rclpy.try_shutdown()
        for number, handler in zip(SIGNALS, previous):
            signal.signal(number, handler)


def _spin(make_node: Callable[[], Closing], stop: Event) -> int:
    """Spin in slices; whatever ends it, close the node while signals are ignored."""
    node = make_node()
    executor = SingleThreadedExecutor()
    executor.add_node(cast(Node, node))
    try:
        refuse_unknown(cast(Node, node))
        while node.exit_code is None and not stop.is_set():
            executor.spin_once(timeout_sec=SLICE)
    finally:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        try:
            node.close()
        finally:
            executor.shutdown()
            cast(Node, node).destroy_node()
    return node.exit_code or 0
