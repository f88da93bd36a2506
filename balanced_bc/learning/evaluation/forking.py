"""Worker processes that start at once: one process imports what they need, and they are forks of it.

This module is light, so that the process can start before its user imports torch.
"""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext

NEEDED = "balanced_bc.learning.evaluation.workers"
"""Module that workers run."""


def start(more: Sequence[str] = ()) -> ForkServerContext:
    """Start the process that the workers are forks of, if it does not run yet.

    It ignores Ctrl+C, as the workers do: their parent ends them.

    Args:
        more: Modules to import beside those that workers need, such as what the program imports that starts them:
            each worker imports that program's file.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([NEEDED, *more])
    with _ignoring_interrupts():
        forkserver.ensure_running()
    return context


@contextmanager
def _ignoring_interrupts() -> Iterator[None]:
    """Ignore Ctrl+C for a moment; a process that starts meanwhile ignores it for ever."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
