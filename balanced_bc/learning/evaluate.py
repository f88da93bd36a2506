"""Rolling a checkpoint out in simulation, over several processes."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import torch

from balanced_bc.learning.config import EvaluationConfig
from balanced_bc.learning.evaluation import Evaluation
from balanced_bc.learning.rollout import Rollout, rollout
from balanced_bc.policies.actor import ChunkedActor
from balanced_bc.policies.checkpoint import load, require_contract
from balanced_bc.simulation.environment import CONTRACT, DeskEnv, make
from balanced_bc.simulation.tasks import behavior_of, behaviors_of
from balanced_bc.simulation.worlds import require_world


class Done(NamedTuple):
    """One more rollout is over.

    Attributes:
        done: Rollouts that are over.
        total: Rollouts to do.
        rollout: How the last one went.
    """

    done: int
    total: int
    rollout: Rollout


def evaluate(path: str | Path, config: EvaluationConfig) -> Iterator[Done]:
    """Roll a checkpoint out in a simulated world.

    Args:
        path: Folder of the policy.
        config: Task, world, behaviors, number of rollouts, seed, workers.

    Yields:
        Each rollout when it is over, in any order; `collected` puts them in order.

    Raises:
        SimulationError: The task, a behavior or the world does not exist; those that do are listed.
        PolicyError: There is no checkpoint, or it was made for other cameras.
    """
    require_world(config.world)
    jobs = [(name, config.seed + i) for name in behaviors(config) for i in range(config.rollouts)]
    require_contract(load(path).contract, CONTRACT, str(path))
    results = _here(str(path), config, jobs) if config.workers == 1 else _in_processes(str(path), config, jobs)
    for done, result in enumerate(results, start=1):
        yield Done(done, len(jobs), result)


def collected(path: str | Path, config: EvaluationConfig, rollouts: Sequence[Rollout]) -> Evaluation:
    """Put finished rollouts in order: by behavior, then seed."""
    return Evaluation(str(path), config, tuple(sorted(rollouts)))


def behaviors(config: EvaluationConfig) -> tuple[str, ...]:
    """Behaviors to evaluate.

    Raises:
        SimulationError: There is no such task or behavior; those that exist are listed.
    """
    exist = behaviors_of(config.task)
    for name in config.behaviors:
        behavior_of(config.task, name)
    return config.behaviors or exist


Job = tuple[str, int]
"""Behavior and seed of a rollout."""


class _Stage(NamedTuple):
    """A world and who acts in it."""

    world: DeskEnv
    actor: ChunkedActor
    looks: bool

    @classmethod
    def of(cls, path: str, config: EvaluationConfig) -> _Stage:
        """Make the world and load the policy."""
        policy = load(path).policy
        world = make(config.task, config.world, render_images=False, horizon=config.horizon)
        return cls(world, ChunkedActor(policy), bool(policy.cameras))

    def run(self, job: Job, horizon: int) -> Rollout:
        """One rollout."""
        return rollout(self.world, self.actor, *job, horizon, self.looks)


def _here(path: str, config: EvaluationConfig, jobs: Sequence[Job]) -> Iterator[Rollout]:
    """One rollout after another in this process."""
    stage = _Stage.of(path, config)
    try:
        for job in jobs:
            yield stage.run(job, config.horizon)
    finally:
        stage.world.close()


def _in_processes(path: str, config: EvaluationConfig, jobs: Sequence[Job]) -> Iterator[Rollout]:
    """Rollouts shared by processes that start from nothing, each with one thread of torch."""
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(config.workers, len(jobs)), context, torch.set_num_threads, (1,))
    try:
        for future in as_completed([pool.submit(_run, path, config, job) for job in jobs]):
            yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _run(path: str, config: EvaluationConfig, job: Job) -> Rollout:
    """One rollout in a worker."""
    return _kept_stage(path, config).run(job, config.horizon)


_kept_stage = lru_cache(maxsize=1)(_Stage.of)
"""A worker makes its world once."""
