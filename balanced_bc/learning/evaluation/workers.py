"""Rollouts shared by processes: each asks for the next one when it has room."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

import torch

from balanced_bc.errors import BalancedBCError
from balanced_bc.learning.config import EvaluationConfig
from balanced_bc.learning.errors import LearningError
from balanced_bc.learning.evaluation import forking
from balanced_bc.learning.evaluation.rollout import Job, Played
from balanced_bc.learning.evaluation.side_by_side import side_by_side
from balanced_bc.policies.checkpoint import load

AHEAD = 1
"""Rollouts that a worker is given beyond those that it can begin, so that it never waits for its parent."""
PATIENCE = 5.0
"""Time that a worker gets to end by itself, [s]."""


class Worker:
    """One process, as its parent sees it."""

    def __init__(self, path: str, config: EvaluationConfig) -> None:
        context = forking.start()
        self.connection, there = context.Pipe()
        self.process: BaseProcess = context.Process(target=work, args=(there, path, config), daemon=True)
        self.process.start()
        there.close()
        self._given: list[Job] = []

    def give(self, job: Job | None) -> None:
        """One rollout more to do; None if there are no more."""
        if job is not None:
            self._given.append(job)
        with suppress(BrokenPipeError, ConnectionResetError):  # a process that has ended is noticed by `hear`
            self.connection.send(job)

    def hear(self) -> Played | None:
        """A rollout that is over; None when the process has ended and nothing is missing.

        Raises:
            LearningError: Something is missing; what went wrong is said as far as it is known.
        """
        try:
            said = self.connection.recv()
        except (EOFError, ConnectionResetError):
            self._require_all()
            return None
        if isinstance(said, Exception):
            raise said
        self._given.remove(said.rollout.job)
        return said  # type: ignore[no-any-return]

    def stop(self) -> None:
        """End the process, now."""
        self.connection.close()
        self.process.join(PATIENCE)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()

    def _require_all(self) -> None:
        self.process.join(PATIENCE)
        if self._given:
            first = self._given[0]
            raise LearningError(
                f"a worker process ended with exit code {self.process.exitcode} and left {len(self._given)} rollouts, "
                f"the first of them {first.behavior} from seed {first.seed}. A negative code is a signal; -9 is what a "
                "machine without memory sends: try fewer workers or worlds"
            )


def in_processes(path: str, config: EvaluationConfig, jobs: Sequence[Job]) -> Iterator[Played]:
    """Rollouts in `config.workers` processes, in the order in which they end."""
    workers = [Worker(path, config) for _ in range(min(config.workers, len(jobs)))]
    left = deque(jobs)
    try:
        for worker in workers * (config.worlds + AHEAD):
            _give(worker, left)
        yield from _heard(workers, left)
    finally:
        for worker in workers:
            worker.stop()


def _heard(workers: Sequence[Worker], left: deque[Job]) -> Iterator[Played]:
    speaking = {worker.connection: worker for worker in workers}
    while speaking:
        for connection in wait(list(speaking)):
            worker = speaking[connection]  # type: ignore[index]
            played = worker.hear()
            if played is None:
                del speaking[worker.connection]
                continue
            _give(worker, left)
            yield played


def _give(worker: Worker, left: deque[Job]) -> None:
    """The next rollout, or the word that there are no more."""
    worker.give(left.popleft() if left else None)


def work(connection: Connection, path: str, config: EvaluationConfig) -> None:
    """What a worker process does. It leaves Ctrl+C to its parent, and ends when the parent has gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    try:
        for played in side_by_side(load(path).policy, config, Inbox(connection).take):
            connection.send(played)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return
    except Exception as error:
        with suppress(BrokenPipeError, ConnectionResetError):  # another worker was first, and the parent has gone
            connection.send(error)
        if not isinstance(error, BalancedBCError):
            raise


class Inbox:
    """Rollouts that the parent sends."""

    def __init__(self, connection: Connection) -> None:
        self._connection, self._ended = connection, False

    def take(self, waits: bool) -> Job | None:
        """The next one; None if there are no more, or none now and waiting is not wanted."""
        if self._ended or not (waits or self._connection.poll()):
            return None
        job: Job | None = self._connection.recv()
        self._ended = job is None
        return job
