"""The other nodes as the conductor reaches them: their services, and what they say."""

from __future__ import annotations

from functools import partial
from time import monotonic
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.srv import SetParameters
from rclpy.client import Client
from rclpy.node import Node
from rclpy.parameter import Parameter
from std_msgs.msg import Bool, String
from std_srvs.srv import Trigger

from balanced_bc.demonstrations.contract import TASK_BEHAVIOR, TASK_SUCCESS
from balanced_bc.nodes import messages, qos
from balanced_bc.nodes.asking import ask, within
from balanced_bc.nodes.errors import NodeError

RETRY_EVERY = 0.2
"""Time between two looks at a node's state, [s]."""
SIMULATOR, DEMONSTRATOR, RECORDER, POLICY = "simulator", "demonstrator", "recorder", "policy"


class Stage:
    """Asks and listens on behalf of a node.

    Args:
        node: Its executor runs the caller; names are relative to its namespace.
        patience: How long a service may take, by the wall clock, [s].
    """

    def __init__(self, node: Node, patience: float) -> None:
        self.node = node
        self.patience = patience
        self.behavior = ""
        self.success = False
        self.states: dict[str, list[str]] = {DEMONSTRATOR: [], POLICY: [], RECORDER: []}
        self.coverage: dict[str, int] | None = None
        self.checkpoint = ""
        self._clients: dict[str, Client[Any, Any]] = {}
        node.create_subscription(String, TASK_BEHAVIOR, self.on_behavior, qos.FOLLOWED)
        node.create_subscription(Bool, TASK_SUCCESS, self.on_success, qos.FOLLOWED)
        node.create_subscription(DiagnosticArray, f"{RECORDER}/coverage", self.on_coverage, qos.FOLLOWED)
        node.create_subscription(String, f"{POLICY}/checkpoint", self.on_checkpoint, qos.FOLLOWED)
        for actor in self.states:
            node.create_subscription(String, f"{actor}/state", partial(self.on_state, actor), qos.FOLLOWED)

    def on_behavior(self, message: String) -> None:
        """The task says which behavior is wanted."""
        self.behavior = message.data

    def on_success(self, message: Bool) -> None:
        """The task says whether it was done."""
        self.success = bool(message.data)

    def on_checkpoint(self, message: String) -> None:
        """The policy says which one it is."""
        self.checkpoint = message.data

    def on_coverage(self, message: DiagnosticArray) -> None:
        """The recorder says how many demonstrations there are."""
        self.coverage = messages.counts_of(message)

    def on_state(self, actor: str, message: String) -> None:
        """A node says how it is doing."""
        self.states[actor].append(message.data)

    async def call(self, node: str, service: str) -> str:
        """Call a Trigger service and return its message.

        Raises:
            NodeError: It refused, with its own words.
        """
        answer = await ask(self.node, self._client(Trigger, f"{node}/{service}"), Trigger.Request(), self.patience)
        if not answer.success:
            raise NodeError(f"{node}/{service} refused: {answer.message}")
        return str(answer.message)

    async def insist(self, node: str, service: str) -> str:
        """Call a Trigger service until it agrees: who has just begun to listen or to speak has no connection yet.

        Raises:
            NodeError: It refused for as long as patience lasts, with its last words.
        """
        begun = monotonic()
        while True:
            try:
                return await self.call(node, service)
            except NodeError:
                if monotonic() - begun > self.patience:
                    raise
            await within(self.node, lambda: False, RETRY_EVERY)

    async def set_parameters(self, node: str, **values: Any) -> None:
        """Set parameters of a node.

        Raises:
            NodeError: One was refused.
        """
        request = SetParameters.Request()
        request.parameters = [Parameter(name, value=value).to_parameter_msg() for name, value in values.items()]
        answer = await ask(self.node, self._client(SetParameters, f"{node}/set_parameters"), request, self.patience)
        for name, result in zip(values, answer.results):
            if not result.successful:
                raise NodeError(f"{node} refused {name} = {values[name]!r}: {result.reason}")

    async def settle(self, node: str) -> bool:
        """Take a lifecycle node over: it no longer starts itself, and is brought to inactive; whether it is there."""
        await self.set_parameters(node, autostart=False)
        begun = monotonic()
        while monotonic() - begun < self.patience:
            answer = await ask(
                self.node, self._client(GetState, f"{node}/get_state"), GetState.Request(), self.patience
            )
            if answer.current_state.id == State.PRIMARY_STATE_INACTIVE:
                return True
            active = answer.current_state.id == State.PRIMARY_STATE_ACTIVE
            await self._change(node, Transition.TRANSITION_DEACTIVATE if active else Transition.TRANSITION_CONFIGURE)
            await within(self.node, lambda: False, RETRY_EVERY)
        return False

    async def activate(self, node: str) -> bool:
        """Activate a lifecycle node; whether it did."""
        return await self._change(node, Transition.TRANSITION_ACTIVATE)

    async def deactivate(self, node: str) -> bool:
        """Deactivate a lifecycle node; whether it did."""
        return await self._change(node, Transition.TRANSITION_DEACTIVATE)

    async def _change(self, node: str, transition: int) -> bool:
        request = ChangeState.Request(transition=Transition(id=transition))
        answer = await ask(self.node, self._client(ChangeState, f"{node}/change_state"), request, self.patience)
        return bool(answer.success)

    def _client(self, kind: Any, name: str) -> Client[Any, Any]:
        if name not in self._clients:
            self._clients[name] = self.node.create_client(kind, name)
        return self._clients[name]
