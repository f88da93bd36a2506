"""What happened in one episode, tick by tick, and whether the arm was at a limit when it ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from balanced_bc.control.limiter import Limits
from balanced_bc.demonstrations.contract import RobotContract
from balanced_bc.simulation.kinematics import JOINT_HIGH, JOINT_LOW
from balanced_bc.simulation.scene import SceneState

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

FailureKind = Literal["missed grasp", "wrong behavior", "limits", "timeout"]
FAILURES: tuple[FailureKind, ...] = get_args(FailureKind)
"""Names of what can go wrong, in the order of tables."""
LIMITS = Limits()
"""Of every arm that is judged."""
SECOND = round(RobotContract().rate)
"""Ticks in a second."""
JOINT_MARGIN = 0.02
"""A joint that is nearer to its limit than this is at its limit, [rad]."""
WORKSPACE_MARGIN = 0.01
"""A tool that is nearer to the border of the workspace than this, or beyond it, is at a limit, [m]."""
SPEED_SHARE = 0.99
"""Share of the largest speed from which on a command is at a limit."""
STALL_SPEED, STALL_SHARE = 0.1, 0.3
"""An arm that is commanded to move at such a speed, [m/s], and moves at less than this share of it, has stalled."""


class Trace(NamedTuple):
    """One episode.

    Attributes:
        task: Name of the task.
        behavior: What the start called for.
        scenes: The tabletop before the first action and after each, T + 1.
        actions: What was commanded: twist [m/s, rad/s] in the base frame and gripper (+1 open, -1 close), (T, 7).
    """

    task: str
    behavior: str
    scenes: Sequence[SceneState]
    actions: NDArray[np.floating]

    @property
    def tools(self) -> Floats:
        """Positions of the tool center point in the base frame, [m], (T + 1, 3)."""
        return np.array([scene.tcp_pose[:3] for scene in self.scenes])

    @property
    def in_time(self) -> Trace:
        """All but the last second."""
        return self._replace(scenes=self.scenes[:-SECOND], actions=self.actions[:-SECOND])


def last_resort(trace: Trace) -> FailureKind:
    """What a failure is called that has no better name: limits if the arm ends at one, else timeout."""
    return "limits" if ends_at_limits(trace) else "timeout"


def ends_at_limits(trace: Trace, limits: Limits = LIMITS) -> bool:
    """Whether the arm was at a limit for more than half of the last second.

    A tick counts if a joint is within `JOINT_MARGIN` of its limit; the tool within `WORKSPACE_MARGIN` of the border of
    the workspace, or beyond; the commanded linear or angular speed at `SPEED_SHARE` of the largest, or above; or the
    arm out of reach or blocked: commanded to move at `STALL_SPEED` or more, it moves at less than `STALL_SHARE` of it.
    """
    at_limit = is_bent(trace) | is_outside(trace, limits) | is_fast(trace, limits) | is_stalled(trace)
    last = at_limit[-SECOND:]
    return bool(2 * last.sum() > len(last))


def is_bent(trace: Trace) -> Flags:
    """Whether a joint is at its limit after each action, (T,)."""
    joints = np.array([scene.joints for scene in trace.scenes[1:]])
    bent = (joints < JOINT_LOW + JOINT_MARGIN) | (joints > JOINT_HIGH - JOINT_MARGIN)
    return np.logical_or.reduce(bent, axis=1)  # type: ignore[no-any-return]


def is_outside(trace: Trace, limits: Limits) -> Flags:
    """Whether the tool is at the border of the workspace, or beyond, after each action, (T,)."""
    low, high = np.array(limits.workspace_low), np.array(limits.workspace_high)
    tools = trace.tools[1:]
    outside = (tools < low + WORKSPACE_MARGIN) | (tools > high - WORKSPACE_MARGIN)
    return np.logical_or.reduce(outside, axis=1)  # type: ignore[no-any-return]


def is_fast(trace: Trace, limits: Limits) -> Flags:
    """Whether each command wants more speed than there is, (T,)."""
    linear, angular = (np.linalg.norm(part, axis=1) for part in (trace.actions[:, :3], trace.actions[:, 3:6]))
    fast: Flags = (linear >= SPEED_SHARE * limits.max_linear) | (angular >= SPEED_SHARE * limits.max_angular)
    return fast


def is_stalled(trace: Trace) -> Flags:
    """Whether the arm does not follow each command, (T,)."""
    commanded = np.linalg.norm(trace.actions[:, :3], axis=1)
    moved = SECOND * np.linalg.norm(np.diff(trace.tools, axis=0), axis=1)
    return (commanded >= STALL_SPEED) & (moved < STALL_SHARE * commanded)  # type: ignore[no-any-return]
