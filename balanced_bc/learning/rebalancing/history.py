"""history.parquet: weights and losses of every group over time, thinned; balance.yaml stays small."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow
import torch
from torch import Tensor

from balanced_bc.balancing.result import SO_FAR, Progress
from balanced_bc.learning.rebalancing import parquet

NAME = "history.parquet"
"""Name of the file, beside balance.yaml."""
MOMENTS = 100
"""Moments of each phase of each repetition that are kept, at most."""
DIGITS = {"weight": "float32", "loss": "float32"}
COLUMNS = ("phase", "repetition", "step", "group", "weight", "loss")


class Trace(NamedTuple):
    """One phase of one repetition over time.

    Attributes:
        phase: Name of the phase.
        repetition: Number of the repetition, from 0.
        step: Descent steps taken, (t,).
        weights: Weight of each group; NaN in a phase that trains several lanes, (t, k).
        losses: Loss of each group, in a phase of several lanes the lowest of all, (t, k), [nat].
    """

    phase: str
    repetition: int
    step: Tensor
    weights: Tensor
    losses: Tensor


def traces(history: Sequence[Progress]) -> tuple[Trace, ...]:
    """Thin the progress of a run to what a person looks at: phase after phase of each repetition.

    Whoever does the pieces of a run, and when, changes nothing: blocks of lanes are joined step by step, and weights of
    the repetitions so far, which depend on that, are left out.
    """
    runs: dict[tuple[int, str], dict[int, Progress]] = {}
    for here in (now.of_groups for now in history):
        if here.result is None and here.losses.numel() and here.phase != SO_FAR:
            steps = runs.setdefault((here.repetition, here.phase), {})
            steps[here.step] = _joined(steps[here.step], here) if here.step in steps else here
    order = sorted(runs, key=lambda run: run[0])
    return tuple(_trace([runs[run][step] for step in sorted(runs[run])]) for run in order)


def _joined(first: Progress, second: Progress) -> Progress:
    """The lowest losses of two blocks of lanes at one step."""
    return first._replace(losses=torch.fmin(first.losses, second.losses))


def _trace(run: Sequence[Progress]) -> Trace:
    kept = thinned(run)
    weights, losses = [now.weights for now in kept], [now.losses for now in kept]
    step = torch.tensor([now.step for now in kept])
    return Trace(run[0].phase, run[0].repetition, step, torch.stack(weights).float(), torch.stack(losses).float())


def thinned(run: Sequence[Progress]) -> list[Progress]:
    """Keep at most `MOMENTS`, evenly, and always the last."""
    every = -(-len(run) // MOMENTS)
    return list(run[(len(run) - 1) % every :: every])


def write(folder: Path, found: Sequence[Trace], groups: Iterable[str]) -> None:
    """Write the history, if there is any."""
    if found:
        folder.mkdir(parents=True, exist_ok=True)
        parquet.write(folder / NAME, columns(found, tuple(groups)))


def columns(found: Sequence[Trace], groups: Sequence[str]) -> dict[str, Any]:
    """One row for each moment and group."""
    rows: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    for trace in found:
        size = len(trace.step)
        rows["phase"] += [trace.phase] * size * len(groups)
        rows["repetition"] += [trace.repetition] * size * len(groups)
        rows["step"] += trace.step.repeat_interleave(len(groups)).tolist()
        rows["group"] += list(groups) * size
        rows["weight"] += trace.weights.flatten().tolist()
        rows["loss"] += trace.losses.flatten().tolist()
    return {name: pyarrow.array(values, DIGITS.get(name)) for name, values in rows.items()}


def read(folder: Path) -> tuple[Trace, ...]:
    """Read the history beside balance.yaml; empty where there is none."""
    path = (folder if folder.is_dir() else folder.parent) / NAME
    return tuple(_read(path)) if path.is_file() else ()


def _read(path: Path) -> Iterator[Trace]:
    table = parquet.read(path, COLUMNS).to_pydict()
    phases = list(zip(table["phase"], table["repetition"]))
    groups = len(set(table["group"]))
    start = 0
    for (phase, repetition), run in groupby(phases):
        end = start + len(list(run))
        step = torch.tensor(table["step"][start:end:groups])
        weights, losses = (torch.tensor(table[name][start:end]).view(-1, groups) for name in ("weight", "loss"))
        yield Trace(phase, repetition, step, weights, losses)
        start = end
