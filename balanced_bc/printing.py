"""What the command prints: text as it is, and progress bars."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Column
from rich.text import Text

Report = TypeVar("Report")
console = Console(emoji=False)


def shown(
    runs: Iterable[Report],
    title: str,
    reading: Callable[[Report], tuple[float, str]],
    pace: Callable[[Report], str] | None = None,
) -> Iterator[Report]:
    """Pass reports on while a bar shows how far they are; what fails before its first report leaves no bar behind.

    On a narrow terminal bar and note are cut, nothing else.

    Args:
        runs: Reports.
        title: What is being done.
        reading: Share done, 0 to 1, and a note.
        pace: Speed and time left; if it is not given, the bar guesses the time left.
    """
    columns: list[ProgressColumn] = [TextColumn(title), _bar(), TextColumn("{task.percentage:>3.0f} %")]
    columns += [TextColumn("{task.fields[pace]}") if pace else TimeRemainingColumn(), _Note()]
    with Progress(*columns, console=console, transient=True) as bar:
        row = bar.add_task(title, total=1.0, note="", pace="")
        for report in runs:
            bar.live.transient = False
            share, note = reading(report)
            bar.update(row, completed=share, note=note, pace=pace(report) if pace else "")
            yield report
        bar.live.transient = False
        bar.update(row, completed=1.0)


def _bar() -> BarColumn:
    return BarColumn(table_column=Column(no_wrap=False))


class _Note(ProgressColumn):
    """The note of a report, on one line, as much of it as there is room for.

    rich takes room first from columns that may be wrapped; the text itself says that it is cut instead.
    """

    def __init__(self) -> None:
        super().__init__(Column(no_wrap=False))

    def render(self, task: Task) -> Text:
        """The note."""
        return Text(task.fields["note"], no_wrap=True, overflow="ellipsis")


def print_text(text: str) -> None:
    """Print as it is, without rich's markup and line breaks."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)
