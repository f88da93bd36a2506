"""Every node ends in the same way."""

from __future__ import annotations

import subprocess
import sys

import pytest
from rclpy.exceptions import InvalidHandle
from rclpy.node import Node

from balanced_bc.nodes.errors import NodeError
from balanced_bc.nodes.run import WRONG_USE, run
from balanced_bc.nodes.worker import STOPPED

LONG = """
import os, signal, torch
from balanced_bc.nodes import worker
from balanced_bc.nodes.run import main_of

worker.PATIENCE = 0.2

class Long(worker.Worker):
    def __init__(self):
        super().__init__("long")
        self.begin(self.work)

    def work(self, stop):
        yield "begun"
        product = torch.eye(400)
        while True:
            product = product @ product

    def on_report(self, report):
        os.kill(os.getpid(), signal.SIGTERM)
        return worker.Shown(0.0, report)

main_of(Long)()
"""
"""A node that is told to end within a step of work that takes longer than it has patience."""


class Stuck(Node):
    """A node that is done at once and cannot close."""

    exit_code: int | None = 0

    def close(self) -> None:
        """Refuse."""
        raise NodeError("the dataset cannot be closed")


def test_a_node_that_cannot_close_is_destroyed_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    nodes: list[Stuck] = []

    def make() -> Stuck:
        nodes.append(Stuck("stuck"))
        return nodes[-1]

    assert run(make, arguments=()) == WRONG_USE
    with pytest.raises(InvalidHandle):
        nodes[0].get_name()


def test_a_signal_within_a_long_step_ends_with_the_exit_code_of_work_that_is_not_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    ended = subprocess.run((sys.executable, "-c", LONG), capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == STOPPED
    assert "a step takes longer than 0.2 s; ending without it" in ended.stdout + ended.stderr
