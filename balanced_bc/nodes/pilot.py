"""From what a robot's streams say to the next command: alignment, policy, guard, gripper. No ROS."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from balanced_bc.control.gripper import GripperConfig, GripperState, follow
from balanced_bc.control.guard import Guard
from balanced_bc.control.limiter import Limits
from balanced_bc.demonstrations.contract import TCP_POSE, RobotContract, Stream
from balanced_bc.demonstrations.decoding import Sample
from balanced_bc.demonstrations.errors import StaleObservation
from balanced_bc.demonstrations.live import LiveBuffer
from balanced_bc.demonstrations.observation import SCENE_SIZE, STATE_SIZE, Observation
from balanced_bc.demonstrations.stamps import seconds
from balanced_bc.errors import BalancedBCError
from balanced_bc.policies.actor import ActingPolicy, ChunkedActor

GRACE = 1.0
"""How long after its beginning a pilot that has not moved yet stands still and waits for fresh streams, [s]."""


class Motion(NamedTuple):
    """What is commanded at a tick.

    Attributes:
        twist: End-effector velocity in the base frame, [m/s] and [rad/s], (6,).
        opens: Whether the gripper is told to open (True) or close (False); None leaves it alone.
    """

    twist: NDArray[np.float64]
    opens: bool | None = None


def blank(contract: RobotContract) -> Observation:
    """An observation of nothing, to try a policy on."""
    images = {camera.name: np.zeros(camera.shape, np.uint8) for camera in contract.cameras}
    return Observation(images, np.zeros(STATE_SIZE, np.float32), np.zeros(SCENE_SIZE, np.float32))


class Pilot:
    """Flies one policy.

    Args:
        policy: Answers an observation with the next actions.
        contract: Streams, ages and rate of the robot.
        limits: What every command is held to.
        scene: Whether the policy wants the privileged scene.
    """

    def __init__(self, policy: ActingPolicy, contract: RobotContract, limits: Limits, scene: bool) -> None:
        self.guard = Guard(limits, contract.period)
        self.seen: Observation | None = None
        self._contract = contract
        self._latest = LiveBuffer(contract, scene)
        self._actor = ChunkedActor(policy)
        self._gripper = GripperState()
        self._pose: Sample | None = None
        self._malformed: str | None = None
        self._waited = 0
        self._newest = 0

    @property
    def streams(self) -> tuple[Stream, ...]:
        """Streams without which nothing moves: the observation's, and the pose that the workspace is checked with."""
        pose = self._contract.stream(TCP_POSE)
        return self._latest.streams if pose in self._latest.streams else (*self._latest.streams, pose)

    def add(self, topic: str, sample: Sample) -> None:
        """Remember what a stream said."""
        self._latest.add(topic, sample)
        if topic == TCP_POSE:
            self._pose = sample

    def refuse(self, reason: str) -> None:
        """Remember that a stream said something that makes no sense; the next tick is a fault."""
        self._malformed = reason

    def begin(self) -> None:
        """Begin at rest with a fresh look, and forget a fault."""
        self.rest()
        self.guard.reset()
        self._malformed = None
        self._waited = 0

    def rest(self) -> None:
        """Go on from standing still, with a fresh look and a gripper that was told nothing; a fault stays."""
        self.guard.rest()
        self._actor.reset()
        self._gripper = GripperState()

    def halt(self, fault: str) -> Motion:
        """Latch a fault and stand still at once."""
        return Motion(self.guard.halt(fault))

    def missing(self, now: int) -> str:
        """What an observation at `now` [ns] lacks; empty when nothing."""
        self._went_back(now)
        try:
            self._latest.observation(now)
            self._position(now)
        except BalancedBCError as error:
            return str(error)
        return ""

    def tick(self, now: int) -> Motion:
        """The next command, at `now` [ns]; whatever is wrong latches a fault and ramps to zero."""
        if back := self._went_back(now):
            return Motion(self.guard.stop(back))
        try:
            return self._motion(now)
        except StaleObservation as error:
            if self._may_wait():
                return Motion(self.guard.slow_down())
            return Motion(self.guard.stop(str(error)))
        except BalancedBCError as error:
            return Motion(self.guard.stop(str(error)))

    def _motion(self, now: int) -> Motion:
        """What the policy wants, as far as the guard lets it."""
        if self._malformed is not None:
            return Motion(self.guard.stop(self._malformed))
        position = self._position(now)
        self.seen = self._latest.observation(now)
        self._waited = self._patience
        action = self._actor.act(self.seen)
        twist = self.guard.command(action[:6], position)
        if self.guard.fault is not None:
            return Motion(twist)
        self._gripper, opens = follow(self._gripper, float(action[6]), now, GripperConfig())
        return Motion(twist, opens)

    def _went_back(self, now: int) -> str:
        """Whether the clock is behind what it was at the last look; then what was heard until now is forgotten."""
        newest, self._newest = self._newest, now
        if now >= newest:
            return ""
        self._latest.clear()
        self._pose = None
        return f"the clock went back by {seconds(newest - now):.3f} s"

    def _may_wait(self) -> bool:
        """Whether the first look may still be waited for: nothing has moved yet."""
        self._waited += 1
        return self._waited <= self._patience and self.guard.fault is None

    @property
    def _patience(self) -> int:
        return round(GRACE * self._contract.rate)

    def _position(self, now: int) -> NDArray[np.float64]:
        """Tool center point in the base frame, [m], (3,)."""
        if self._pose is None:
            raise StaleObservation(f"{TCP_POSE} has not spoken yet")
        age, allowed = seconds(now - self._pose.stamp), self._contract.stream(TCP_POSE).max_age
        if abs(age) > allowed:
            raise StaleObservation(f"{TCP_POSE} is {age:.3f} s old; at most {allowed:g} s is allowed")
        return np.asarray(self._pose.value[:3], dtype=np.float64)
