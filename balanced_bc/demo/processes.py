"""Nodes as processes on a ROS domain of their own."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from balanced_bc.demo.errors import DemoError

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals that end the demo."""
PATIENCE = 10.0
"""How long a node may take to end after each signal, [s]."""

Value = str | int | float | bool | Path | list[str]


class Running(NamedTuple):
    """A node that was started.

    Attributes:
        name: Module of the node in balanced_bc/nodes.
        process: Its process.
        log: Where it writes what a person need not see.
    """

    name: str
    process: subprocess.Popen[bytes]
    log: Path


class Nodes:
    """Starts nodes and ends all of them on the way out, whatever the way is.

    Args:
        logs: Folder of the log files; made when missing.
        domain: ROS domain that only these nodes share, 0 to 101.
    """

    def __init__(self, logs: Path, domain: int) -> None:
        self.logs = logs
        self.environment = {
            **os.environ,
            "ROS_DOMAIN_ID": str(domain),
            "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
            "PYTHONUNBUFFERED": "1",
        }
        self._running: list[Running] = []
        self._files = ExitStack()

    def __enter__(self) -> Nodes:
        self.logs.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._files.close()

    def start(self, name: str, parameters: Mapping[str, Value]) -> Running:
        """Start a node in the background; what it prints goes to its log."""
        log = self.logs / f"{name}.log"
        file = self._files.enter_context(log.open("ab"))
        process = subprocess.Popen(
            command(name, parameters),
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=end_with_parent,
        )
        self._running.append(Running(name, process, log))
        return self._running[-1]

    def run(self, name: str, parameters: Mapping[str, Value]) -> None:
        """Run a node to its end in the foreground; its progress goes to the terminal.

        Raises:
            DemoError: The node, or one that runs in the background, ended with an error.
        """
        process = subprocess.Popen(
            command(name, parameters), env=self.environment, start_new_session=True, preexec_fn=end_with_parent
        )
        self._running.append(Running(name, process, self.logs))
        while process.poll() is None:
            time.sleep(0.1)
            self._refuse_casualties(but=process)
        if process.returncode != 0:
            raise DemoError(f"the {name} ended with exit code {process.returncode}; logs are in {self.logs}")
        self._running.pop()

    def _refuse_casualties(self, but: subprocess.Popen[bytes]) -> None:
        for node in self._running:
            if node.process is not but and node.process.poll() is not None:
                raise DemoError(f"the {node.name} ended with exit code {node.process.returncode}; see {node.log}")

    def stop(self) -> None:
        """End every node: SIGTERM, which does not shout while Python imports, and for those that do not listen SIGKILL.

        A second Ctrl+C does not interrupt this.
        """
        previous = [(kind, signal.signal(kind, signal.SIG_IGN)) for kind in ENDING]
        try:
            self._stop()
        finally:
            for kind, handler in previous:
                signal.signal(kind, handler)

    def _stop(self) -> None:
        for kind in (signal.SIGTERM, signal.SIGKILL):
            alive = [node.process for node in self._running if node.process.poll() is None]
            for process in alive:
                process.send_signal(kind)
            wait_for(alive, PATIENCE)
        self._running.clear()


def end_with_parent() -> None:
    """Ask Linux to end this process when the one that started it ends, even by SIGKILL."""
    set_parent_death_signal = 1
    ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGINT)


def command(name: str, parameters: Mapping[str, Value]) -> Sequence[str]:
    """The command line of a node with its parameters, as a person would type it."""
    arguments = [part for key, value in parameters.items() for part in ("-p", f"{key}:={literal(value)}")]
    return (sys.executable, "-m", f"balanced_bc.nodes.{name}", "--ros-args", *arguments)


def literal(value: Value) -> str:
    """A value as YAML on a ROS command line."""
    return json.dumps(str(value) if isinstance(value, Path) else value)


def wait_for(processes: Sequence[subprocess.Popen[bytes]], seconds: float) -> None:
    """Wait until all have ended, but not longer than `seconds`."""
    deadline = time.monotonic() + seconds
    for process in processes:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            return
