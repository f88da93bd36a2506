"""Tables for people: rows of text, the first of them the headings."""

from __future__ import annotations

from collections.abc import Sequence

Rows = Sequence[Sequence[str]]


def aligned(rows: Rows) -> str:
    """Write rows for a terminal, the first column to the left and the others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join((row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))))
        for row in rows
    )


def markdown(rows: Rows) -> str:
    """Write rows for a page."""
    head, *body = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join((head, f"|{' --- |' * len(rows[0])}", *body))
