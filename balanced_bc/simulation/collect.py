"""Collect demonstrations without ROS: the same streams, in the same datasets, as the nodes record.

Every demonstration has an identity: world, task, behavior, quality, seed and number. It follows from that alone and is
written into its provenance, so the same call again finds what is there and makes what is missing.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import NamedTuple

from balanced_bc.demonstrations.dataset import Dataset
from balanced_bc.demonstrations.episode import EpisodeRecord
from balanced_bc.demonstrations.tags import BEHAVIOR, KIND, OPERATOR, QUALITY, SUCCESS, parse_counts
from balanced_bc.simulation.calvin_package import require_installed
from balanced_bc.simulation.config import CollectConfig
from balanced_bc.simulation.environment import CONTRACT
from balanced_bc.simulation.errors import SimulationError
from balanced_bc.simulation.kinds.kinds import QUALITIES, Kinds
from balanced_bc.simulation.performing import Job, Recording, demonstrate
from balanced_bc.simulation.tasks import behavior_of, behaviors_of
from balanced_bc.simulation.worlds import CALVIN, TABLETOP, WorldName, require_world


class Progress(NamedTuple):
    """One demonstration more.

    Attributes:
        done: Demonstrations that are there.
        total: Demonstrations wanted.
        behavior: Behavior of the last one.
        episode: Its number in the dataset.
        steps: Number of its actions.
        attempts: How many attempts it took; unless failures are kept, failed ones are thrown away.
    """

    done: int
    total: int
    behavior: str
    episode: int
    steps: int
    attempts: int

    @property
    def note(self) -> str:
        """The last demonstration in short."""
        return f"episode {self.episode}: {self.behavior}, {self.steps} steps"


def collect(
    dataset: Dataset,
    task: str,
    counts: Mapping[str, int],
    quality: str = "optimal",
    seed: int = 0,
    workers: int = 1,
    keep_failures: bool = False,
    kinds: Kinds = Kinds(),
    world: WorldName = TABLETOP,
) -> Iterator[Progress]:
    """Bring the demonstrations of scripted demonstrators in a dataset to the numbers that are wanted.

    The same arguments give the same demonstrations, whatever the number of workers and however often it was
    interrupted. Those that are there already are not made again; another seed gives others.

    Args:
        dataset: Where to; its contract must be the simulated robot's.
        task: Name of the task.
        counts: Demonstrations wanted from this seed, by behavior (`slider`) or by behavior and quality
            (`slider+noisy`).
        quality: Quality where only the behavior is named.
        seed: Source of starts, kinds and manners.
        workers: Processes that simulate.
        keep_failures: Keep every demonstration as it comes, tagged success=false if it fails.
        kinds: Parameters of the kinds of demonstrators.
        world: Name of the world.

    Raises:
        SimulationError: A name or a number makes no sense; what exists is listed. The dataset has one of the
            demonstrations, but made with other settings. Or the world is not installed.
    """
    jobs = wanted(task, counts, quality, seed, keep_failures, kinds, world)
    return performed(dataset, jobs, workers)


def performed(dataset: Dataset, jobs: Sequence[Job], workers: int) -> Iterator[Progress]:
    """Make those of some demonstrations that the dataset lacks.

    Raises:
        SimulationError: The dataset is not the simulated robot's, or one was made with other settings.
    """
    if workers < 1:
        raise SimulationError(f"{workers} workers are wanted; there must be at least 1")
    if differences := dataset.contract.differences(CONTRACT):
        raise SimulationError(
            f"{dataset.path} is not for the simulated robot ('here' is the dataset's): {'; '.join(differences)}"
        )
    return _added(dataset, _missing(dataset, jobs), len(jobs), workers)


def _added(dataset: Dataset, missing: Sequence[Job], total: int, workers: int) -> Iterator[Progress]:
    """Make and save what is missing."""
    for done, recording in enumerate(_recordings(missing, workers), start=1 + total - len(missing)):
        episode = _save(dataset, recording)
        yield Progress(done, total, recording.job.behavior, episode, recording.steps, recording.attempts)


def jobs_of(config: CollectConfig, kinds: Kinds = Kinds()) -> list[Job]:
    """What a configuration asks for: see `wanted`."""
    plain = {field.name: getattr(config, field.name) for field in fields(config) if field.name != "workers"}
    return wanted(kinds=kinds, **{**plain, "counts": parse_counts(config.counts)})


def wanted(
    task: str,
    counts: Mapping[str, int],
    quality: str,
    seed: int,
    keep_failures: bool,
    kinds: Kinds,
    world: WorldName = TABLETOP,
) -> list[Job]:
    """All demonstrations that are wanted, groups taking turns.

    Raises:
        SimulationError: A name or a number makes no sense; what exists is listed.
    """
    require_world(world)
    if world == CALVIN:
        require_installed()
    groups: dict[tuple[str, str], int] = {}
    for name, number in counts.items():
        group = _group(task, name, quality, keep_failures, kinds)
        if number < 0:
            raise SimulationError(f"{number} demonstrations of {name} are wanted; the number must be at least 0")
        if group in groups:
            raise SimulationError(f"{'+'.join(group)} is counted twice: {dict(counts)}")
        groups[group] = number
    if not any(groups.values()):
        raise SimulationError(f"{dict(counts)} asks for no demonstration; {task} has {', '.join(behaviors_of(task))}")
    turns = range(max(groups.values(), default=0))
    return [
        Job(task, *group, seed, number, keep_failures, kinds, world)
        for number in turns
        for group, count in groups.items()
        if number < count
    ]


def _group(task: str, name: str, quality: str, keep_failures: bool, kinds: Kinds) -> tuple[str, str]:
    """Behavior and quality of a group that is spelled `slider` or `slider+noisy`."""
    behavior, _, its_quality = name.partition("+")
    quality = its_quality or quality
    behavior_of(task, behavior)
    if quality not in QUALITIES:
        raise SimulationError(f"there is no quality {quality!r}; there are {', '.join(QUALITIES)}")
    if quality != "suboptimal" and kinds.kind(quality).ALWAYS_FAILS and not keep_failures:
        raise SimulationError(
            f"{quality} demonstrations never succeed; to record them, keep failures (--keep-failures)"
        )
    return behavior, quality


def _missing(dataset: Dataset, jobs: Sequence[Job]) -> list[Job]:
    """Jobs whose demonstration is not there.

    Raises:
        SimulationError: One is there, but made with other settings.
    """
    there = {_key(record.provenance): record for record in dataset.episodes}
    for job in jobs:
        if record := there.get(_key(job.identity)):
            _require_same_settings(dataset, job, record)
    return [job for job in jobs if _key(job.identity) not in there]


def _key(identity: Mapping[str, object]) -> tuple[object, ...]:
    """The identity of a demonstration, from a job or from an episode's provenance."""
    return tuple(identity.get(name) for name in ("world", "task", "behavior", "quality", "collect_seed", "number"))


def _require_same_settings(dataset: Dataset, job: Job, record: EpisodeRecord) -> None:
    kind = str(record.provenance.get("kind"))
    wanted = job.settings(kind)
    found = {name: record.provenance.get(name) for name in wanted}
    if found != wanted:
        raise SimulationError(
            f"{dataset.path} has {job.behavior} ({kind}) from seed {job.seed} as {record.name}, made with {found}; "
            f"wanted is {wanted}. Take another seed or another dataset"
        )


def _recordings(jobs: Sequence[Job], workers: int) -> Iterator[Recording]:
    if workers == 1 or len(jobs) < 2:
        yield from map(demonstrate, jobs)
        return
    with multiprocessing.get_context("spawn").Pool(workers, _leave_interrupts_to_the_parent) as pool:
        yield from pool.imap(demonstrate, jobs)


def _leave_interrupts_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _save(dataset: Dataset, recording: Recording) -> int:
    job, kind = recording.job, recording.kind
    outcome = str(recording.success).lower()
    tags = {BEHAVIOR: job.behavior, QUALITY: job.quality, KIND: kind, OPERATOR: "scripted", SUCCESS: outcome}
    drawn = {"kind": kind, "seed": recording.seed, "attempts": recording.attempts}
    provenance = {**job.identity, **job.settings(kind), **drawn}
    with dataset.writer() as writer:
        for topic, stamp, cdr in recording.messages:
            writer.write(topic, stamp, cdr)
        return writer.save(tags, provenance).index
