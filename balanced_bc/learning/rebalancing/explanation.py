"""What weights mean, in words: for the person who must decide whether to use them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import isnan

from balanced_bc.balancing.result import SKILL
from balanced_bc.learning.rebalancing import readings
from balanced_bc.learning.rebalancing.advice import advice, said
from balanced_bc.learning.rebalancing.balance_file import BalanceFile
from balanced_bc.learning.rebalancing.readings import Matrix
from balanced_bc.learning.rebalancing.row import Row, table
from balanced_bc.tables import aligned

Rows = list[tuple[str, ...]]
WIDE = 12
"""Groups up to which a table of each two of them fits a terminal."""
NARROW = 4
"""Groups up to which it has room for standard errors."""
STRONGEST = 12
"""Pairs of groups that are named, with these errors, where it does not."""


def explain(content: BalanceFile) -> str:
    """Explain weights: warnings first, then what was found and what to do."""
    parts = [part for part in _parts(content) if part]
    return "\n\n".join(parts)


def _parts(content: BalanceFile) -> Iterator[str]:
    yield "\n".join(f"warning: {warning}" for warning in content.warnings)
    yield "\n".join(said(content))
    yield aligned(table(content.groups))
    yield _references(content)
    yield compared(content)
    for found, beside in ((readings.transfer(content), readings.untold(content)), (readings.conflict(content), "")):
        yield "" if found is None else _matrix(found)
        yield beside
    yield "\n".join(advice(content))
    yield _lengths(content.groups)


def _references(content: BalanceFile) -> str:
    """Losses beside their references."""
    rows: Rows = [("group", "loss", "reference", "above", "split", "reached by")]
    for name, row in content.groups.items():
        if row.reference is None or row.final_loss is None:
            continue
        loss, error = row.reference.loss, row.reference.standard_error
        spelled = f"{loss:.2f}" if error is None else f"{loss:.2f} +- {error:.2f}"
        above = f"{row.final_loss - loss:+.2f}"
        rows.append((name, f"{row.final_loss:.2f}", spelled, above, row.reference.split, row.reference.lane))
    what = readings.meant(readings.quantity(content))
    return f"Losses, {what} [nat per pair]:\n{aligned(rows)}" if len(rows) > 1 else ""


def _matrix(found: Matrix) -> str:
    """A number for each two groups; where these are too many, the strongest."""
    names, cells = found.names, found.strongest(STRONGEST)
    spelled = _with_error if len(names) <= NARROW else Matrix.spelled
    rows: Rows = [("", *(found.column.format(name) for name in names))]
    rows += [(name, *(spelled(found, i, j) for j in range(len(names)))) for i, name in enumerate(names)]
    strongest: Rows = [("", "with", "number")]
    strongest += [(names[i], found.column.format(names[j]), _with_error(found, i, j)) for i, j in cells]
    tables = [rows] if len(names) <= WIDE else []
    tables += [strongest] if len(names) > NARROW and cells else []
    if not tables:
        return f"{found.title}. {found.caption}: no number is beyond {readings.SURE:g} standard errors."
    marks = f"{found.marks}; +- one standard error" if spelled is _with_error or cells else found.marks
    return "\n".join((f"{found.title}. {found.caption}\n({marks}):", *map(aligned, tables)))


def _with_error(found: Matrix, row: int, column: int) -> str:
    """A number and, where it is known, its standard error."""
    error = found.error(row, column)
    return found.spelled(row, column) + (f" +- {error}" if error else "")


def _lengths(groups: Mapping[str, Row]) -> str:
    """How long demonstrations are, and how much of them is idle."""
    rows: Rows = [("group", "pairs", "seconds", "idle")]
    for name, row in groups.items():
        if row.length is not None and row.seconds is not None and row.idle is not None:
            rows.append((name, f"{row.length:.0f}", f"{row.seconds:.1f}", f"{row.idle:.0%}"))
    return f"Mean demonstration:\n{aligned(rows)}" if len(rows) > 1 else ""


def compared(content: BalanceFile) -> str:
    """What is learned with these weights and with others, beside plain cloning; empty where nothing was compared."""
    if not content.comparison:
        return ""
    plain, *others = content.comparison
    rows: Rows = [("loss of", *(row["method"] for row in content.comparison))]
    for index, name in enumerate(content.groups):
        if isnan(plain["losses"][index]):
            rows.append((name, "not judged", *("" for _ in others)))
            continue
        own = f"{plain['losses'][index]:.3f}  at {plain['weights'][index]:.2f}"
        changes = [_marked(row["difference"][index], row["standard_error"][index], 3) for row in others]
        weights = [f"{row['weights'][index]:.2f}" for row in others]
        rows.append((name, own, *(f"{change} at {weight}" for change, weight in zip(changes, weights))))
    return (
        "Networks trained afresh with weights of several methods, on held-out demonstrations: loss of plain cloning,\n"
        f"and differences from it, negative where better (* beyond {readings.SURE:g} standard errors), at the group's\n"
        f"weight. It is {readings.MEANT[SKILL]} [nat]:\n"
        f"{aligned(rows)}"
    )


def _marked(value: float, error: float, digits: int) -> str:
    """A change, with a mark where it is sure."""
    return f"{value:+.{digits}f}{'*' if abs(value) > readings.SURE * error > 0 else ' '}"
