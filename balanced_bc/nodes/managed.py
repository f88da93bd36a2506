"""What our lifecycle nodes share: transitions that say why they refuse, and a way to bring themselves up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import wraps
from time import monotonic
from typing import TypeVar

from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from balanced_bc.errors import BalancedBCError
from balanced_bc.nodes.errors import NotYet
from balanced_bc.nodes.run import WRONG_USE
from balanced_bc.nodes.states import ACTIVE, UNCONFIGURED

LOOK_EVERY = 0.1
"""How often a node that brings itself up looks whether what it needs is there, [s]."""
CHANGEABLE = ("autostart",)
"""Parameters of `BringUp` that may be set while the node runs."""

AnyNode = TypeVar("AnyNode", bound="ManagedNode")
Transition = Callable[[AnyNode, LifecycleState], TransitionCallbackReturn]


@dataclass(frozen=True)
class BringUp:
    """How a lifecycle node gets from its start to active."""

    autostart: bool = True
    """Whether the node configures and activates itself; otherwise a lifecycle manager or `ros2 lifecycle` does.
    Set to false while the node waits, it gives up starting itself."""
    patience: float = field(default=10.0, metadata={"range": (0.0, 3600.0)})
    """How long a node that starts itself waits for what each transition needs before it gives up, [s].
    What the node itself takes, such as loading, does not count."""


class ManagedNode(LifecycleNode):
    """A lifecycle node that can bring itself up, and that ends its process when it cannot."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.exit_code: int | None = None
        self.refusal: BalancedBCError | None = None
        """Why the last transition that failed did."""

    @property
    def state(self) -> str:
        """unconfigured, inactive, active or finalized."""
        return str(self._state_machine.current_state[1])  # rclpy offers it only as a service

    def missing(self) -> Sequence[str]:
        """What the next transition still lacks, one sentence each; asked while the node brings itself up."""
        return ()

    def bring_up(self, how: BringUp) -> None:
        """Configure and activate as soon as nothing is missing; after the patience, let the transition refuse."""
        begun = monotonic()

        def on_look() -> None:
            nonlocal begun
            if not self.get_parameter("autostart").value:
                timer.cancel()
                return
            looked = monotonic()
            missing = self.missing()
            begun += monotonic() - looked
            if missing and monotonic() - begun < how.patience:
                return
            step = self.trigger_configure if self.state == UNCONFIGURED else self.trigger_activate
            if step() != TransitionCallbackReturn.SUCCESS:
                if isinstance(self.refusal, NotYet) and monotonic() - begun < how.patience:
                    return
                self.exit_code = WRONG_USE
            begun = monotonic()
            if self.state == ACTIVE or self.exit_code is not None:
                timer.cancel()

        timer = self.create_timer(LOOK_EVERY, on_look, clock=Clock(clock_type=ClockType.STEADY_TIME))


def explained(transition: Transition[AnyNode]) -> Transition[AnyNode]:
    """Log what a transition raises; rclpy would swallow it.

    What a user can mend (`BalancedBCError`) fails the transition, and the node stays in the state it was in.
    """

    @wraps(transition)
    def wrapped(node: AnyNode, state: LifecycleState) -> TransitionCallbackReturn:
        try:
            return transition(node, state)
        except BalancedBCError as error:
            node.refusal = error
            node.get_logger().error(str(error))
            return TransitionCallbackReturn.FAILURE
        except Exception as error:
            node.get_logger().error(f"{type(error).__name__}: {error}")
            raise

    return wrapped
