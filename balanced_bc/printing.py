"""What the command prints: text as it is, and progress bars."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn

Report = TypeVar("Report")
console = Console()


def shown(
    runs: Iterable[Report], title: str, reading: Callable[[Report], tuple[float, str]], estimates: bool = True
) -> Iterator[Report]:
    """Pass reports on while a bar shows how far they are; `reading` gives the share done and a note.

    Args:
        runs: Reports.
        title: What is being done.
        reading: Share done, 0 to 1, and a note.
        estimates: Whether the bar guesses the time left; needless where the note says it.
    """
    columns: list[ProgressColumn] = [TextColumn(title), BarColumn(), TextColumn("{task.percentage:>3.0f} %")]
    columns += [TimeRemainingColumn()] if estimates else []
    with Progress(*columns, TextColumn("{task.fields[note]}"), console=console) as bar:
        row = bar.add_task(title, total=1.0, note="")
        for report in runs:
            share, note = reading(report)
            bar.update(row, completed=share, note=note)
            yield report
        bar.update(row, completed=1.0)


def print_text(text: str) -> None:
    """Print as it is, without rich's markup and line breaks."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)
