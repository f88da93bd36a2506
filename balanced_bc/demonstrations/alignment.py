"""Alignment in time: which message of each stream belongs to which tick. Pure functions of stamps.

Rules, the same for a bag and for a live robot:

- An observation at a tick holds the latest message of each stream at or before the tick, not older than the stream's
  maximum age. It never holds one from the future.
- The action of a tick is the command that answers the observation: the latest velocity command up to half a period
  after the tick. Whoever commands needs a moment to answer, and his clock jitters; the action is a label, not an input,
  so this is no look into the future.
- A gripper command holds until the next one. Before the first one nobody wants the gripper to move, so the label is its
  state.
- Ticks lie on a fixed grid that begins with the first velocity command for which every observation is there, and ends
  with the last one. Ticks at which a stream is stale are left out and counted as gaps.

Time is that of the header stamps, so it is when a thing was true and not when a message about it arrived.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from balanced_bc.demonstrations.contract import GRIPPER_COMMAND, VELOCITY_COMMAND, RobotContract, Stream
from balanced_bc.demonstrations.errors import DemonstrationError
from balanced_bc.demonstrations.stamps import NANOSECONDS

ALIGNMENT_VERSION = 1
"""Grows whenever the rules above change; aligned arrays of another version are rebuilt."""

Stamps = NDArray[np.int64]
Indices = NDArray[np.int64]


class Alignment(NamedTuple):
    """Which messages make up each frame of a demonstration.

    Attributes:
        ticks: Time of each frame, [ns], (T,).
        indices: Stream to the message of each frame, counted in order of arrival, (T,); -1 only in the gripper's
            commands, before the first one.
        gaps: Ticks that were left out between the first and the last frame, because a stream was stale.
    """

    ticks: Stamps
    indices: Mapping[str, Indices]
    gaps: int


def latest_at(stamps: Stamps, ticks: Stamps, max_age: float) -> Indices:
    r"""Find the latest message at or before each tick, -1 where there is none or it is too old.

    .. math:: i(t) = \arg\max_i \{ s_i : s_i \le t, \; t - s_i \le a \}

    Of equal stamps the one that arrived last counts; otherwise the order of arrival makes no difference.

    Args:
        stamps: :math:`s`, time of each message in order of arrival, [ns], (n,).
        ticks: :math:`t`, [ns], (T,).
        max_age: :math:`a`, [s]; inf where a message holds until the next one.
    """
    if len(stamps) == 0:
        return np.full(len(ticks), -1, dtype=np.int64)
    order = np.argsort(stamps, kind="stable")
    position = np.searchsorted(stamps[order], ticks, side="right") - 1
    found = order[np.maximum(position, 0)]
    fresh = (position >= 0) & (ticks - stamps[found] <= max_age * NANOSECONDS)
    return np.where(fresh, found, -1).astype(np.int64)


def grid(first: int, last: int, rate: float) -> Stamps:
    r"""Ticks from the first to the last command, [ns], (T,).

    .. math:: t_k = t_0 + \lceil k / r \rceil, \quad k = 0 \dots \mathrm{round}((t_{last} - t_0) r)

    Rounded up, because a sensor on the same clock rounds its stamps too: a nanosecond must not turn its message into
    one from the future. The last tick may lie up to half a period after the last command, as its label may.

    Args:
        first: :math:`t_0`, [ns].
        last: :math:`t_{last}`, [ns].
        rate: :math:`r`, [Hz].
    """
    count = int((last - first) * rate / NANOSECONDS + 0.5) + 1
    offsets: Stamps = np.ceil(np.arange(count) * NANOSECONDS / rate).astype(np.int64)
    return first + offsets


def observed_streams(contract: RobotContract, spoke: Mapping[str, object]) -> tuple[Stream, ...]:
    """Streams that make up an observation: those of the contract, and the scene's where all of them spoke."""
    has_scene = all(stream.topic in spoke for stream in contract.scene_streams)
    return (*contract.observation_streams, *(contract.scene_streams if has_scene else ()))


def align(contract: RobotContract, stamps: Mapping[str, Stamps]) -> Alignment:
    """Find the messages of every frame of a demonstration.

    Args:
        contract: Streams, their maximum ages, and the rate.
        stamps: Stream to the time of each message in order of arrival, [ns].

    Raises:
        DemonstrationError: A stream never spoke, or no tick has all of them; what was recorded is listed.
    """
    _require_all_spoke(contract, stamps)
    ages = {stream.topic: stream.max_age for stream in contract.streams}
    observed = [stream.topic for stream in observed_streams(contract, stamps)]
    commands = np.sort(stamps[VELOCITY_COMMAND])
    ticks = grid(_start(contract, stamps, observed, commands), int(commands[-1]), contract.rate)
    answers = ticks + int(contract.period * NANOSECONDS / 2)
    indices = {topic: latest_at(stamps[topic], ticks, ages[topic]) for topic in observed}
    indices[VELOCITY_COMMAND] = latest_at(stamps[VELOCITY_COMMAND], answers, ages[VELOCITY_COMMAND])
    complete = np.all([found >= 0 for found in indices.values()], axis=0)
    gripper = stamps.get(GRIPPER_COMMAND, np.zeros(0, dtype=np.int64))
    indices[GRIPPER_COMMAND] = latest_at(gripper, answers, ages[GRIPPER_COMMAND])
    last = int(np.flatnonzero(complete)[-1])
    gaps = int((~complete[:last]).sum())
    return Alignment(ticks[complete], {topic: found[complete] for topic, found in indices.items()}, gaps)


def _start(contract: RobotContract, stamps: Mapping[str, Stamps], observed: Sequence[str], commands: Stamps) -> int:
    """First velocity command at which every observed stream is fresh, [ns]."""
    ages = {stream.topic: stream.max_age for stream in contract.streams}
    ready = np.all([latest_at(stamps[topic], commands, ages[topic]) >= 0 for topic in observed], axis=0)
    if not ready.any():
        raise DemonstrationError(
            f"at no velocity command is every stream there and fresh; recorded were {_spans(stamps)}"
        )
    return int(commands[np.argmax(ready)])


def _require_all_spoke(contract: RobotContract, stamps: Mapping[str, Stamps]) -> None:
    wanted = (*(stream.topic for stream in contract.observation_streams), VELOCITY_COMMAND)
    if silent := [topic for topic in wanted if len(stamps.get(topic, ())) == 0]:
        raise DemonstrationError(f"{', '.join(silent)} never spoke; recorded were {_spans(stamps)}")


def _spans(stamps: Mapping[str, Stamps]) -> str:
    """Say what each stream recorded and when, in seconds after the earliest message."""
    spoken = {topic: times for topic, times in stamps.items() if len(times)}
    if not spoken:
        return "no messages at all"
    start = min(int(times.min()) for times in spoken.values())
    return "; ".join(
        f"{topic}: {len(times)} messages from {(times.min() - start) / NANOSECONDS:.2f} s"
        f" to {(times.max() - start) / NANOSECONDS:.2f} s"
        for topic, times in sorted(spoken.items())
    )
