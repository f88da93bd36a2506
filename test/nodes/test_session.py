"""A recording session gives every message its time, whatever the order in which it hears them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from resource import RLIMIT_FSIZE, getrlimit, setrlimit

import numpy as np
import pytest

from balanced_bc.demonstrations.contract import (
    GRIPPER_COMMAND,
    JOINT_STATES,
    TASK_BEHAVIOR,
    VELOCITY_COMMAND,
    RobotContract,
)
from balanced_bc.demonstrations.dataset import Dataset
from balanced_bc.demonstrations.decoding import Sample
from balanced_bc.demonstrations.encoding import encode_sample
from balanced_bc.demonstrations.errors import DemonstrationError
from balanced_bc.nodes.session import Session

CONTRACT = RobotContract(cameras=())
PERIOD = 1_000_000_000 // 30
TICKS = range(1, 11)
CLOSES_AT = 5
LATE = TICKS[-1] * PERIOD
Heard = tuple[str, int]
"""Topic and tick of a message."""


@pytest.fixture
def session(tmp_path: Path) -> Session:
    """A session of a robot without cameras that has just been heard."""
    session = Session(Dataset.create(tmp_path / "dataset", CONTRACT), {"behavior": "slider"}, silence=2.0)
    hear(session, (JOINT_STATES, 0), 0)
    return session


def hear(session: Session, heard: Heard, now: int) -> None:
    """Hear a message at a time of the recorder's clock, [ns]; the gripper's command is sent just before the twist."""
    topic, tick = heard
    values = {
        JOINT_STATES: np.append(np.zeros(7), 0.08),
        VELOCITY_COMMAND: np.full(6, 0.1),
        GRIPPER_COMMAND: 1.0 if tick < CLOSES_AT else 0.0,
    }
    data = encode_sample(topic, Sample(tick * PERIOD, values[topic]), CONTRACT)
    session.on_message(topic, data, now, wall=0.0, sent=2 * tick + (topic == VELOCITY_COMMAND))


def labels(session: Session) -> list[float]:
    """The gripper's label at every tick of the only episode."""
    session.save({})
    gripper: list[float] = session.dataset.demonstration(0).action[:, 6].tolist()
    return gripper


WANTED = [1.0 if tick < CLOSES_AT else -1.0 for tick in TICKS]
SENT = [(topic, tick) for tick in TICKS for topic in (JOINT_STATES, GRIPPER_COMMAND, VELOCITY_COMMAND)]
IN_TURNS = sorted(SENT, key=lambda heard: (heard[1], heard[0] == GRIPPER_COMMAND))
TWISTS_FIRST = sorted(SENT, key=lambda heard: heard[0] != VELOCITY_COMMAND)


@pytest.mark.parametrize(
    ("order", "clock"),
    [
        pytest.param(SENT, lambda tick: tick * PERIOD, id="in time"),
        pytest.param(SENT, lambda tick: (tick - 1) * PERIOD, id="with a clock that is a tick behind"),
        pytest.param(SENT, lambda _: LATE, id="after a pause"),
        pytest.param(IN_TURNS, lambda _: LATE, id="after a pause, in turns with the twists first"),
        pytest.param(sorted(SENT), lambda _: LATE, id="after a pause, queue by queue"),
        pytest.param(TWISTS_FIRST, lambda _: LATE, id="after a pause, all twists first"),
    ],
)
def test_a_gripper_command_belongs_to_the_twist_that_was_sent_after_it(
    session: Session, order: list[Heard], clock: Callable[[int], int]
) -> None:
    session.start(0, 0.0)
    for heard in order:
        hear(session, heard, clock(heard[1]))
    assert labels(session) == WANTED


def test_a_gripper_command_that_is_said_once_holds_from_its_tick_on(session: Session) -> None:
    session.start(0, 0.0)
    hear(session, (GRIPPER_COMMAND, CLOSES_AT), LATE)
    for heard in SENT:
        if heard[0] != GRIPPER_COMMAND:
            hear(session, heard, LATE)
    assert labels(session) == WANTED


def test_a_gripper_command_without_a_twist_after_it_is_recorded_when_it_is_heard(session: Session) -> None:
    session.start(0, 0.0)
    for tick in TICKS:
        hear(session, (JOINT_STATES, tick), tick * PERIOD)
        hear(session, (VELOCITY_COMMAND, tick), tick * PERIOD)
    hear(session, (GRIPPER_COMMAND, TICKS[-1] + 1), LATE + PERIOD)
    session.save({})
    assert session.dataset.episode(0).streams[GRIPPER_COMMAND].messages == 1


@pytest.mark.parametrize(("resets", "wanted"), [(False, -1.0), (True, 1.0)])
def test_a_gripper_command_holds_into_the_next_take_unless_the_world_is_reset(
    session: Session, resets: bool, wanted: float
) -> None:
    hear(session, (GRIPPER_COMMAND, CLOSES_AT), 0)
    if resets:
        session.on_said(TASK_BEHAVIOR, "slider")
    session.start(0, 0.0)
    for heard in SENT:
        if heard[0] != GRIPPER_COMMAND:
            hear(session, heard, heard[1] * PERIOD)
    assert labels(session) == [wanted] * len(TICKS)


@contextmanager
def full_disk() -> Iterator[None]:
    """No file can grow beyond a few bytes."""
    before = getrlimit(RLIMIT_FSIZE)
    setrlimit(RLIMIT_FSIZE, (64, before[1]))
    try:
        yield
    finally:
        setrlimit(RLIMIT_FSIZE, before)


def test_a_full_disk_ends_the_take_and_the_next_one_can_begin(session: Session) -> None:
    session.start(0, 0.0)
    for heard in SENT:
        hear(session, heard, heard[1] * PERIOD)
    with full_disk(), pytest.raises(DemonstrationError, match=r"000000 cannot be saved and goes to .*trash"):
        session.save({})
    assert not session.recording
    assert (session.dataset.episodes, session.dataset.unfinished) == ((), ())
    session.close()
    hear(session, (JOINT_STATES, 0), 0)
    assert session.start(0, 0.0).startswith("recording 000000")
