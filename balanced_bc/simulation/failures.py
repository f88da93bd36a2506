"""What went wrong in an episode that failed, in a word."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from balanced_bc.simulation import failed_opening, failed_picking
from balanced_bc.simulation.errors import SimulationError
from balanced_bc.simulation.trace import FailureKind, Trace

JUDGES: Mapping[str, Callable[[Trace], FailureKind]] = {
    "opening": failed_opening.failure,
    "picking": failed_picking.failure,
}
"""Task to what judges it."""


def failure_of(trace: Trace) -> FailureKind:
    """Why an episode failed, from nothing but what is in its trace.

    Args:
        trace: An episode that did not succeed, with at least one action.

    Raises:
        SimulationError: Nothing judges this task, or nothing was done; the tasks that are judged are listed.
    """
    if trace.task not in JUDGES:
        raise SimulationError(f"nothing judges failures of task {trace.task!r}; judged are {', '.join(JUDGES)}")
    if len(trace.scenes) != len(trace.actions) + 1 or not len(trace.actions):
        raise SimulationError(f"{len(trace.actions)} actions and {len(trace.scenes)} scenes are no episode")
    return JUDGES[trace.task](trace)
