"""What one meta-gradient step costs, and whether that is what was wanted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from itertools import accumulate
from statistics import median
from time import perf_counter
from typing import NamedTuple

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from benchmarks.rivals.clock import Contender, Train, rounds
from benchmarks.rivals.learner import finish
from benchmarks.rivals.meta_cases import Case, Workload
from benchmarks.rivals.meta_rivals import DEFAULT, JVP, PLAIN, Step, steps_of

TOLERANCE = 2e-3
"""Relative difference of meta-gradients in float32 above which a contender computes something else."""


class Cost(NamedTuple):
    """What one step costs.

    Attributes:
        device: Where.
        workload: What is learned.
        groups: k, which is also the number of references.
        contender: Who.
        seconds: Processor time of a step on a CPU, wall time on a GPU, median over rounds, [s].
        first: Wall time of the first step, with what is compiled for it, [s].
        memory: The most that tensors of a step take at once, [MB].
    """

    device: str
    workload: str
    groups: int
    contender: str
    seconds: float
    first: float
    memory: float


def costs(
    workload: Workload, groups: int, pairs: int, device: torch.device, number: int, compiling: bool
) -> Iterator[Cost]:
    """Time every contender in turn, after a check that all compute the same."""
    case = Case.of(workload, groups, pairs, device)
    steps = dict(steps_of(case, compiling))
    first = {name: begun(step) for name, step in steps.items()}
    agree({name: gradient for name, (gradient, _) in first.items()})
    contenders = [contender(name, step, device) for name, step in steps.items()]
    timed = list(rounds(contenders, number, max(2 * workload.steps // groups, 1)))
    for name in steps:
        took = median(one.cpu if device.type == "cpu" else one.wall for one in timed if one.name == name)
        yield Cost(device.type, workload.name, groups, name, took, first[name][1], peak(steps[name], device) / 1e6)


def begun(step: Step) -> tuple[Tensor, float]:
    """What the first step computes, and how long it takes, [s]."""
    start = perf_counter()
    return step().detach(), perf_counter() - start


def peak(step: Step, device: torch.device) -> int:
    """The most that tensors which a step makes take at once, [bytes]."""
    if device.type != "cpu":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        step()
        return torch.cuda.max_memory_allocated(device) - before
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        step()
    told = profiled.profiler.kineto_results.events()
    changes = [event for event in told if event.name() == "[memory]"]
    changes.sort(key=lambda event: event.start_ns())
    return int(max(accumulate(event.nbytes() for event in changes)))


def contender(name: str, step: Step, device: torch.device) -> Contender:
    """A step that needs nothing to be opened."""
    train: Train = partial(repeat, step, device)
    return Contender(name, lambda: nullcontext(train), 1)


def repeat(step: Step, device: torch.device, number: int) -> None:
    """Take a step so often, and wait until it is done."""
    for _ in range(number):
        step()
    finish(device)


def agree(found: Mapping[str, Tensor]) -> None:
    """Make sure that all contenders compute the same meta-gradient.

    Raises:
        RuntimeError: One does not.
    """
    wanted = found[PLAIN]
    for name, gradient in found.items():
        if float((gradient - wanted).norm()) > TOLERANCE * float(wanted.norm()):
            raise RuntimeError(f"{name} computes another meta-gradient: {gradient} instead of {wanted}")


def rows(found: Sequence[Cost]) -> list[tuple[str, ...]]:
    """Costs of one case as text."""
    plain = next(cost.seconds for cost in found if cost.contender == PLAIN)
    lines: list[tuple[str, ...]] = [("k", "step", "ms", "ms per reference", "plain loop / this", "first, s", "MB")]
    for _, _, groups, name, seconds, first, memory in found:
        took = 1e3 * seconds
        ratios = (f"{took:.2f}", f"{took / groups:.2f}", f"{plain / seconds:.2f}")
        lines.append((str(groups), name, *ratios, f"{first:.1f}", f"{memory:.1f}"))
    return lines


class Claim(NamedTuple):
    """A goal and how it is met.

    Attributes:
        text: What is claimed.
        ratio: What was measured.
        goal: What it should be.
        most: Whether the goal is the largest value allowed; else the smallest.
    """

    text: str
    ratio: float
    goal: float
    most: bool

    @property
    def holds(self) -> bool:
        """Whether it is met."""
        return self.ratio <= self.goal if self.most else self.ratio >= self.goal


def claims(found: Sequence[Cost]) -> Iterator[Claim]:
    """Goals that the costs can judge."""
    cases = dict[tuple[str, str, int], dict[str, float]]()
    for device, workload, groups, name, seconds, *_ in found:
        cases.setdefault((device, workload, groups), {})[name] = seconds
    for (device, workload, groups), took in cases.items():
        where = f"{device}, {workload}, k = {groups}"
        yield Claim(f"{where}: plain loop / default", took[PLAIN] / took[DEFAULT], 1.0, most=False)
        if (device, groups) == ("cuda", 8):
            yield Claim(f"{where}: loop / lanes", took[f"{JVP}, loop"] / took[f"{JVP}, lanes"], 5.0, most=False)
    for device, workload in dict.fromkeys(case[:2] for case in cases):
        each = {k: took[DEFAULT] / k for (d, w, k), took in cases.items() if (d, w) == (device, workload)}
        least = min(each)
        for groups in sorted(each)[1:]:
            text = f"{device}, {workload}: cost per reference at k = {groups} / at k = {least}"
            yield Claim(text, each[groups] / each[least], 1.3, most=True)
