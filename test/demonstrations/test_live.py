"""What the policy sees live is what the dataset will say that it saw."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from balanced_bc.demonstrations.contract import JOINT_STATES, VELOCITY_COMMAND, Camera, RobotContract
from balanced_bc.demonstrations.dataset import Dataset
from balanced_bc.demonstrations.decoding import Sample
from balanced_bc.demonstrations.episode import EpisodeRecord
from balanced_bc.demonstrations.errors import StaleObservation
from balanced_bc.demonstrations.frames import Track, demonstration_of
from balanced_bc.demonstrations.live import REMEMBERED, LiveBuffer

SECOND = 1_000_000_000
SMALL = RobotContract(cameras=(Camera("eye", 1, 1),))
EYE = "eye/image_raw"


def eye(tick: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.full((1, 1, 3), tick % 256, dtype=np.uint8)


def full(buffer: LiveBuffer, stamp: int) -> LiveBuffer:
    buffer.add(EYE, Sample(stamp, eye(1)))
    buffer.add(JOINT_STATES, Sample(stamp, np.zeros(8)))
    return buffer


def test_a_frame_of_the_bag_is_what_the_live_buffer_gives(
    dataset: Dataset,
    record: Callable[..., EpisodeRecord],
    said_at: Callable[[int], list[tuple[str, Sample]]],
    contract: RobotContract,
) -> None:
    demonstration = dataset.demonstration(record(behavior="slider").index)
    buffer = LiveBuffer(contract, scene=True)
    for row in range(10):
        for topic, sample in said_at(row):
            buffer.add(topic, sample)
        live, offline = buffer.observation(int(demonstration.ticks[row])), demonstration.observation(row)
        for name in offline.images:
            assert_array_equal(live.images[name], offline.images[name])
        assert_array_equal(live.state, offline.state)
        assert live.scene is not None
        assert offline.scene is not None
        assert_array_equal(live.scene, offline.scene)


stamps = st.lists(st.integers(0, SECOND), min_size=4, max_size=REMEMBERED)


@given(stamps, stamps, stamps)
def test_live_equals_offline_whatever_the_times(images: list[int], joints: list[int], commands: list[int]) -> None:
    tracks = {
        EYE: Track(np.array([0, *images]), [eye(k) for k in range(len(images) + 1)]),
        JOINT_STATES: Track(np.array([0, *joints]), [np.full(8, float(k)) for k in range(len(joints) + 1)]),
        VELOCITY_COMMAND: Track(np.array([0, *commands]), [np.full(6, float(k)) for k in range(len(commands) + 1)]),
    }
    demonstration = demonstration_of(tracks, SMALL)
    for row, tick in enumerate(demonstration.ticks):
        buffer = LiveBuffer(SMALL)
        for topic, track in tracks.items():
            for stamp, value in zip(track.stamps.tolist(), track.values):
                if stamp <= tick:
                    buffer.add(topic, Sample(stamp, value))
        live = buffer.observation(int(tick))
        assert_array_equal(live.images["eye"], demonstration.images["eye"][row])
        assert_array_equal(live.state, demonstration.state[row])


def test_a_buffer_without_scene_needs_no_scene() -> None:
    assert full(LiveBuffer(SMALL), SECOND).observation(SECOND).scene is None


def test_a_silent_stream_is_named() -> None:
    buffer = LiveBuffer(SMALL)
    buffer.add(EYE, Sample(SECOND, eye(0)))
    with pytest.raises(StaleObservation, match="joint_states has not spoken"):
        buffer.observation(SECOND)


def test_a_stale_stream_is_named_with_its_age() -> None:
    buffer = full(LiveBuffer(SMALL), SECOND)
    buffer.add(JOINT_STATES, Sample(SECOND + SECOND // 4, np.zeros(8)))
    with pytest.raises(StaleObservation, match=r"eye/image_raw is 0\.250 s old; at most 0\.1 s"):
        buffer.observation(SECOND + SECOND // 4)


def test_stamps_ahead_of_the_clock_are_called_so() -> None:
    with pytest.raises(StaleObservation, match=r"1\.000 s ahead of the clock"):
        full(LiveBuffer(SMALL), 2 * SECOND).observation(SECOND)


def test_a_cleared_buffer_has_heard_nothing() -> None:
    buffer = full(LiveBuffer(SMALL), SECOND)
    buffer.clear()
    with pytest.raises(StaleObservation, match="has not spoken"):
        buffer.observation(SECOND)


def test_streams_that_no_observation_needs_are_ignored() -> None:
    LiveBuffer(SMALL).add("task/behavior", Sample(SECOND, "slider"))


def test_a_long_session_keeps_few_messages() -> None:
    buffer = LiveBuffer(SMALL)
    for tick in range(1000):
        full(buffer, tick)
    assert buffer.observation(999).state[7] == -1.0
