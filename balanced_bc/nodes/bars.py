"""How far a node is: moving bars on a terminal, now and then a line of the log elsewhere."""

from __future__ import annotations

from time import monotonic

from rclpy.node import Node
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

QUIET = 5.0
"""Time between two lines of the log, [s]."""


class Bars:
    """One bar for each thing that is counted.

    Args:
        node: Its logger speaks where there is no terminal.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        console = Console(emoji=False)
        columns = (TextColumn("{task.description:>10}"), BarColumn(), TextColumn("{task.fields[count]}"))
        self._progress = Progress(*columns, TimeElapsedColumn(), TextColumn("{task.fields[note]}"), console=console)
        self._rows: dict[str, TaskID] = {}
        self._spoke: dict[str, float] = {}
        self._moving = console.is_terminal

    def show(self, name: str, done: float, total: float, count: str, note: str) -> None:
        """Move a bar, or make it.

        Args:
            name: What is counted.
            done: How much of it is done.
            total: How much there is to do.
            count: Both in words.
            note: A few words beside the bar.
        """
        if self._moving:
            self._move(name, done, total, count, note)
        elif done >= total or monotonic() - self._spoke.get(name, 0.0) >= QUIET:
            self._spoke[name] = monotonic()
            self._node.get_logger().info(f"{name}: {count}" + (f", {note}" if note else ""))

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._moving:
            self._progress.stop()

    def _move(self, name: str, done: float, total: float, count: str, note: str) -> None:
        if name not in self._rows:
            self._progress.start()
            self._rows[name] = self._progress.add_task(name, total=total, count=count, note=note)
        self._progress.update(self._rows[name], completed=done, count=count, note=note)
