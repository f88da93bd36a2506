"""A recording session: takes that are begun, tagged, saved, discarded and undone. No ROS."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf

from balanced_bc.demonstrations.cdr import stamp as stamp_in
from balanced_bc.demonstrations.contract import GRIPPER_COMMAND, TASK_BEHAVIOR, TASK_SUCCESS, VELOCITY_COMMAND
from balanced_bc.demonstrations.dataset import Dataset
from balanced_bc.demonstrations.recording import EpisodeWriter
from balanced_bc.demonstrations.tags import BEHAVIOR, SUCCESS, checked
from balanced_bc.nodes.errors import NodeError
from balanced_bc.nodes.hearing import Gripper, Hearing, Pairing
from balanced_bc.nodes.states import IDLE, RECORDING


class Session:
    """One dataset, and at most one take at a time.

    Args:
        dataset: Where takes are saved.
        tags: Tags of every take.
        silence: Time without a message after which a stream counts as silent, [s].
    """

    def __init__(self, dataset: Dataset, tags: Mapping[str, str], silence: float) -> None:
        self.dataset = dataset
        self.tags = dict(tags)
        self.silence = silence
        self.hearing = Hearing(stream.topic for stream in dataset.contract.streams)
        self._holding = {stream.topic for stream in dataset.contract.streams if stream.max_age == inf}
        self._held: dict[str, bytes] = {}
        self._pairing = Pairing()
        self._said: dict[str, str] = {}
        self._take: EpisodeWriter | None = None
        self._take_tags: dict[str, str] = {}

    @property
    def recording(self) -> bool:
        """Whether a take is open."""
        return self._take is not None

    @property
    def description(self) -> str:
        """State in words."""
        if self._take is None:
            return IDLE
        tags = " ".join(f"{axis}={value}" for axis, value in self._current_tags().items() if axis != SUCCESS)
        return f"{RECORDING} {self._take.folder.name} {tags}"

    def on_message(self, topic: str, data: bytes, stamp: int, wall: float, sent: int) -> None:
        """Remember a message, and record it if a take is open.

        Args:
            topic: Stream of the contract.
            data: Serialized message.
            stamp: Time of reception on the node's clock, [ns].
            wall: The same on a clock that always runs, [s].
            sent: When it was sent, on the sender's wall clock, [ns].
        """
        self.hearing.on_message(topic, wall)
        if topic in self._holding:
            self._held[topic] = data
        if topic == VELOCITY_COMMAND:
            self._pairing.on_velocity(sent, stamp_in(self.dataset.contract.stream(topic).type, data, stamp))
        if self._take is not None:
            self._record(self._take, topic, data, stamp, sent)

    def on_said(self, topic: str, text: str) -> None:
        """Remember what the task's topics say: the behavior that is wanted, and whether it was done.

        The behavior is said when the world is reset; that opens the gripper, so its last command holds no longer.
        """
        self._said[topic] = text
        if topic == TASK_BEHAVIOR:
            self._held.pop(GRIPPER_COMMAND, None)

    def tag(self, tags: Mapping[str, str]) -> None:
        """Set tags of the open take, or of the next one if none is open."""
        self._take_tags.update(checked(tags))

    def start(self, stamp: int, wall: float) -> str:
        """Begin a take.

        What holds until it changes, such as the light bulb or the gripper's target, is recorded as it stands.

        Raises:
            NodeError: A take is open, a stream that every observation needs is silent, or the behavior is unknown.
        """
        if self._take is not None:
            raise NodeError(f"{self._take.folder.name} is being recorded already; save or discard it first")
        self._require_sound(wall)
        self._require_behavior()
        self._take = self.dataset.writer()
        for topic, data in self._held.items():
            self._take.write(topic, stamp, data)
        return self.description

    def save(self, provenance: Mapping[str, str]) -> str:
        """Keep the open take; when this returns, it is on the disk."""
        take = self._open_take()
        for stamp, data in self._pairing.alone():
            take.write(GRIPPER_COMMAND, stamp, data)
        try:
            record = take.save(self._current_tags(), provenance)
        finally:
            if not take.open:
                self._end()
        tags = " ".join(f"{axis}={value}" for axis, value in record.tags.items())
        return f"saved {record.name} {tags}: {record.pairs} pairs, {record.duration:.1f} s, {record.gaps} gaps"

    def discard(self) -> str:
        """Move the open take to the trash."""
        take = self._open_take()
        try:
            folder = take.discard()
        finally:
            self._end()
        return f"discarded, now in {folder}" if folder else "discarded; nothing had been recorded"

    def undo(self) -> str:
        """Move the last saved take to the trash."""
        if self._take is not None:
            raise NodeError(f"{self._take.folder.name} is being recorded; save or discard it first")
        return f"{self.dataset.undo().name} is in the trash"

    def mark_success(self, success: bool) -> str:
        """Say whether the open take, or else the last saved one, did what was wanted."""
        value = str(success).lower()
        if self._take is not None:
            self.tag({SUCCESS: value})
            return f"{self._take.folder.name} is tagged {SUCCESS}={value}"
        if not (episodes := self.dataset.episodes):
            raise NodeError("no take is open and none is saved: there is nothing to mark")
        self.dataset.tag([episodes[-1].index], {SUCCESS: value})
        return f"{episodes[-1].name} is tagged {SUCCESS}={value}"

    def close(self) -> None:
        """Leave no half-written take: what is open goes to the trash."""
        if self._take is not None:
            self.discard()

    def counts(self) -> dict[str, int]:
        """Saved demonstrations of each behavior, and 0 for the one that is asked for now."""
        wanted = self._behavior()
        return {**({wanted: 0} if wanted else {}), **self.dataset.counts(BEHAVIOR)}

    def _open_take(self) -> EpisodeWriter:
        if self._take is None:
            raise NodeError("no take is open; call ~/start first")
        return self._take

    def _record(self, take: EpisodeWriter, topic: str, data: bytes, stamp: int, sent: int) -> None:
        """Write a message; a gripper command as soon as its velocity command has come."""
        if topic == GRIPPER_COMMAND:
            self._pairing.on_gripper(Gripper(sent, stamp, data))
        else:
            take.write(topic, stamp, data)
        for its_stamp, gripper in self._pairing.paired():
            take.write(GRIPPER_COMMAND, its_stamp, gripper)

    def _end(self) -> None:
        self._pairing.alone()
        self._take = None
        self._take_tags = {}

    def _behavior(self) -> str:
        return {**self.tags, **self._take_tags}.get(BEHAVIOR) or self._said.get(TASK_BEHAVIOR, "")

    def _current_tags(self) -> dict[str, str]:
        """Tags by rising precedence: what the task says, the session's tags, the take's."""
        said = {BEHAVIOR: self._said.get(TASK_BEHAVIOR), SUCCESS: self._said.get(TASK_SUCCESS)}
        return {**{axis: value for axis, value in said.items() if value}, **self.tags, **self._take_tags}

    def heard(self, wall: float) -> tuple[str, tuple[str, ...]]:
        """What is heard, with rates, and which streams that every observation needs are not.

        Args:
            wall: Now, on a clock that always runs, [s].
        """
        needed = [stream.topic for stream in self.dataset.contract.observation_streams]
        return self.hearing.report(wall, self.silence), self.hearing.silent(needed, wall, self.silence)

    def _require_sound(self, wall: float) -> None:
        heard, silent = self.heard(wall)
        if silent:
            raise NodeError(f"{', '.join(silent)} said nothing in the last {self.silence:g} s; heard are: {heard}")

    def _require_behavior(self) -> None:
        if not self._behavior():
            raise NodeError(
                f"the behavior is unknown: nobody says it on {TASK_BEHAVIOR}, and tags are {self.tags or 'empty'}; "
                "set it with the parameter tags, as in tags:=['behavior=left'], or on ~/tag"
            )
