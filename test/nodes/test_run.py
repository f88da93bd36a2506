"""Every node ends in the same way."""

from __future__ import annotations

import pytest
from rclpy.exceptions import InvalidHandle
from rclpy.node import Node

from balanced_bc.nodes.errors import NodeError
from balanced_bc.nodes.run import WRONG_USE, run


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
