"""Collect demonstrations without ROS: the same streams, in the same datasets, as the nodes record."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple
from zlib import crc32

import numpy as np

from balanced_bc.demonstrations.contract import TASK_BEHAVIOR, TASK_SUCCESS, VELOCITY_COMMAND
from balanced_bc.demonstrations.dataset import Dataset
from balanced_bc.demonstrations.decoding import Sample
from balanced_bc.demonstrations.encoding import encode_sample
from balanced_bc.demonstrations.tags import BEHAVIOR, OPERATOR, QUALITY, SUCCESS
from balanced_bc.simulation.demonstrators import make_demonstrator, percept_of
from balanced_bc.simulation.environment import CONTRACT, TabletopEnv, make
from balanced_bc.simulation.errors import SimulationError
from balanced_bc.simulation.streams import Said, commanded, sensed, stamp_of_tick
from balanced_bc.simulation.tasks import behavior_of, behaviors_of

LONGEST = 300
"""Ticks after which an attempt counts as failed: 10 s."""
MAX_ATTEMPTS = 50
"""Failed attempts at one demonstration after which something must be wrong."""


class Job(NamedTuple):
    """One demonstration to collect.

    Attributes:
        task: Name of the task.
        behavior: Name of the behavior.
        quality: Quality of the demonstrator.
        seeds: What start and demonstrator are drawn from.
    """

    task: str
    behavior: str
    quality: str
    seeds: tuple[int, ...]


class Recording(NamedTuple):
    """A demonstration that succeeded.

    Attributes:
        job: What it was made for.
        attempts: How many it took.
        seed: Seed of the start.
        steps: Number of actions.
        messages: Topic, time [ns] and CDR of every message.
    """

    job: Job
    attempts: int
    seed: int
    steps: int
    messages: tuple[tuple[str, int, bytes], ...]


class Progress(NamedTuple):
    """One demonstration more.

    Attributes:
        done: Demonstrations saved so far.
        total: Demonstrations wanted.
        behavior: Behavior of the last one.
        episode: Its number in the dataset.
        steps: Number of its actions.
        attempts: How many attempts it took; failed ones are thrown away.
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
    dataset: Dataset, task: str, counts: Mapping[str, int], quality: str = "optimal", seed: int = 0, workers: int = 1
) -> Iterator[Progress]:
    """Append successful demonstrations of scripted demonstrators to a dataset.

    The same arguments give the same demonstrations, whatever the number of workers.

    Args:
        dataset: Where to; its contract must be the simulated robot's.
        task: Name of the task.
        counts: Behavior to the number of demonstrations.
        quality: Quality of the demonstrators.
        seed: Source of starts and manners; take another one to add to a dataset.
        workers: Processes that simulate.

    Raises:
        SimulationError: A name or a number makes no sense; what exists is listed. Or the dataset has demonstrations
            of a behavior from this seed already; the same ones would come again.
    """
    _check(dataset, task, counts, quality, workers)
    _require_new(dataset, task, counts, quality, seed)
    total = sum(counts.values())
    for done, recording in enumerate(_recordings(_jobs(task, counts, quality, seed), workers), start=1):
        episode = _save(dataset, recording, seed)
        yield Progress(done, total, recording.job.behavior, episode, recording.steps, recording.attempts)


def demonstrate(job: Job) -> Recording:
    """Simulate until the demonstrator has succeeded.

    Raises:
        SimulationError: It failed too often.
    """
    for attempt in range(MAX_ATTEMPTS):
        rng = np.random.default_rng((*job.seeds, attempt))
        start_seed = int(rng.integers(2**31))
        said, steps = _attempt(job, start_seed, rng)
        if said:
            messages = tuple((topic, sample.stamp, encode_sample(topic, sample, CONTRACT)) for topic, sample in said)
            return Recording(job, attempt + 1, start_seed, steps, messages)
    raise SimulationError(
        f"{MAX_ATTEMPTS} attempts at {job.behavior} ({job.quality}) failed in a row, from {job.seeds}"
    )


def _attempt(job: Job, seed: int, rng: np.random.Generator) -> tuple[list[Said], int]:
    """What was said during one demonstration, and its number of actions; nothing if it failed."""
    world = _world(job.task)
    _, info = world.reset(seed=seed, options={"behavior": job.behavior})
    demonstrator = make_demonstrator(job.task, job.behavior, job.quality, rng)
    first = stamp_of_tick(1, CONTRACT)
    said: list[Said] = [(TASK_BEHAVIOR, Sample(first, job.behavior)), (TASK_SUCCESS, Sample(first, False))]
    success = False
    for tick in range(1, LONGEST + 1):
        stamp = stamp_of_tick(tick, CONTRACT)
        if info["success"] and not success:
            success = True
            said.append((TASK_SUCCESS, Sample(stamp, True)))
        said.extend(sensed(info["scene"], world.images(), stamp, CONTRACT))
        action = demonstrator.act(percept_of(info["scene"]))
        if demonstrator.finished:
            said.append((VELOCITY_COMMAND, Sample(stamp, np.zeros(6))))
            return (said, tick) if success else ([], tick)
        said.extend(commanded(action, stamp))
        *_, info = world.step(action)
    return [], LONGEST


@lru_cache(maxsize=2)
def _world(task: str) -> TabletopEnv:
    """One world per process and task: a reset rebuilds it, so nothing is left of earlier episodes."""
    return make(task, render_images=False, horizon=LONGEST)


def _jobs(task: str, counts: Mapping[str, int], quality: str, seed: int) -> list[Job]:
    """All demonstrations, behaviors taking turns."""
    names = list(counts)
    turns = [(index, name) for index in range(max(counts.values(), default=0)) for name in names]
    code = crc32(f"{task} {quality}".encode())
    return [
        Job(task, name, quality, (seed, code, behaviors_of(task).index(name), index))
        for index, name in turns
        if index < counts[name]
    ]


def _recordings(jobs: Sequence[Job], workers: int) -> Iterator[Recording]:
    if workers == 1:
        yield from map(demonstrate, jobs)
        return
    with multiprocessing.get_context("spawn").Pool(workers, _leave_interrupts_to_the_parent) as pool:
        yield from pool.imap(demonstrate, jobs)


def _leave_interrupts_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _save(dataset: Dataset, recording: Recording, collect_seed: int) -> int:
    job = recording.job
    tags = {BEHAVIOR: job.behavior, QUALITY: job.quality, OPERATOR: "scripted", SUCCESS: "true"}
    drawn = {"collect_seed": collect_seed, "seed": recording.seed, "attempts": recording.attempts}
    provenance = {"world": "tabletop", "task": job.task, **drawn}
    with dataset.writer() as writer:
        for topic, stamp, cdr in recording.messages:
            writer.write(topic, stamp, cdr)
        return writer.save(tags, provenance).index


def _require_new(dataset: Dataset, task: str, counts: Mapping[str, int], quality: str, seed: int) -> None:
    wanted = {(task, behavior, quality) for behavior, number in counts.items() if number}
    sources: dict[int, list[str]] = {}
    for record in dataset.episodes:
        source, kind = record.provenance.get("collect_seed"), record.provenance.get("task")
        if isinstance(source, int) and (kind, record.tags.get(BEHAVIOR), record.tags.get(QUALITY)) in wanted:
            sources.setdefault(source, []).append(record.name)
    if again := sources.get(seed):
        raise SimulationError(
            f"{dataset.path} has {quality} demonstrations from seed {seed} already, as {again[0]}; the same would come "
            f"again. Take another seed, as in --seed {max(sources) + 1}"
        )


def _check(dataset: Dataset, task: str, counts: Mapping[str, int], quality: str, workers: int) -> None:
    for behavior, number in counts.items():
        behavior_of(task, behavior)
        make_demonstrator(task, behavior, quality, np.random.default_rng(0))
        if number < 0:
            raise SimulationError(f"{number} demonstrations of {behavior} are wanted; the number must be at least 0")
    if workers < 1:
        raise SimulationError(f"{workers} workers are wanted; there must be at least 1")
    if differences := dataset.contract.differences(CONTRACT):
        raise SimulationError(
            f"{dataset.path} is not for the simulated robot ('here' is the dataset's): {'; '.join(differences)}"
        )
