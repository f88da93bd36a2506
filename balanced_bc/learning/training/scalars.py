"""Losses, step size and speed for TensorBoard, where it is installed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from balanced_bc.learning.errors import LearningError
from balanced_bc.learning.training.progress import Progress


@contextmanager
def scalars(folder: str) -> Iterator[Callable[[Progress], None]]:
    """A function that writes a report; one that does nothing without a folder.

    Raises:
        LearningError: TensorBoard is not installed.
    """
    if not folder:
        yield lambda _: None
        return
    make, writers = _writer_class(), list[Any]()

    def write(report: Progress) -> None:
        if not writers:  # a training that goes on replaces what was written after the step it goes on from
            writers.append(make(folder, purge_step=report.step))
        for name, value in values(report).items():
            writers[0].add_scalar(name, value, report.step)
        writers[0].flush()

    try:
        yield write
    finally:
        for writer in writers:
            writer.close()


def values(report: Progress) -> dict[str, float]:
    """Numbers of a report by the names that they have in TensorBoard."""
    return {
        **{f"loss/{name}": loss for name, loss in report.losses.items()},
        **{f"held_out/{name}": loss for name, loss in report.held_out.items()},
        "learning_rate": report.learning_rate,
        "pairs_per_second": report.pairs_per_second,
    }


def _writer_class() -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise LearningError(
            f"tensorboard is asked for and not installed ({error}): pip install 'balanced_bc[tensorboard]'"
        ) from error
    return SummaryWriter
