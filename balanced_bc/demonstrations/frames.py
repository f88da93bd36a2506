"""From values of streams to what a policy sees: the same functions for a bag and for a live robot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from balanced_bc.demonstrations.alignment import Alignment, Stamps, align
from balanced_bc.demonstrations.contract import (
    GRIPPER_COMMAND,
    JOINT_STATES,
    SCENE_JOINT_STATES,
    SCENE_LIGHTBULB,
    SCENE_RED_BLOCK,
    TCP_POSE,
    VELOCITY_COMMAND,
    RobotContract,
)
from balanced_bc.demonstrations.observation import Demonstration, Observation, scene_vector

Float32s = NDArray[np.float32]


class Track(NamedTuple):
    """Everything that one stream said.

    Attributes:
        stamps: Time of each message in order of arrival, [ns], int64, (n,).
        values: Value of each message, see `decode`.
    """

    stamps: Stamps
    values: Sequence[Any]


def robot_state(joints: NDArray[np.float64], contract: RobotContract) -> Float32s:
    """Robot state: 7 joint angles [rad] and the gripper's state (+1 open, -1 closed or holding), (..., 8).

    Args:
        joints: 7 joint angles [rad] and the gripper's opening [m], (..., 8).
        contract: Says above which opening the gripper is open.
    """
    opened = joints[..., 7:] >= contract.open_above * contract.max_opening
    state: Float32s = np.concatenate((joints[..., :7], np.where(opened, 1.0, -1.0)), axis=-1).astype(np.float32)
    return state


def gripper_action(opening: float) -> float:
    """Gripper action of a gripper command: +1 open from half open upward, -1 close.

    Args:
        opening: Commanded opening, 0 closed to 1 open.
    """
    return 1.0 if opening >= 0.5 else -1.0


def scene_of(values: Mapping[str, Any]) -> Float32s:
    """Scene vector of the latest value of each of the scene's streams, (21,)."""
    slider, drawer = values[SCENE_JOINT_STATES]
    return scene_vector(values[TCP_POSE], slider, drawer, values[SCENE_LIGHTBULB], values[SCENE_RED_BLOCK])


def observation_of(values: Mapping[str, Any], contract: RobotContract) -> Observation:
    """Make an observation of the latest value of each stream, with a scene where the scene's streams are among them."""
    images = {camera.name: values[camera.topic] for camera in contract.cameras}
    scene = scene_of(values) if TCP_POSE in values else None
    return Observation(images, robot_state(values[JOINT_STATES], contract), scene)


def states_of(alignment: Alignment, joints: Sequence[Any], contract: RobotContract) -> Float32s:
    """Robot state of every frame, (T, 8)."""
    return robot_state(np.asarray(joints)[alignment.indices[JOINT_STATES]], contract)


def actions_of(alignment: Alignment, twists: Sequence[Any], openings: Sequence[float], state: Float32s) -> Float32s:
    """Action of every frame, (T, 7).

    Args:
        alignment: Which messages belong to which frame.
        twists: Velocity commands, each (6,).
        openings: Gripper commands, 0 closed to 1 open.
        state: Robot states, (T, 8); their gripper state is the label until the gripper is commanded.
    """
    twist = np.asarray(twists)[alignment.indices[VELOCITY_COMMAND]]
    commanded = alignment.indices[GRIPPER_COMMAND]
    gripper = [gripper_action(openings[i]) if i >= 0 else float(state[row, 7]) for row, i in enumerate(commanded)]
    return np.column_stack((twist, gripper)).astype(np.float32)


def scenes_of(alignment: Alignment, tracks: Mapping[str, Track]) -> Float32s | None:
    """Scene of every frame, (T, 21), or None where the scene's streams did not all speak."""
    topics = (TCP_POSE, SCENE_JOINT_STATES, SCENE_RED_BLOCK, SCENE_LIGHTBULB)
    if not all(topic in alignment.indices for topic in topics):
        return None
    rows = range(len(alignment.ticks))
    return np.stack([scene_of({t: tracks[t].values[alignment.indices[t][row]] for t in topics}) for row in rows])


def demonstration_of(tracks: Mapping[str, Track], contract: RobotContract) -> Demonstration:
    """Align tracks and make a demonstration of them, all in memory.

    Raises:
        DemonstrationError: A stream never spoke, or no tick has all of them.
    """
    alignment = align(contract, {topic: track.stamps for topic, track in tracks.items()})
    images = {
        camera.name: np.stack([tracks[camera.topic].values[i] for i in alignment.indices[camera.topic]])
        for camera in contract.cameras
    }
    state = states_of(alignment, tracks[JOINT_STATES].values, contract)
    openings = tracks[GRIPPER_COMMAND].values if GRIPPER_COMMAND in tracks else ()
    action = actions_of(alignment, tracks[VELOCITY_COMMAND].values, openings, state)
    return Demonstration(alignment.ticks, images, state, action, scenes_of(alignment, tracks))
