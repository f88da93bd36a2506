"""Time to a success: our training beside robomimic's, policies on the way rolled out in our simulator."""

from __future__ import annotations

import json
import multiprocessing
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, Literal, NamedTuple

import torch

from balanced_bc.demonstrations.dataset import Dataset
from balanced_bc.demonstrations.tags import BEHAVIOR
from balanced_bc.learning.config import EvaluationConfig, TrainingConfig
from balanced_bc.learning.evaluation.intervals import wilson
from balanced_bc.learning.gathering import load_pairs
from balanced_bc.learning.training.fit import fit
from balanced_bc.policies import checkpoint
from balanced_bc.policies.actor import ActingPolicy, ChunkedActor
from balanced_bc.policies.config import PolicyConfig
from balanced_bc.simulation.environment import DeskEnv, make
from balanced_bc.simulation.tasks import behaviors_of
from benchmarks.rivals import stock
from benchmarks.rivals.stock import Reached

Side = Literal["ours", "robomimic"]
HORIZON = EvaluationConfig().horizon
"""Ticks after which a rollout has failed."""
DONE = "done"
"""File that says that our training is over."""


class Judged(NamedTuple):
    """A policy on the way, and how it fares.

    Attributes:
        side: Whose it is.
        steps: Optimizer steps until then.
        wall: Wall time of loading and training until then, [s].
        cpu: Processor time of the same, [s].
        successes: Rollouts that succeeded, behavior by behavior.
        rollouts: Rollouts of each behavior.
    """

    side: Side
    steps: int
    wall: float
    cpu: float
    successes: dict[str, int]
    rollouts: int

    @property
    def rate(self) -> float:
        """Share of all rollouts that succeeded."""
        return sum(self.successes.values()) / self.number

    @property
    def number(self) -> int:
        """All rollouts."""
        return len(self.successes) * self.rollouts


class Result(NamedTuple):
    """When both were as good.

    Attributes:
        target: The best success that robomimic reached.
        theirs: When it first did.
        ours: When ours first did; None if it did not.
    """

    target: float
    theirs: Judged
    ours: Judged | None

    @property
    def ratio(self) -> float | None:
        """Our time over theirs, wall; the goal is at most 1/5."""
        return self.ours.wall / self.theirs.wall if self.ours else None


def train_ours(dataset: Path, folder: Path, every: int, config: TrainingConfig) -> Iterator[Reached]:
    """Train our image policy with its defaults; keep a checkpoint every so many steps.

    Args:
        dataset: Our dataset.
        folder: Where checkpoints are kept; what is there of an unfinished training is removed.
        every: Steps between two checkpoints.
        config: Training.
    """
    shutil.rmtree(folder, ignore_errors=True)
    begun, begun_cpu = perf_counter(), process_time()
    opened = Dataset.open(dataset)
    reports = fit(
        load_pairs(opened, (BEHAVIOR,), PolicyConfig()),
        PolicyConfig(),
        replace(config, report_every=every),
    )
    wall = cpu = 0.0
    for report in reports:
        wall, cpu = wall + perf_counter() - begun, cpu + process_time() - begun_cpu
        path = folder / f"{report.step:06d}"
        reached = Reached(str(path), report.step, wall, cpu)
        checkpoint.save(path, report.policy, opened.contract, reached._asdict())
        yield reached
        begun, begun_cpu = perf_counter(), process_time()
    (folder / DONE).touch()


def kept_of_ours(folder: Path) -> list[Reached]:
    """Checkpoints of a finished training, the first of them first."""
    return [Reached(**checkpoint.load(path).provenance) for path in sorted(folder.glob("[0-9]*"))]


def train_robomimic(dataset: Path, folder: Path, every: int, seconds: float, seed: int) -> Iterator[Reached]:
    """Train robomimic's policy on the same demonstrations; see `stock.train`."""
    pairs = load_pairs(Dataset.open(dataset), (BEHAVIOR,), stock.POLICY)
    return stock.train(pairs, folder, every, seconds, seed)


class Job(NamedTuple):
    """A rollout of a policy."""

    side: Side
    path: str
    task: str
    behavior: str
    seed: int


def judge(
    side: Side, found: Sequence[Reached], task: str, rollouts: int, workers: int, results: Path
) -> Iterator[Judged]:
    """Roll policies out that `results` does not have yet, and add them to it; then all that it has.

    Args:
        side: Whose they are.
        found: Policies on the way.
        task: Task of the simulator.
        rollouts: Rollouts of each behavior, from the same starts for all policies.
        workers: Processes.
        results: File of one line of JSON for each policy.
    """
    known = {(one.side, one.steps) for one in read(results) if one.rollouts == rollouts}
    missing = [one for one in found if (side, one.steps) not in known]
    with multiprocessing.get_context("spawn").Pool(workers, torch.set_num_threads, (1,)) as pool:
        for each in missing:
            jobs = [Job(side, each.path, task, name, i) for name in behaviors_of(task) for i in range(rollouts)]
            won = dict.fromkeys(behaviors_of(task), 0)
            for job, success in zip(jobs, pool.imap(roll, jobs, chunksize=5)):
                won[job.behavior] += success
            judged = Judged(side, each.steps, each.wall, each.cpu, won, rollouts)
            with results.open("a") as file:
                file.write(json.dumps(judged._asdict()) + "\n")
            yield judged


def read(results: Path) -> list[Judged]:
    """What `judge` wrote."""
    if not results.exists():
        return []
    return [Judged(**json.loads(line)) for line in results.read_text().splitlines()]


def roll(job: Job) -> bool:
    """Whether a policy succeeds from one start."""
    world, actor = _world(job.task), ChunkedActor(_policy(job.side, job.path))
    info = world.reset(seed=job.seed, options={"behavior": job.behavior})[1]
    for _ in range(HORIZON):
        if info["success"]:
            break
        info = world.step(actor.act(world.observe() if actor.needs_observation else None))[-1]
    return bool(info["success"])


@lru_cache(maxsize=1)
def _world(task: str) -> DeskEnv:
    return make(task, render_images=False, horizon=HORIZON)


@lru_cache(maxsize=1)
def _policy(side: Side, path: str) -> ActingPolicy:
    return checkpoint.load(path).policy if side == "ours" else stock.Acting(path)


def result(judged: Sequence[Judged]) -> Result | None:
    """Compare; None while one of both has no policy, or none of robomimic's ever succeeded."""
    curves = {side: [one for one in judged if one.side == side] for side in ("ours", "robomimic")}
    if not all(curves.values()):
        return None
    theirs = max(curves["robomimic"], key=lambda one: (one.rate, -one.wall))
    if not theirs.rate:
        return None
    as_good = [one for one in curves["ours"] if one.rate >= theirs.rate]
    return Result(theirs.rate, theirs, min(as_good, key=lambda one: one.wall) if as_good else None)


def rows(judged: Sequence[Judged]) -> list[tuple[str, ...]]:
    """Both curves as text."""
    head = ("side", "steps", "wall", "processor", "successes", "rate", "95 % interval")
    return [head, *(_row(one) for one in sorted(judged, key=lambda one: (one.side, one.steps)))]


def _row(one: Judged) -> tuple[str, ...]:
    won = sum(one.successes.values())
    low, high = wilson(won, one.number)
    times = (f"{one.wall:.0f} s", f"{one.cpu:.0f} s")
    return (one.side, str(one.steps), *times, f"{won}/{one.number}", f"{one.rate:.2f}", f"{low:.2f} to {high:.2f}")


def sentence(found: Result | None) -> str:
    """The result for people."""
    if found is None:
        return "nothing to compare: one of both has no policy, or none of robomimic's succeeded"
    reached = f"robomimic reached {found.target:.2f} after {found.theirs.wall:.0f} s"
    if found.ours is None:
        return f"{reached}; ours did not"
    return (
        f"{reached}, ours {found.ours.rate:.2f} after {found.ours.wall:.0f} s: {found.ratio:.3f} of the time, goal 0.2"
    )


def plain(judged: Sequence[Judged]) -> dict[str, Any]:
    """The result and both curves, for JSON."""
    found = result(judged)
    compared = found and {
        "target": found.target,
        "theirs": found.theirs._asdict(),
        "ours": found.ours and found.ours._asdict(),
        "ratio": found.ratio,
    }
    return {"result": compared, "curves": [one._asdict() for one in judged]}
