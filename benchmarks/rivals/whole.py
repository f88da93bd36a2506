"""From nothing to a judged picking policy: the commands that a user types, and how long each takes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from tempfile import mkdtemp
from time import perf_counter
from typing import NamedTuple

from balanced_bc.learning.evaluation.evaluation import Evaluation, Success

COUNTS = "left=21,middle=21,right=21"
"""63 demonstrations, balanced, as many as the paper has."""
GOAL = 12 * 60.0
"""Training and evaluation together should take at most so long on 2 cores, [s]."""


class Piece(NamedTuple):
    """One command.

    Attributes:
        verb: Of `balanced-bc`.
        wall: Wall time, [s].
        cpu: Processor time, [s].
    """

    verb: str
    wall: float
    cpu: float


def pieces(folder: Path, rollouts: int, workers: int) -> Iterator[Piece]:
    """Run the commands one after another.

    Args:
        folder: Empty folder to write to.
        rollouts: Rollouts of each of the three behaviors.
        workers: Processes that collect and evaluate.
    """
    data, policy = str(folder / "dataset"), str(folder / "policy")
    shared = ("--workers", str(workers))
    yield timed("collect", "--task", "picking", "--counts", COUNTS, "--output", data, *shared)
    yield timed("train", "--dataset", data, "--policy", "image", "--output", policy)
    yield timed("evaluate", "--checkpoint", policy, "--task", "picking", "--rollouts", str(rollouts), *shared)


def timed(*words: str) -> Piece:
    """Run one command of `balanced-bc`; what it prints goes to the error stream."""
    begun, before = perf_counter(), _children()
    subprocess.run([sys.executable, "-m", "balanced_bc", *words], check=True, stdout=sys.stderr)
    return Piece(words[0], perf_counter() - begun, _children() - before)


def _children() -> float:
    """Processor time of processes that are over, [s]."""
    used = getrusage(RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def folder_in(output: Path) -> Path:
    """A new folder."""
    output.mkdir(parents=True, exist_ok=True)
    return Path(mkdtemp(prefix="whole-", dir=output))


def success(folder: Path) -> Success:
    """How the policy fared."""
    return Evaluation.read(folder / "policy" / "evaluation.yaml").overall


def rows(found: Sequence[Piece]) -> list[tuple[str, ...]]:
    """Pieces as text."""
    return [("command", "wall", "processor"), *((one.verb, f"{one.wall:.0f} s", f"{one.cpu:.0f} s") for one in found)]
