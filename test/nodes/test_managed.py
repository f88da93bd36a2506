"""A lifecycle node that brings itself up: how long it waits, and what does not count as waiting."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence

import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn

from balanced_bc.nodes.errors import NotYet
from balanced_bc.nodes.managed import CHANGEABLE, AnyNode, BringUp, ManagedNode, explained
from balanced_bc.nodes.parameters import declared
from balanced_bc.nodes.states import ACTIVE, INACTIVE, UNCONFIGURED

PATIENCE = 0.5


class Slow(ManagedNode):
    """Loads for longer than its patience, and lacks something for `late` seconds before each transition."""

    def __init__(self, late: float) -> None:
        super().__init__("slow")
        config = declared(self, BringUp, changeable=CHANGEABLE)
        self.lacks, self.late, self.since = True, late, {UNCONFIGURED: 0.0, INACTIVE: 0.0}
        self.bring_up(config)

    def missing(self) -> Sequence[str]:
        """Load at the first look at each state."""
        if not self.since[self.state]:
            time.sleep(1.5 * PATIENCE)
            self.since[self.state] = time.monotonic()
        self.lacks = time.monotonic() - self.since[self.state] < self.late
        return ("time",) if self.lacks else ()

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Refuse when something is missing."""
        return TransitionCallbackReturn.FAILURE if self.lacks else super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Refuse when something is missing."""
        return TransitionCallbackReturn.FAILURE if self.lacks else super().on_activate(state)


class Reluctant(ManagedNode):
    """Finds only while it configures that something is missing, a few times."""

    def __init__(self, refusals: int) -> None:
        super().__init__("reluctant")
        self.refusals = refusals
        self.bring_up(declared(self, BringUp, changeable=CHANGEABLE))

    @explained
    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Refuse."""
        self.refusals -= 1
        if self.refusals >= 0:
            raise NotYet("the camera says nothing")
        return super().on_configure(state)


@pytest.fixture
def executor() -> Iterator[SingleThreadedExecutor]:
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    arguments = ["--ros-args", "-p", f"patience:={PATIENCE}"]
    rclpy.init(args=arguments, domain_id=1 + (os.getpid() + 50) % 101)
    executor = SingleThreadedExecutor()
    yield executor
    executor.shutdown()
    rclpy.shutdown()


def brought_up(executor: SingleThreadedExecutor, node: AnyNode) -> AnyNode:
    executor.add_node(node)
    begun = time.monotonic()
    while node.state != ACTIVE and node.exit_code is None:
        assert time.monotonic() - begun < 20
        executor.spin_once(timeout_sec=0.05)
    return node


def test_neither_loading_nor_the_wait_before_one_transition_uses_up_the_patience(
    executor: SingleThreadedExecutor,
) -> None:
    node = brought_up(executor, Slow(late=0.6 * PATIENCE))
    assert node.state == ACTIVE
    node.destroy_node()


def test_what_stays_missing_ends_the_node_when_its_patience_is_over(executor: SingleThreadedExecutor) -> None:
    node = brought_up(executor, Slow(late=100 * PATIENCE))
    assert node.exit_code == 2
    node.destroy_node()


@pytest.mark.parametrize(("refusals", "exit_code"), [(2, None), (10**6, 2)])
def test_what_is_not_there_yet_is_tried_again_while_patience_lasts(
    executor: SingleThreadedExecutor, refusals: int, exit_code: int | None
) -> None:
    node = brought_up(executor, Reluctant(refusals))
    assert node.exit_code == exit_code
    node.destroy_node()
