"""A node that does one long piece of work, shows how far it is, and ends with an exit code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Any, NamedTuple

from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.node import Node
from std_srvs.srv import Trigger

from balanced_bc.nodes.bars import Bars
from balanced_bc.nodes.diagnosis import Condition, Diagnosis

LOOK_EVERY = 0.05
"""How often reports are collected, [s]."""
PATIENCE = 20.0
"""How long a piece of work may take to stop, [s]."""
STOPPED = 1
"""Exit code of work that was stopped before its end."""


class Shown(NamedTuple):
    """How far the work is, for people.

    Attributes:
        done: Share of the work that is done, 0 to 1.
        note: A few words beside the bar.
    """

    done: float
    note: str


class Abandoned(Exception):  # noqa: N818
    """Ends the thread from within: the process was told to end, and half a result is no result."""


class Worker(Node):
    """Runs a generator in a thread, so that services and signals are answered while it computes.

    The thread touches nothing of ROS: its reports are handed to `on_report` by a timer.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.exit_code: int | None = None
        self._stop, self._abandon = Event(), Event()
        self._reports: SimpleQueue[Any] = SimpleQueue()
        self._thread: Thread | None = None
        self._last: Any = None
        self._bars = Bars(self)
        self.create_service(Trigger, "~/stop", self.on_stop)

    def begin(self, work: Callable[[Callable[[], bool]], Iterator[Any]]) -> None:
        """Start; `work` is given a function that it asks whether it should stop."""
        self._show(Shown(0.0, "reading the dataset"))
        self.diagnosis = Diagnosis(self, self.condition)
        self._thread = Thread(target=self._work, args=(work,), daemon=True)
        self._thread.start()
        self.create_timer(LOOK_EVERY, self.on_look, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def on_report(self, report: Any) -> Shown:
        """What to say of a report, and how to show it; to be overridden."""
        raise NotImplementedError

    def on_end(self, last: Any) -> None:
        """What to say when the work is over and its result is written; to be overridden.

        Args:
            last: The last report; None if there was none.
        """

    def on_stop(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        """~/stop."""
        self._stop.set()
        response.success, response.message = True, f"{self.get_name()} ends with what it has"
        return response

    def on_look(self) -> None:
        """Hand on what the thread reported."""
        try:
            while self.exit_code is None:
                self._on_entry(self._reports.get_nowait())
        except Empty:
            return

    def close(self) -> None:
        """Wait for the thread; work that is not done is abandoned, and nothing of it is written."""
        self._bars.close()
        self._abandon.set()
        if self._thread is not None:
            self._thread.join(PATIENCE)
            if self._thread.is_alive():
                self.get_logger().warning(f"a step takes longer than {PATIENCE:g} s; ending without it")
        if self.exit_code is None:
            self.exit_code = STOPPED

    def _on_entry(self, entry: Any) -> None:
        if isinstance(entry, Exception):
            raise entry
        if entry is None:
            self.on_end(self._last)
            self.exit_code = STOPPED if self._stop.is_set() else 0
            return
        self._last = entry
        self._show(self.on_report(entry))

    def condition(self) -> Condition:
        """How the node is doing."""
        return Condition(self._shown.note, {"done": f"{self._shown.done:.0%}"})

    def _show(self, shown: Shown) -> None:
        self._shown = shown
        self._bars.show(self.get_name(), shown.done, 1.0, f"{shown.done:.0%}", shown.note)

    def _is_stopped(self) -> bool:
        """What the work asks now and then."""
        if self._abandon.is_set():
            raise Abandoned
        return self._stop.is_set()

    def _work(self, work: Callable[[Callable[[], bool]], Iterator[Any]]) -> None:
        try:
            for report in work(self._is_stopped):
                self._reports.put(report)
            self._reports.put(None)
        except Exception as error:
            self._reports.put(error)
