"""The verb `inspect`: what a dataset holds."""

from __future__ import annotations

from pathlib import Path

from tyro.conf import Positional

from balanced_bc.demonstrations.tags import parse_axes
from balanced_bc.options import UsageError
from balanced_bc.printing import print_text
from balanced_bc.tables import aligned


def inspect(dataset: Positional[Path], group_by: str = "behavior", check: bool = False) -> None:
    """Print what a dataset holds, group by group.

    Args:
        dataset: Folder of the dataset.
        group_by: Axes of tags that make the groups, separated by commas.
        check: Also align every episode, and fail if one cannot be read or a recording was never finished.
    """
    from balanced_bc.demonstrations.dataset import Dataset
    from balanced_bc.demonstrations.summary import summary, table

    opened = Dataset.open(dataset)
    print_text(aligned(table(summary(opened, parse_axes(group_by)), len(opened.episodes))))
    for folder in opened.unfinished:
        print_text(f"never finished, and not read: {folder}")
    if check:
        for _ in opened.demonstrations():
            pass
        if opened.unfinished:
            raise UsageError(
                f"{len(opened.unfinished)} recordings in {dataset} were never finished; they are listed above"
            )
        print_text(f"{len(opened.episodes)} episodes were read and aligned")
