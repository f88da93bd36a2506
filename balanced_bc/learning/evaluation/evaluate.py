"""Rolling a checkpoint out in simulation."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from balanced_bc.learning.config import EvaluationConfig
from balanced_bc.learning.evaluation.evaluation import Evaluation
from balanced_bc.learning.evaluation.journal import Journal
from balanced_bc.learning.evaluation.rollout import Job, Played, Rollout
from balanced_bc.learning.evaluation.side_by_side import side_by_side
from balanced_bc.learning.evaluation.suitability import doubts
from balanced_bc.learning.evaluation.workers import in_processes
from balanced_bc.policies.checkpoint import Checkpoint, fingerprint, load, require_contract
from balanced_bc.simulation.environment import CONTRACT
from balanced_bc.simulation.tasks import behavior_of, behaviors_of
from balanced_bc.simulation.worlds import require_world

SHARED = ("task", "world", "horizon")
"""What of a configuration every rollout depends on."""


class Done(NamedTuple):
    """One more rollout is over.

    Attributes:
        done: Rollouts that are over.
        total: Rollouts to do.
        played: The last one.
    """

    done: int
    total: int
    played: Played

    @property
    def rollout(self) -> Rollout:
        """How the last one went."""
        return self.played.rollout


def evaluate(path: str | Path, config: EvaluationConfig, journal: Path | None = None) -> Generator[Done, None, None]:
    """Roll a checkpoint out in a simulated world.

    Args:
        path: Folder of the policy.
        config: Task, world, behaviors, number of rollouts, seed, workers, worlds.
        journal: File that keeps what is over; rollouts of the same policy that it has already are not done again.
            Whoever has written the result removes it.

    Yields:
        Each rollout when it is over, in any order, those of the journal first; `collected` puts them in order.

    Raises:
        SimulationError: The task, a behavior or the world does not exist; those that do are listed.
        PolicyError: There is no checkpoint, or it was made for other cameras.
        LearningError: A worker process ended, or the policy said what no arm can do.
    """
    jobs = jobs_of(config)
    kept = None if journal is None else Journal(journal, about(path, config))
    over = [kept.kept[job] for job in jobs if job in kept.kept] if kept else []
    for done, played in enumerate(over, start=1):
        yield Done(done, len(jobs), played)
    known = {played.rollout.job for played in over}
    missing = [job for job in jobs if job not in known]
    try:
        for done, played in enumerate(played_out(path, config, missing), start=1 + len(over)):
            if kept:
                kept.keep(played)
            yield Done(done, len(jobs), played)
    finally:
        if kept:
            kept.close()


def played_out(path: str | Path, config: EvaluationConfig, jobs: Sequence[Job]) -> Iterator[Played]:
    """Do some rollouts, in any order, and tell what was done in them; raises as `evaluate` does."""
    require_world(config.world)
    loaded = opened(path)
    if config.workers > 1 and len(jobs) > 1:
        return in_processes(str(path), config, jobs)
    left = deque(jobs)
    return side_by_side(loaded.policy, config, lambda _waits: left.popleft() if left else None)


def require_rollouts(config: EvaluationConfig) -> None:
    """Refuse what there is not.

    Raises:
        SimulationError: The task, a behavior or the world does not exist; those that do are listed.
    """
    require_world(config.world)
    behaviors(config)


def opened(path: str | Path) -> Checkpoint:
    """A policy that fits the simulated robot.

    Raises:
        PolicyError: There is no checkpoint, or it was made for other cameras.
    """
    loaded = load(path)
    require_contract(loaded.contract, CONTRACT, str(path))
    return loaded


def collected(path: str | Path, config: EvaluationConfig, rollouts: Sequence[Rollout]) -> Evaluation:
    """Put the finished rollouts of a checkpoint in order, by behavior, then seed, and say what speaks against them."""
    against = doubts(load(path).provenance, behaviors(config))
    ordered = sorted(rollouts, key=lambda one: one.job)
    return Evaluation(str(path), fingerprint(path), config, tuple(ordered), against)


def jobs_of(config: EvaluationConfig) -> list[Job]:
    """Rollouts that a configuration asks for, behavior by behavior."""
    return [Job(name, config.seed + i) for name in behaviors(config) for i in range(config.rollouts)]


def behaviors(config: EvaluationConfig) -> tuple[str, ...]:
    """Behaviors to evaluate.

    Raises:
        SimulationError: There is no such task or behavior; those that exist are listed.
    """
    exist = behaviors_of(config.task)
    for name in config.behaviors:
        behavior_of(config.task, name)
    return tuple(dict.fromkeys(config.behaviors)) or exist


def about(path: str | Path, config: EvaluationConfig) -> dict[str, Any]:
    """Everything that a rollout depends on beside its behavior and seed."""
    plain = asdict(config)
    return {"checkpoint": fingerprint(path), **{name: plain[name] for name in SHARED}}
