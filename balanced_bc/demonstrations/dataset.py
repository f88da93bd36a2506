"""A dataset on disk: a folder of tagged episodes, each a rosbag2 bag.

DATASET/dataset.yaml            format version and robot contract
DATASET/episodes/000000/        metadata.yaml and 000000.mcap: every message as it was received; never rewritten
DATASET/episodes/000000/episode.yaml    written last: its presence means saved and durable
DATASET/trash/                  what undo and discard removed, until somebody empties it
DATASET/cache/                  aligned arrays, derived and disposable
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from balanced_bc.demonstrations.cache import cached, key_of
from balanced_bc.demonstrations.contract import RobotContract
from balanced_bc.demonstrations.durable import content_hash, read_yaml, write_yaml
from balanced_bc.demonstrations.episode import EPISODE_FILE, EpisodeRecord, folder_name, read_episode, write_episode
from balanced_bc.demonstrations.errors import DemonstrationError
from balanced_bc.demonstrations.observation import Demonstration
from balanced_bc.demonstrations.reading import write_aligned
from balanced_bc.demonstrations.recording import EpisodeWriter, to_trash
from balanced_bc.demonstrations.rosbag2 import Offer
from balanced_bc.demonstrations.segments import FrameGroups, frame_groups, segment_of
from balanced_bc.demonstrations.tags import checked, spelled

FORMAT_VERSION = 1
"""Version of the layout above."""
DATASET_FILE = "dataset.yaml"


class Dataset:
    """A dataset that is open for reading and for recording.

    Format history: 1 is the first.
    """

    def __init__(self, path: Path, contract: RobotContract) -> None:
        """Use `Dataset.open`, `Dataset.create` or `Dataset.open_or_create`."""
        self.path = path
        self.contract = contract
        self._records: dict[int, tuple[tuple[int, int], EpisodeRecord]] = {}

    @classmethod
    def create(cls, path: Path | str, contract: RobotContract) -> Dataset:
        """Begin an empty dataset.

        Raises:
            DemonstrationError: The folder exists and is not empty.
        """
        path = Path(path)
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise DemonstrationError(f"{path} exists already and is not empty; a new dataset wants a new folder")
        (path / "episodes").mkdir(parents=True)
        write_yaml(path / DATASET_FILE, {"format_version": FORMAT_VERSION, "contract": contract.to_dict()})
        return cls(path, contract)

    @classmethod
    def open(cls, path: Path | str) -> Dataset:
        """Open a dataset that exists.

        Raises:
            DemonstrationError: There is none, it is damaged, or it has another format version.
        """
        path = Path(path)
        _require_dataset(path)
        plain = read_yaml(path / DATASET_FILE)
        if (version := plain.get("format_version")) != FORMAT_VERSION:
            raise DemonstrationError(
                f"{path} has dataset format version {version!r}; this version of balanced_bc reads {FORMAT_VERSION}"
            )
        if not isinstance(plain.get("contract"), dict):
            raise DemonstrationError(f"{path / DATASET_FILE} is damaged: it has no contract; it has {sorted(plain)}")
        return cls(path, RobotContract.from_dict(plain["contract"]))

    @classmethod
    def open_or_create(cls, path: Path | str, contract: RobotContract) -> Dataset:
        """Open a dataset to add to it, or begin it.

        Raises:
            DemonstrationError: It exists and was recorded under another contract; the differences are listed.
        """
        path = Path(path)
        if not path.exists() or (path.is_dir() and not any(path.iterdir())):
            return cls.create(path, contract)
        dataset = cls.open(path)
        if differences := dataset.contract.differences(contract):
            listed = "; ".join(differences)
            raise DemonstrationError(f"{path} was recorded under another contract ('here' is the dataset's): {listed}")
        return dataset

    @property
    def episodes(self) -> tuple[EpisodeRecord, ...]:
        """Every saved episode, by number. Numbers may be missing: pass `record.index` on, not a position.

        Raises:
            DemonstrationError: An episode.yaml is damaged.
        """
        return tuple(self.episode(int(folder.name)) for folder in self._folders() if (folder / EPISODE_FILE).exists())

    @property
    def axes(self) -> tuple[str, ...]:
        """Axes on which any episode or segment has a tag."""
        tags = [tags for r in self.episodes for tags in (r.tags, *(segment.tags for segment in r.segments))]
        return tuple(sorted({axis for each in tags for axis in each}))

    @property
    def unfinished(self) -> tuple[Path, ...]:
        """Folders without episode.yaml: being recorded now, or left by a process that was killed; never read."""
        return tuple(folder for folder in self._folders() if not (folder / EPISODE_FILE).exists())

    def episode(self, index: int) -> EpisodeRecord:
        """What is known about one episode.

        Raises:
            DemonstrationError: There is no such episode, or it is unfinished or damaged.
        """
        folder = self.folder(index)
        try:
            status = (folder / EPISODE_FILE).stat()
        except FileNotFoundError:
            raise DemonstrationError(self._why_missing(index)) from None
        identity = (status.st_mtime_ns, status.st_ino)
        if index not in self._records or self._records[index][0] != identity:
            self._records[index] = (identity, read_episode(folder))
        return self._records[index][1]

    def demonstration(self, index: int) -> Demonstration:
        """Aligned arrays of one episode; images are memory-mapped and read-only.

        Raises:
            DemonstrationError: There is no such episode, or its bag is damaged or no demonstration.
        """
        record, folder = self.episode(index), self.folder(index)
        bag_file = folder / f"{folder.name}.mcap"
        if not bag_file.exists():
            raise DemonstrationError(f"episode {folder} has lost its bag, {bag_file.name}")
        build = partial(_build, folder, bag_file, record, self.contract)
        return cached(self.path / "cache", folder.name, key_of(bag_file, self.contract), build, self.contract)

    def demonstrations(self) -> Iterator[tuple[EpisodeRecord, Demonstration]]:
        """Every saved episode with its arrays, one after another."""
        for record in self.episodes:
            yield record, self.demonstration(record.index)

    def writer(self, offers: Mapping[str, Offer] | None = None) -> EpisodeWriter:
        """Begin to record an episode.

        Args:
            offers: Topic to the quality of service that its publisher offers, where that is known.
        """
        return EpisodeWriter(self.path / "episodes", self.path / "trash", self.contract, offers)

    def undo(self) -> EpisodeRecord:
        """Move the last saved episode to the trash.

        Raises:
            DemonstrationError: No episode is saved.
        """
        if not (episodes := self.episodes):
            raise DemonstrationError(f"{self.path} has no saved episode, so there is nothing to undo")
        to_trash(self.folder(episodes[-1].index), self.path / "trash")
        return episodes[-1]

    def tag(self, indices: Iterable[int], tags: Mapping[str, str], part: tuple[float, float] | None = None) -> None:
        """Set tags of episodes, or of a part of each; their other tags stay.

        Args:
            indices: Numbers of the episodes.
            tags: Axis to value.
            part: From when to when, both included, [s] after an episode's first frame; None for whole episodes.

        Raises:
            DemonstrationError: An episode does not exist or has no such part, or a tag is malformed; then none is
                changed.
        """
        tags = checked(tags)
        found = [self.episode(index) for index in indices]
        if part is None:
            changed = [replace(record, tags={**record.tags, **tags}) for record in found]
        else:
            cut = [segment_of(record, tags, *part, self.contract.rate) for record in found]
            changed = [replace(record, segments=(*record.segments, new)) for record, new in zip(found, cut)]
        for record in changed:
            write_episode(self.folder(record.index), record)

    def untag(self, indices: Iterable[int]) -> None:
        """Forget the part that was tagged last of each episode.

        Args:
            indices: Numbers of the episodes.

        Raises:
            DemonstrationError: An episode does not exist or has no tagged part; then none is changed.
        """
        found = [self.episode(index) for index in indices]
        if whole := [record.index for record in found if not record.segments]:
            raise DemonstrationError(f"no part is tagged of episodes {spelled(whole)}")
        for record in found:
            write_episode(self.folder(record.index), replace(record, segments=record.segments[:-1]))

    def groups(self, axes: Iterable[str]) -> dict[str, tuple[int, ...]]:
        """Episodes of each group, `{"left+optimal": (0, 3), ...}`; an episode with segments may be in several.

        Raises:
            DemonstrationError: Frames lack an axis; where, and the axes that exist, is told.
        """
        groups: dict[str, list[int]] = {}
        for episode, found in self.frame_groups(axes).items():
            for name in found.names:
                groups.setdefault(name, []).append(episode)
        return {name: tuple(groups[name]) for name in sorted(groups)}

    def frame_groups(self, axes: Iterable[str]) -> dict[int, FrameGroups]:
        """Groups of the frames of each episode, by the tags that hold at their ticks.

        Episodes with segments on these axes are aligned for it.

        Raises:
            DemonstrationError: Frames lack an axis, or a segment lies outside of its episode.
        """
        return frame_groups(self.episodes, tuple(axes), lambda index: self.demonstration(index).ticks)

    def counts(self, axis: str) -> dict[str, int]:
        """Episodes of each value on an axis, by the tags of whole episodes; those without one are not counted."""
        return dict(Counter(record.tags[axis] for record in self.episodes if axis in record.tags))

    def fingerprint(self, axes: Sequence[str] | None = None) -> str:
        """Hash of the contract and of every episode's bag and tags: equal for copies, another one after any change.

        Args:
            axes: Tags that count; a change of others changes nothing. All, if None.
        """
        records = self.episodes if axes is None else [record.on(axes) for record in self.episodes]
        parts = [[r.index, r.bag, dict(r.tags), r.to_dict()["segments"]] for r in records]
        text = json.dumps([self.contract.to_dict(), parts], sort_keys=True)
        return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"

    def folder(self, index: int) -> Path:
        """Folder of an episode, whether it exists or not."""
        return self.path / "episodes" / folder_name(index)

    def _folders(self) -> list[Path]:
        episodes = self.path / "episodes"
        if not episodes.is_dir():
            return []
        return sorted(
            (entry for entry in episodes.iterdir() if entry.name.isdigit()), key=lambda entry: int(entry.name)
        )

    def _why_missing(self, index: int) -> str:
        saved = spelled(record.index for record in self.episodes) or "no saved episode"
        if self.folder(index).exists():
            return f"episode {index} of {self.path} is unfinished; saved are {saved}"
        return f"{self.path} has no episode {index}; it has {saved}"


def _build(folder: Path, bag_file: Path, record: EpisodeRecord, contract: RobotContract, into: Path) -> None:
    """Write an episode's aligned arrays, after making sure that its bag is the one that was saved."""
    if (found := content_hash(bag_file)) != record.bag:
        raise DemonstrationError(f"{bag_file} is damaged: its content is {found}; what was saved was {record.bag}")
    try:
        write_aligned(folder, contract, into)
    except DemonstrationError as error:
        raise DemonstrationError(f"episode {folder}: {error}") from error


def _require_dataset(path: Path) -> None:
    if (path / DATASET_FILE).is_file():
        return
    if not path.exists():
        near = sorted(entry.name for entry in path.parent.glob("*") if (entry / DATASET_FILE).exists())
        raise DemonstrationError(f"there is no folder {path}; datasets beside it: {near or 'none'}")
    held = sorted(entry.name for entry in path.iterdir())[:10] if path.is_dir() else "a file"
    raise DemonstrationError(f"{path} is no dataset: it has no {DATASET_FILE}; it holds {held or 'nothing'}")
