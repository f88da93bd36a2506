"""recorder: everything the contract's streams say, one tagged episode after another, as it was received.

Hears every stream and ~/tag; says recorder/state, recorder/coverage (latched) and diagnostics.
Services: ~/start, ~/save, ~/discard, ~/undo, ~/mark_success.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import monotonic, time_ns
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn
from rclpy.qos import QoSProfile
from std_msgs.msg import Bool, String
from std_srvs.srv import SetBool, Trigger

from balanced_bc.demonstrations.contract import TASK_BEHAVIOR, TASK_SUCCESS, RobotContract, Stream
from balanced_bc.demonstrations.dataset import Dataset
from balanced_bc.demonstrations.tags import parse_tags
from balanced_bc.errors import BalancedBCError
from balanced_bc.nodes import managed, messages, qos
from balanced_bc.nodes.diagnosis import Condition, Diagnosis
from balanced_bc.nodes.errors import NodeError
from balanced_bc.nodes.managed import BringUp, ManagedNode, explained
from balanced_bc.nodes.parameters import declared, followed
from balanced_bc.nodes.robots import robot
from balanced_bc.nodes.run import main_of
from balanced_bc.nodes.session import Session

CHANGEABLE = ("tags",)


@dataclass(frozen=True, kw_only=True)
class RecorderConfig(BringUp):
    """What is recorded, and where to."""

    dataset: Path
    """Folder of the dataset; continued if it exists."""
    robot: str = "sim"
    """Robot whose streams are recorded: a file in config/robots/."""
    tags: tuple[str, ...] = ()
    """Tags of the takes to come, each as axis=value; behavior comes from task/behavior unless it is given here."""
    silence: float = field(default=2.0, metadata={"range": (0.1, 60.0)})
    """Time without a message after which a stream counts as silent, [s]."""

    def __post_init__(self) -> None:
        parse_tags(self.tags)


class Recorder(ManagedNode):
    """Listens while it is active, and records between ~/start and ~/save."""

    def __init__(self) -> None:
        super().__init__("recorder")
        self.config = declared(self, RecorderConfig, changeable=(*CHANGEABLE, *managed.CHANGEABLE))
        followed(self, self.config, self.on_parameters, changeable=CHANGEABLE)
        self.contract: RobotContract = robot(self.config.robot).contract
        self.session: Session | None = None
        self.ears: list[Any] = []
        self.says_state = self.create_publisher(String, "~/state", qos.LATCHED)
        self.says_coverage = self.create_publisher(DiagnosticArray, "~/coverage", qos.LATCHED)
        self.create_subscription(String, "~/tag", self.on_tag, qos.EVENTS)
        for name, act in (("start", self.start), ("save", self.save), ("discard", self.discard), ("undo", self.undo)):
            self.create_service(Trigger, f"~/{name}", partial(self.on_trigger, act))
        self.create_service(SetBool, "~/mark_success", self.on_mark_success)
        self.diagnosis = Diagnosis(self, self.condition)
        self.bring_up(self.config)

    @explained
    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Open the dataset, or begin it."""
        dataset = Dataset.open_or_create(self.config.dataset, self.contract)
        self.session = Session(dataset, parse_tags(self.config.tags), self.config.silence)
        for folder in dataset.unfinished:
            self.get_logger().warning(f"{folder} was never finished; it is left as it is and not read")
        return super().on_configure(state)

    @explained
    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Listen to every stream."""
        for stream in self.contract.streams:
            self.hear(stream)
        self.ears.append(self.create_subscription(String, TASK_BEHAVIOR, self.on_behavior, qos.FOLLOWED))
        self.ears.append(self.create_subscription(Bool, TASK_SUCCESS, self.on_success, qos.FOLLOWED))
        self.report()
        self.get_logger().info(f"recording into {self.config.dataset}; start a take with {self.get_name()}/start")
        return super().on_activate(state)

    @explained
    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop listening; an open take goes to the trash."""
        self.stop_listening()
        return super().on_deactivate(state)

    @explained
    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Forget the dataset."""
        self.session = None
        return super().on_cleanup(state)

    @explained
    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """End as on deactivation."""
        self.stop_listening()
        return super().on_shutdown(state)

    def hear(self, stream: Stream) -> None:
        """Subscribe to the bytes of a stream."""
        kind, callback = messages.message_type(stream.type), partial(self.on_message, stream.topic)
        self.ears.append(self.create_subscription(kind, stream.topic, callback, self.quality(stream), raw=True))

    def quality(self, stream: Stream) -> QoSProfile:
        """How to listen to a stream."""
        if stream in self.contract.action_streams:
            return qos.RECORDED_COMMANDS
        return qos.FOLLOWED if stream in self.contract.task_streams else qos.RECORDED

    def on_message(self, topic: str, data: bytes, about: Mapping[str, int]) -> None:
        """A stream said something; `about` is rclpy's MessageInfo."""
        if self.session is not None:
            sent = about["source_timestamp"] or time_ns()
            self.session.on_message(topic, data, self.now(), monotonic(), sent)

    def on_behavior(self, message: String) -> None:
        """The task says which behavior is wanted."""
        self.open_session().on_said(TASK_BEHAVIOR, message.data)
        self.report()

    def on_success(self, message: Bool) -> None:
        """The task says whether it was done."""
        self.open_session().on_said(TASK_SUCCESS, str(message.data).lower())

    def on_tag(self, message: String) -> None:
        """Somebody tags the open take, or the next."""
        try:
            self.open_session().tag(parse_tags(message.data.split(",")))
        except BalancedBCError as error:
            self.get_logger().error(str(error))
        self.report()

    def on_trigger(
        self, act: Callable[[], str], _request: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        """~/start, ~/save, ~/discard, ~/undo."""
        return self.answer(response, act)

    def on_mark_success(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        """~/mark_success."""
        return self.answer(response, lambda: self.open_session().mark_success(request.data))

    def on_parameters(self, config: RecorderConfig, _names: Collection[str]) -> None:
        """Tags were set."""
        if self.session is not None:
            self.session.tags = parse_tags(config.tags)

    def condition(self) -> Condition:
        """How the node is doing: what it records, and what it hears."""
        if self.session is None or not self.ears:
            return Condition(self.state)
        heard, silent = self.session.heard(monotonic())
        fine = not (self.session.recording and silent)
        return Condition(self.session.description, {"heard": heard, "silent": ", ".join(silent) or "nothing"}, fine)

    def start(self) -> str:
        """Begin a take."""
        return self.open_session().start(self.now(), monotonic())

    def save(self) -> str:
        """Keep the take."""
        return self.open_session().save({"recorder": self.get_fully_qualified_name(), "robot": self.config.robot})

    def discard(self) -> str:
        """Throw the take away."""
        return self.open_session().discard()

    def undo(self) -> str:
        """Throw the last saved take away."""
        return self.open_session().undo()

    def answer(self, response: Any, act: Callable[[], str]) -> Any:
        """Do what a service asks for, and say how it went."""
        try:
            response.success, response.message = True, act()
        except BalancedBCError as error:
            response.success, response.message = False, str(error)
            self.get_logger().error(response.message)
        else:
            self.get_logger().info(response.message)
        self.report()
        return response

    def report(self) -> None:
        """Say state and coverage."""
        if self.session is None:
            return
        counts = self.session.counts()
        wanted = min(counts, key=lambda behavior: counts[behavior], default="")
        self.says_state.publish(String(data=self.session.description))
        self.says_coverage.publish(messages.coverage(counts, wanted, self.now()))

    def open_session(self) -> Session:
        """The session, if the node is active."""
        if self.session is None or not self.ears:
            raise NodeError(f"{self.get_name()} is {self.state}; activate it first")
        return self.session

    def now(self) -> int:
        """Time of the node's clock, [ns]."""
        return int(self.get_clock().now().nanoseconds)

    def stop_listening(self) -> None:
        """Unsubscribe; an open take goes to the trash."""
        while self.ears:
            self.destroy_subscription(self.ears.pop())
        if self.session is not None:
            self.session.close()

    def close(self) -> None:
        """Leave nothing half written."""
        self.stop_listening()


main = main_of(Recorder)

if __name__ == "__main__":
    main()
