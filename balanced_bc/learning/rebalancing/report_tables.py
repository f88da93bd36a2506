"""The tables of the page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isfinite

from balanced_bc.balancing.result import SKILL, Reference
from balanced_bc.learning.rebalancing import readings
from balanced_bc.learning.rebalancing.balance_file import BalanceFile
from balanced_bc.learning.rebalancing.markup import bullets, cell, element, folded, paragraph, table, text
from balanced_bc.learning.rebalancing.readings import Compared, Matrix
from balanced_bc.learning.rebalancing.row import Row

Cells = Callable[[str], Sequence[str]]
OPEN = 20
"""Groups up to which all have a row that is not folded away."""
ENDS = 8
"""Where there are more: those at each end that have one."""
CROWDED = 8
"""Groups up to which a matrix has room for errors."""
WHOLE = 64
"""Groups up to which a matrix is on the page; above, its strongest cells only."""
STRONGEST = 12
"""Cells of a matrix that are named where it is folded away."""
HEATS = (0.1, 0.3, 0.6)
"""Shares of the largest number of a matrix between its four heats."""
ROUGH = 10
"""Repetitions below which a standard error over them is rough."""
INTERVAL = 2.0
"""Standard errors on either side that are shown as an interval."""


def by_repeats(content: BalanceFile) -> list[str]:
    """Names of the groups; of many, those whose weight exceeds their share most come first."""
    names = list(content.groups)
    return names if len(names) <= OPEN else sorted(names, key=lambda name: -content.groups[name].alpha_over_rho)


def rows_of(head: Sequence[str], names: Sequence[str], cells: Cells, caption: str = "") -> str:
    """A table of groups; of many, those in the middle are folded away."""
    if len(names) <= OPEN:
        return table(head, [(name, cells(name)) for name in names], caption)
    shown, hidden = [*names[:ENDS], *names[-ENDS:]], names[ENDS:-ENDS]
    first = table(head, [(name, cells(name)) for name in shown], caption)
    return first + folded(f"the {len(hidden)} groups in between", table(head, [(name, cells(name)) for name in hidden]))


def weights(content: BalanceFile) -> str:
    """Share and weight of each group, as numbers and as bars."""
    top = max(max(row.rho, row.alpha + INTERVAL * (row.alpha_standard_error or 0)) for row in content.groups.values())
    head = ("group", "", "weight (alpha)", "standard error", "share (rho)", "alpha / rho", "demonstrations", "pairs")

    def cells(name: str) -> Sequence[str]:
        row = content.groups[name]
        error = "-" if row.alpha_standard_error is None else f"{row.alpha_standard_error:.3f}"
        numbers = (f"{row.alpha:.3f}", error, f"{row.rho:.3f}", f"{row.alpha_over_rho:.2f}")
        return [_bars(row, top), *map(cell, numbers), cell(row.demonstrations), cell(row.pairs)]

    key = element("span", class_="key", style="background: var(--share)") + "share of the pairs"
    known = any(row.alpha_standard_error is not None for row in content.groups.values())
    repeats = content.run.repeats
    rough = f", over {repeats} repetitions only and so rough" if repeats < ROUGH else ""
    said = f"weight, with two standard errors{rough}" if known else "weight; no standard error is known"
    if not known and content.diagnostics and repeats == 1:
        said += ", because there was one repetition (--repeats)"
    key += element("span", class_="key", style="background: var(--alpha)") + text(said)
    return rows_of(head, by_repeats(content), cells) + element("p", key, class_="quiet")


def together(contents: Mapping[str, BalanceFile]) -> str:
    """Weights of several methods side by side."""
    first = next(iter(contents.values()))

    def cells(name: str) -> Sequence[str]:
        return [cell(f"{one.groups[name].alpha:.3f}") for one in contents.values()]

    return rows_of(("weight of", *contents), by_repeats(first), cells)


def _bars(row: Row, top: float) -> str:
    def width(value: float) -> str:
        return f"{100 * value / top:.1f}%"

    error = INTERVAL * (row.alpha_standard_error or 0)
    low = max(row.alpha - error, 0.0)
    whisker = ""
    if error:
        of_bar = max(row.alpha, 1e-9) / 100
        whisker = element("i", style=f"left: {low / of_bar:.1f}%; width: {(row.alpha + error - low) / of_bar:.1f}%")
    share = element("span", class_="bar share", style=f"width: {width(row.rho)}")
    weight = element("span", whisker, class_="bar alpha", style=f"width: {width(row.alpha)}")
    return element("td", share, weight, class_="bars")


def references(contents: Mapping[str, BalanceFile]) -> str:
    """References of every method, side by side where they can be compared, each with where it comes from."""
    origins: dict[tuple[str, ...], dict[str, BalanceFile]] = {}
    for label, content in contents.items():
        known = next((row.reference for row in content.groups.values() if row.reference), None)
        if known is not None:
            origins.setdefault(_origin(content, known), {})[label] = content
    note = (
        "A reference is the loss that a method wants of a group, in brackets two standard errors on either side. "
        "References that differ in quantity, split, steps or reduction are on different scales and must not be "
        "compared; they stand in different tables."
    )
    tables = [_references(origin, methods) for origin, methods in origins.items()]
    beside = element("div", *(element("div", one) for one in tables), class_="beside")
    return paragraph(note, class_="quiet") + beside if tables else ""


def _origin(content: BalanceFile, reference: Reference) -> tuple[str, ...]:
    """Quantity, split, steps and reduction; they are the same for all groups of a method."""
    what = readings.meant(readings.quantity(content)).capitalize()
    split, steps = f"split: {reference.split}", f"{reference.steps} steps"
    return (f"{what} [nat per pair]", split, steps, f"reduction: {reference.reduction}")


def _references(origin: Sequence[str], methods: Mapping[str, BalanceFile]) -> str:
    def cells(name: str) -> Sequence[str]:
        return [part for one in methods.values() for part in _reference(one.groups[name])]

    head = ["group", *(f"{label}: {what}" for label in methods for what in ("reference", "loss reached", "lane"))]
    names = by_repeats(next(iter(methods.values())))
    return rows_of(head, names, cells, ", ".join(origin))


def _reference(row: Row) -> Sequence[str]:
    if row.reference is None:
        return [cell("-")] * 3
    loss, error = row.reference.loss, row.reference.standard_error
    reached = "-" if row.final_loss is None else f"{row.final_loss:.2f}"
    return [cell(interval(loss, error)), cell(reached), cell(row.reference.lane, class_="words")]


def interval(value: float, error: float | None) -> str:
    """A number and two standard errors on either side."""
    if not error or not isfinite(error):
        return f"{value:.2f}"
    return f"{value:.2f} [{value - INTERVAL * error:.2f}, {value + INTERVAL * error:.2f}]"


def matrix(found: Matrix) -> str:
    """A heat table; of many groups, its strongest cells, and the whole folded away."""
    hidden = CROWDED < len(found.names) <= WHOLE
    error = "± one standard error" + (", of the whole table under the pointer" if hidden else "")
    note = f"{found.caption}. Orange is bad, blue is good; {found.marks}; {error}."
    said = paragraph(note, class_="quiet")
    if len(found.names) <= OPEN:
        return said + _heat_table(found)
    if len(found.names) <= WHOLE:
        return said + _strongest(found) + folded("All groups", _heat_table(found))
    return said + _strongest(found) + paragraph("All numbers are in matrices.parquet beside balance.yaml.")


def _strongest(found: Matrix) -> str:
    """The cells that matter most, one in a row."""
    largest, cells = found.largest(), found.strongest(STRONGEST)
    if not cells:
        return paragraph("No number is sure.")
    others = [cell(found.column.format(found.names[j])) for _, j in cells]
    rows = [(found.names[i], [other, _heat(found, i, j, largest, True)]) for (i, j), other in zip(cells, others)]
    return element("div", table(("", "with", "number"), rows), class_="heat")


def _heat_table(found: Matrix) -> str:
    size, largest = range(len(found.names)), found.largest()
    roomy = len(found.names) <= CROWDED
    rows = [(found.names[i], [_heat(found, i, j, largest, roomy) for j in size]) for i in size]
    head = ("", *(found.column.format(name) for name in found.names))
    return element("div", table(head, rows), class_="heat")


def _heat(found: Matrix, row: int, column: int, largest: float, roomy: bool) -> str:
    value, error = found.values[row][column], found.error(row, column)
    if not isfinite(value):
        return cell("-")
    spelled = text(found.spelled(row, column).strip())
    if not error:
        return element("td", spelled, class_="quiet")
    heat = f"{'b' if value * found.harm > 0 else 'g'}{1 + sum(abs(value) >= share * largest for share in HEATS)}"
    if not roomy:
        return element("td", spelled, class_=heat, title=f"± {error}")
    return element("td", spelled, element("small", text(f"± {error}")), class_=heat)


def opposed(content: BalanceFile) -> str:
    """Groups that oppose each other, and on how many of their states."""
    found, names = readings.conflict(content), list(content.groups)
    if found is None:
        return ""
    return bullets(
        f"{names[j]} and {names[i]}: cosine {interval(found.values[i][j], found.errors[i][j])}; on states that both "
        f"visited are {readings.shared(content, j, i):.0%} of the pairs of {names[j]} and "
        f"{readings.shared(content, i, j):.0%} of those of {names[i]}."
        for i, j in readings.opposed(content)[:STRONGEST]
    )


def most_repeated(content: BalanceFile) -> str:
    """How often the pairs of a group are drawn while as many pairs are drawn as there are."""
    repeats = {name: row.alpha_over_rho for name, row in content.groups.items()}
    most, least = max(repeats, key=repeats.__getitem__), min(repeats, key=repeats.__getitem__)
    return (
        "In one epoch, as many draws as there are pairs, each pair is drawn alpha / rho times: those of "
        f"{most} {repeats[most]:.2f} times, those of {least} {repeats[least]:.2f} times."
    )


def lengths(content: BalanceFile) -> str:
    """How long demonstrations are, and how much of them is idle."""
    if any(row.idle is None or row.length is None or row.seconds is None for row in content.groups.values()):
        return ""

    def cells(name: str) -> Sequence[str]:
        row = content.groups[name]
        return [*map(cell, (f"{row.length:.0f}", f"{row.seconds:.1f}", f"{row.idle:.0%}"))]

    caption = (
        "Mean of a demonstration. Idle pairs, in which the hand is told to stand still and does, are easy to predict."
    )
    return rows_of(("group", "pairs", "seconds", "idle"), by_repeats(content), cells, caption)


def comparison(methods: Sequence[Compared], names: Sequence[str], quantity: str = "") -> str:
    """Held-out losses of policies trained on the weights of several methods.

    Args:
        methods: What was measured of each.
        names: Groups in the order of rows.
        quantity: Of the references; empty where a method has none.
    """
    if not methods:
        return ""

    plain, *others = methods

    def cells(name: str) -> Sequence[str]:
        told = [cell(_spelled(plain.weights, name)), cell(_spelled(plain.losses, name))]
        return told + [part for one in others for part in _beside(one, name)]

    head = ["group", f"{plain.method}: weight", "loss"]
    head += [text for one in others for text in (f"{one.method}: weight", "difference")]
    caption = (
        "Losses on held-out demonstrations of networks trained afresh with the shares of the dataset, and how those "
        "with other weights differ, negative where lower, in brackets two standard errors on either side. A loss is "
        f"{readings.MEANT[SKILL]} [nat per pair]. "
    )
    if quantity:
        same, other = "this quantity too, of other networks", f"another quantity ({quantity})"
        caption += f"References are {same if quantity == SKILL else other}."
    return rows_of(head, names, cells, caption)


def _beside(one: Compared, name: str) -> Sequence[str]:
    """Weight of a group, and by how much its loss differs from that with plain cloning."""
    difference = interval(one.difference[name], one.standard_error.get(name)) if name in one.difference else "-"
    return [cell(_spelled(one.weights, name)), cell(difference)]


def _spelled(values: Mapping[str, float], name: str) -> str:
    return f"{values[name]:.3f}" if name in values else "-"
