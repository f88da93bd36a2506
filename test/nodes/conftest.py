"""Real nodes, as processes or in this process, in a ROS domain of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter

from balanced_bc.demonstrations.contract import RobotContract
from balanced_bc.demonstrations.dataset import Dataset
from balanced_bc.nodes import qos
from balanced_bc.simulation.collect import collect

DOMAINS = count(os.getpid())
"""Every graph has another one; 1 to 101 are safe on Linux."""
PATIENCE = 40.0
"""How long a busy machine may take for anything, [s]."""

ROS2 = "import sys; from ros2cli.cli import main; sys.exit(main())"
"""The command ros2, in this Python."""


class Graph:
    """Processes of nodes on one domain, and a listener among them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.domain = 1 + next(DOMAINS) % 101
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=self.domain)
        sim_time = Parameter("use_sim_time", value=True)
        self.node = Node("listener", context=self.context, parameter_overrides=[sim_time])
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)

    def start(self, name: str, *parameters: str) -> subprocess.Popen[bytes]:
        """Start a node as a process; what it prints goes to NAME.log."""
        arguments = [part for parameter in parameters for part in ("-p", parameter)]
        return self._start(name, "-m", f"balanced_bc.nodes.{name}", "--ros-args", *arguments)

    def launch(self, path: Path, *arguments: str) -> subprocess.Popen[bytes]:
        """Start `ros2 launch PATH ARGUMENTS`; what it prints goes to launch.log."""
        return self._start("launch", "-c", ROS2, "launch", str(path), *arguments)

    def _start(self, name: str, *words: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                (sys.executable, *words),
                env={**os.environ, "ROS_DOMAIN_ID": str(self.domain), "OMP_NUM_THREADS": "1"},
                stdout=log,
                stderr=log,
            )
        return self.processes[name]

    def run(self, name: str, *parameters: str) -> int:
        """Run a node to its end; its exit code."""
        return self.start(name, *parameters).wait(PATIENCE)

    def log(self, name: str) -> str:
        """What a node printed."""
        return (self.folder / f"{name}.log").read_text(encoding="utf-8")

    def end(self, name: str, kind: signal.Signals = signal.SIGINT) -> int:
        """Send a signal to a node and wait for its end; its exit code."""
        process = self.processes.pop(name)
        process.send_signal(kind)
        return process.wait(PATIENCE)

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Spin the listener until a condition holds."""
        begun = time.monotonic()
        while not condition():
            assert time.monotonic() - begun < PATIENCE, f"waited in vain for {what}; {self.logs()}"
            self.executor.spin_once(timeout_sec=0.02)

    def spin(self, seconds: float) -> None:
        """Let the listener hear what comes."""
        begun = time.monotonic()
        while time.monotonic() - begun < seconds:
            self.executor.spin_once(timeout_sec=0.02)

    def hear(self, kind: Any, topic: str, quality: Any = qos.FOLLOWED) -> list[Any]:
        """A list that fills with the messages of a topic."""
        heard: list[Any] = []
        self.node.create_subscription(kind, topic, heard.append, quality)
        return heard

    def call(self, kind: Any, name: str, request: Any = None) -> Any:
        """Call a service."""
        client: Any = self.node.create_client(kind, name)
        self.until(client.service_is_ready, f"the service {name}")
        future = client.call_async(request or kind.Request())
        self.until(future.done, f"an answer of {name}")
        return future.result()

    def logs(self) -> str:
        """What all nodes printed."""
        return "\n".join(f"{path.name}: {path.read_text()[-2000:]}" for path in self.folder.glob("*.log"))

    def diagnosed(self, name: str) -> dict[str, str]:
        """What a node says of itself on diagnostics: its few words under "", and its values."""
        heard = self.hear(DiagnosticArray, "diagnostics", qos.DIAGNOSTICS)
        self.until(lambda: any(array.status[0].name == name for array in heard), f"diagnostics of {name}")
        status = next(array.status[0] for array in heard if array.status[0].name == name)
        return {"": status.message, **{pair.key: pair.value for pair in status.values}}

    def close(self) -> None:
        """End everything; a node that is killed would leave shared memory behind."""
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
        self.executor.shutdown()
        self.node.destroy_node()
        self.context.try_shutdown()


def graph_in(folder: Path) -> Iterator[Graph]:
    """A graph that is gone afterwards."""
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    graph = Graph(folder)
    yield graph
    graph.close()


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demonstration of each behavior of opening."""
    path = tmp_path_factory.mktemp("working") / "dataset"
    for _ in collect(Dataset.create(path, RobotContract()), "opening", {"slider": 1, "drawer": 1}):
        pass
    return path


@pytest.fixture
def graph(tmp_path: Path) -> Iterator[Graph]:
    yield from graph_in(tmp_path)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graph]:
    """A graph with a simulator in lock-step and a demonstrator, shared by the tests of a module."""
    for graph in graph_in(tmp_path_factory.mktemp("world")):
        graph.start("simulator", "real_time_factor:=0.0")
        graph.start("demonstrator", "use_sim_time:=true")
        yield graph
