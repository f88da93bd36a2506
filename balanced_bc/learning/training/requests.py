"""A checkpoint of the policy so far, asked for from another thread while training goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event

from balanced_bc.errors import BalancedBCError
from balanced_bc.learning.errors import LearningError


class Requests:
    """One thread asks and waits; the one that trains answers between two steps."""

    def __init__(self) -> None:
        self._asked, self._open = Event(), Event()
        self._answers: SimpleQueue[Path | Exception] = SimpleQueue()

    def ask(self, patience: float) -> Path:
        """Ask for a checkpoint and wait until it is written.

        Args:
            patience: How long to wait, [s].

        Raises:
            LearningError: It could not be written, or training does not answer.
        """
        while not self._answers.empty():  # of somebody who waited no longer
            self._answers.get()
        self._asked.set()
        try:
            if not self._open.is_set():
                raise LearningError("no checkpoint: training has not begun, or has ended")
            answer = self._answers.get(timeout=patience)
        except Empty:
            raise LearningError(f"no checkpoint in {patience:g} s: a step takes longer") from None
        finally:
            self._asked.clear()
        if isinstance(answer, Path):
            return answer
        raise LearningError(f"the checkpoint is not written: {answer}") from answer

    @contextmanager
    def answered(self) -> Iterator[None]:
        """While training goes on; who asks before or afterwards is told so at once."""
        self._open.set()
        try:
            yield
        finally:
            self._open.clear()
            self._answers.put(LearningError("training has ended"))

    def pending(self) -> bool:
        """Whether somebody waits for a checkpoint."""
        return self._asked.is_set()

    def answer(self, write: Callable[[], Path]) -> None:
        """Write the checkpoint that was asked for; a failure concerns who asked, not the training."""
        self._asked.clear()
        try:
            self._answers.put(write())
        except (BalancedBCError, OSError) as error:
            self._answers.put(error)
