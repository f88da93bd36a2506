"""The live side of the alignment: remembers what streams said and gives the observation at a tick."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np

from balanced_bc.demonstrations.alignment import latest_at
from balanced_bc.demonstrations.contract import RobotContract, Stream
from balanced_bc.demonstrations.decoding import Sample
from balanced_bc.demonstrations.errors import StaleObservation
from balanced_bc.demonstrations.frames import observation_of
from balanced_bc.demonstrations.observation import Observation
from balanced_bc.demonstrations.stamps import seconds

REMEMBERED = 32
"""Messages kept of each stream: enough for any that arrive out of order; 4 MB of a 200 x 200 camera."""


class LiveBuffer:
    """The latest messages of a robot, and the observation that they make."""

    def __init__(self, contract: RobotContract, scene: bool = False) -> None:
        """Listen to a robot.

        Args:
            contract: Streams and their maximum ages.
            scene: Whether observations have the privileged scene, so its streams are needed.
        """
        self.contract = contract
        self.streams: tuple[Stream, ...] = contract.observation_streams + (contract.scene_streams if scene else ())
        self._samples: dict[str, deque[Sample]] = {stream.topic: deque(maxlen=REMEMBERED) for stream in self.streams}

    def add(self, topic: str, sample: Sample) -> None:
        """Remember what a stream said; streams that no observation needs are ignored."""
        if (samples := self._samples.get(topic)) is not None:
            samples.append(sample)

    def clear(self) -> None:
        """Forget everything, as at the start of an episode."""
        for samples in self._samples.values():
            samples.clear()

    def observation(self, tick: int) -> Observation:
        """Make the observation at a tick.

        Args:
            tick: Time, [ns], on the clock of the header stamps.

        Raises:
            StaleObservation: A stream has no message at or before the tick, or only one that is too old.
        """
        values = {stream.topic: self._value(stream, tick) for stream in self.streams}
        return observation_of(values, self.contract)

    def _value(self, stream: Stream, tick: int) -> Any:
        samples = self._samples[stream.topic]
        stamps = np.array([sample.stamp for sample in samples], dtype=np.int64)
        (index,) = latest_at(stamps, np.array([tick], dtype=np.int64), stream.max_age)
        if index < 0:
            raise StaleObservation(_why_stale(stream, [sample.stamp for sample in samples], tick))
        return samples[index].value


def _why_stale(stream: Stream, stamps: list[int], tick: int) -> str:
    """Name the stream and its age."""
    if not stamps:
        return f"{stream.topic} has not spoken yet"
    past = [stamp for stamp in stamps if stamp <= tick]
    if not past:
        ahead = seconds(min(stamps) - tick)
        return f"{stream.topic} is stamped {ahead:.3f} s ahead of the clock; do both use the same time?"
    age = seconds(tick - max(past))
    return f"{stream.topic} is {age:.3f} s old; at most {stream.max_age:g} s is allowed"
