"""policy: drives the arm from cameras and joint states, with velocity commands that a guard has passed.

Hears the checkpoint's observation streams and tcp_pose; says velocity_command, gripper_command, its state and the
fingerprint of its checkpoint (latched), and diagnostics. Services: ~/reset_fault, ~/set_shadow.
Inactive says nothing; every way out of active ends with zeros.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn
from rclpy.timer import Timer
from std_msgs.msg import String
from std_srvs.srv import SetBool, Trigger

from balanced_bc.demonstrations.contract import RobotContract, Stream
from balanced_bc.demonstrations.decoding import decode
from balanced_bc.errors import BalancedBCError
from balanced_bc.nodes import graph, managed, messages, qos, survey
from balanced_bc.nodes.diagnosis import Condition, Diagnosis
from balanced_bc.nodes.errors import NodeError, NotYet
from balanced_bc.nodes.managed import BringUp, ManagedNode, explained
from balanced_bc.nodes.mouth import Mouth
from balanced_bc.nodes.parameters import declared
from balanced_bc.nodes.pilot import Pilot, blank
from balanced_bc.nodes.robots import robot
from balanced_bc.nodes.run import main_of
from balanced_bc.nodes.states import ACTIVE, FAULT, INACTIVE, UNCONFIGURED


@dataclass(frozen=True, kw_only=True)
class PolicyNodeConfig(BringUp):
    """Which policy drives which robot."""

    checkpoint: Path
    """Folder of the checkpoint."""
    robot: str = "sim"
    """Robot that is driven: a file in config/robots/, with its contract and limits."""
    device: Literal["auto", "cuda", "cpu"] = "auto"
    """Where the policy computes; auto: CUDA where torch finds it, else the CPU."""
    shadow: bool = False
    """Whether commands go to ~/shadow_command instead of the arm; ~/set_shadow changes it."""
    survey: float = field(default=2.0, metadata={"range": (0.0, 60.0)})
    """How long configuring listens to what the streams really say, [s]; 0 compares topics and types only."""
    clock_patience: float = field(default=2.0, metadata={"range": (0.1, 3600.0)})
    """Wall time without a tick after which the clock counts as standing still, a fault, [s]; a simulator that is
    slower than real time needs more than one period of its own."""


class PolicyNode(ManagedNode):
    """A timer says commands; subscriptions only remember."""

    def __init__(self) -> None:
        super().__init__("policy")
        self.config = declared(self, PolicyNodeConfig, changeable=managed.CHANGEABLE)
        self.robot = robot(self.config.robot)
        self.contract: RobotContract = self.robot.contract
        self.pilot: Pilot | None = None
        self.loaded: Pilot | None = None
        self.timer: Timer | None = None
        self.alarm: Timer | None = None
        self.ears: list[Any] = []
        self.mouth = Mouth(self, self.contract, self.config.shadow)
        self.says_state = self.create_publisher(String, "~/state", qos.LATCHED)
        self.says_checkpoint = self.create_publisher(String, "~/checkpoint", qos.LATCHED)
        self.said_state = UNCONFIGURED
        self.diagnosis = Diagnosis(self, self.condition)
        self.create_service(Trigger, "~/reset_fault", self.on_reset_fault)
        self.create_service(SetBool, "~/set_shadow", self.on_set_shadow)
        self.say_state(UNCONFIGURED)
        self.bring_up(self.config)

    @explained
    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load the checkpoint, compare it with the robot and the live graph, and listen."""
        pilot = self.loaded or self.load()
        if problems := graph.differences(self, pilot.streams) or self.surveyed(pilot):
            there = ", ".join(graph.topics(self)) or "nothing"
            raise NodeError(
                f"the robot is not what {self.config.checkpoint} needs: {'; '.join(problems)}. Published is {there}"
            )
        self.pilot = pilot
        self.ears = [self.hear(stream) for stream in pilot.streams]
        self.say_state(INACTIVE)
        return super().on_configure(state)

    @explained
    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Begin to command, if every stream is fresh and no fault is latched."""
        pilot = self.flown()
        if pilot.guard.fault:
            raise NodeError(f"a fault is latched: {pilot.guard.fault}; {self.get_name()}/reset_fault forgets it")
        if missing := self.missing():
            raise NodeError(f"not ready to act: {'; '.join(missing)}")
        pilot.begin()
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.alarm = self.create_timer(self.config.clock_patience, self.on_silence, clock=steady)
        self.timer = self.create_timer(self.contract.period, self.on_tick)
        self.say_state(ACTIVE)
        return super().on_activate(state)

    @explained
    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stand still."""
        self.stand_still()
        self.say_state(INACTIVE)
        return super().on_deactivate(state)

    @explained
    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Forget the policy."""
        self.forget()
        self.say_state(UNCONFIGURED)
        return super().on_cleanup(state)

    @explained
    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stand still and end."""
        self.stand_still()
        self.forget()
        return super().on_shutdown(state)

    @explained
    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stand still and forget the policy."""
        self.stand_still()
        self.forget()
        self.say_state(UNCONFIGURED)
        return super().on_error(state)

    def on_message(self, topic: str, message: Any) -> None:
        """Remember what a stream said; a message may still be on its way when the policy is forgotten."""
        if self.pilot is None:
            return
        try:
            self.pilot.add(topic, decode(topic, message, self.contract, self.now()))
        except BalancedBCError as error:
            self.pilot.refuse(str(error))

    def on_tick(self) -> None:
        """Say the next command, stamped with the time that it answers."""
        now, pilot = self.now(), self.flown()
        before = pilot.guard.fault
        motion = pilot.tick(now)
        self.say_fault(before)
        self.mouth.command(motion, now)
        if self.alarm is not None:
            self.alarm.reset()

    def on_silence(self) -> None:
        """No tick came for long: say zero, again and again until one does."""
        pilot = self.flown()
        before = pilot.guard.fault
        motion = pilot.halt(f"the clock stands still: no tick for {self.config.clock_patience:g} s")
        self.say_fault(before)
        self.mouth.command(motion, self.now())

    def on_reset_fault(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        """~/reset_fault: only when the arm was told zero, because the next command begins there."""
        fault = self.pilot.guard.fault if self.pilot else None
        if self.pilot is None or fault is None:
            response.success, response.message = False, "there is no fault"
        elif not self.pilot.guard.at_rest:
            response.success, response.message = False, f"still stopping because of: {fault}; ask again"
        else:
            self.pilot.begin()
            self.say_state(self.state)
            response.success, response.message = True, f"forgot: {fault}"
        return response

    def on_set_shadow(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        """~/set_shadow: let the arm be commanded, or only show what would be."""
        if request.data and self.timer is not None:
            self.mouth.zero(self.now())
        if self.pilot is not None and self.mouth.shadow and not request.data:
            self.pilot.rest()  # the arm stands, and its gripper was told nothing, whatever the shadow did
        self.mouth.shadow = bool(request.data)
        response.success, response.message = True, f"commands go to {self.mouth.listener}"
        return response

    def missing(self) -> tuple[str, ...]:
        """What the next transition lacks."""
        if self.pilot is None:
            self.loaded = self.loaded or self.load()
            return graph.differences(self, self.loaded.streams)
        return tuple(filter(None, (self.pilot.missing(self.now()), self.mouth.missing)))

    def surveyed(self, pilot: Pilot) -> tuple[str, ...]:
        """How what the streams say differs from the contract."""
        if not self.config.survey:
            return ()
        heard = survey.listen(self, pilot.streams, self.config.survey)
        if silent := survey.silent(heard):
            raise NotYet(f"{', '.join(silent)} said nothing for {self.config.survey:g} s")
        return survey.differences(heard, self.contract)

    def load(self) -> Pilot:
        """The checkpoint's policy, if it was made for this robot."""
        from balanced_bc.learning.device import choose
        from balanced_bc.policies.actor import ChunkedActor
        from balanced_bc.policies.checkpoint import fingerprint, load, require_contract

        checkpoint = load(self.config.checkpoint, choose(self.config.device, "auto").device)
        self.says_checkpoint.publish(String(data=fingerprint(self.config.checkpoint)))
        require_contract(checkpoint.contract, self.contract, str(self.config.checkpoint))
        checkpoint.policy.eval()
        scene = checkpoint.policy.config.policy == "state"
        ChunkedActor(checkpoint.policy).act(blank(self.contract))  # the first answer takes long: not on the move
        return Pilot(checkpoint.policy, self.contract, self.robot.limits, scene)

    def hear(self, stream: Stream) -> Any:
        """Subscribe to a stream."""
        kind = messages.message_type(stream.type)
        return self.create_subscription(kind, stream.topic, partial(self.on_message, stream.topic), qos.NEWEST)

    def say_fault(self, before: str | None) -> None:
        """Say that a fault was latched, unless there was one before."""
        fault = self.flown().guard.fault
        if fault and not before:
            self.say_state(f"{FAULT}: {fault}")
            self.get_logger().error(f"fault: {fault}; the arm stops until {self.get_name()}/reset_fault")

    def say_state(self, text: str) -> None:
        """Say what state the node is in."""
        self.said_state = text
        self.says_state.publish(String(data=text))
        self.diagnosis.say()

    def condition(self) -> Condition:
        """How the node is doing."""
        fine = not self.said_state.startswith(FAULT)
        return Condition(self.said_state, {"commands go to": self.mouth.listener}, fine)

    def stand_still(self) -> None:
        """End the timers and say zero velocity."""
        if self.timer is None or self.alarm is None:
            return
        self.destroy_timer(self.timer)
        self.destroy_timer(self.alarm)
        self.timer = self.alarm = None
        self.flown().rest()
        self.mouth.zero(self.now())

    def forget(self) -> None:
        """Unsubscribe and drop the policy."""
        while self.ears:
            self.destroy_subscription(self.ears.pop())
        self.pilot = self.loaded = None

    def flown(self) -> Pilot:
        """The pilot of a configured node."""
        if self.pilot is None:
            raise NodeError(f"{self.get_name()} is {self.state}; configure it first")
        return self.pilot

    def now(self) -> int:
        """Time of the node's clock, [ns]."""
        return int(self.get_clock().now().nanoseconds)

    def close(self) -> None:
        """Stand still, and let the last zero arrive."""
        if self.timer is not None:
            self.stand_still()
            self.mouth.flush()


main = main_of(PolicyNode)

if __name__ == "__main__":
    main()
