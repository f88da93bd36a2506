"""Contenders timed round by round, one after another, so that what else runs on the machine disturbs all alike."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from time import perf_counter, process_time
from typing import NamedTuple

Train = Callable[[int], None]
"""Trains for so many steps."""


class Contender(NamedTuple):
    """What is timed.

    Attributes:
        name: What it is called in the table.
        open: Makes it ready for a round; what is opened is closed when the round is over, loader processes included.
        warm_up: Steps at the beginning of a round that are not timed: they use up what was loaded ahead.
    """

    name: str
    open: Callable[[], AbstractContextManager[Train]]
    warm_up: int = 2


class Round(NamedTuple):
    """How long a round's steps took.

    Attributes:
        name: Contender.
        wall: Wall time of a step, [s].
        cpu: Processor time of a step, that of loader processes included, [s].
    """

    name: str
    wall: float
    cpu: float


def rounds(contenders: Sequence[Contender], number: int, steps: int) -> Iterator[Round]:
    """Time all contenders in turn, and all of them again, `number` times."""
    for _ in range(number):
        for contender in contenders:
            with contender.open() as train:
                train(contender.warm_up)
                wall, cpu = perf_counter(), processor_time()
                train(steps)
                took = (perf_counter() - wall) / steps, (processor_time() - cpu) / steps
            yield Round(contender.name, *took)


def processor_time() -> float:
    """Processor time of this process and of those that it has started and that still run, [s]."""
    pids = [child.pid for child in multiprocessing.active_children() if child.pid]
    return process_time() + sum(_of_process(pid) for pid in pids)


def _of_process(pid: int) -> float:
    """User and system time, fields 14 and 15 of a process' stat, [s]."""
    stat = Path(f"/proc/{pid}/stat")
    if not stat.exists():
        return 0.0
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
