"""What balance.yaml says about pairs of groups and about other methods, in a form that text and page both show."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from math import isfinite, isnan, nan
from typing import Any, NamedTuple

from balanced_bc.balancing.conflicts import opposes
from balanced_bc.balancing.result import LIKELIHOOD, SKILL
from balanced_bc.balancing.search import LAG
from balanced_bc.learning.rebalancing.balance_file import BalanceFile
from balanced_bc.words import listed

SURE = 2.0
"""Standard errors from which on a number is called different from 0."""
FINE = 0.1
"""Matrices without a number as large as this off the diagonal have a digit more."""
LISTED = 5
"""Names in a sentence, at most."""
MEANT = {SKILL: "half the squared error of the chosen twists in units of their deviation, plus the gripper's loss"}
"""What quantities are whose names do not say it."""
Cell = tuple[int, int]
Numbers = Sequence[Sequence[float]]


class Matrix(NamedTuple):
    """A number for each two groups.

    Attributes:
        title: What it is, in a few words.
        caption: How to read it.
        column: What the columns say, with {} for the name of the group.
        names: Names of the groups, (k,).
        values: Row by row, (k, k).
        errors: Standard errors, (k, k).
        harm: +1 where numbers above 0 are bad, -1 where those below are.
        digits: Of the numbers and their errors as text, after the point.
    """

    title: str
    caption: str
    column: str
    names: tuple[str, ...]
    values: Numbers
    errors: Numbers
    harm: int
    digits: int

    def sure(self, row: int, column: int) -> bool:
        """Whether a number is beyond its error."""
        value, error = self.values[row][column], self.errors[row][column]
        return isfinite(value) and isfinite(error) and abs(value) > SURE * error > 0

    def harmful(self, row: int, column: int) -> bool:
        """Whether it is surely bad."""
        return self.sure(row, column) and self.values[row][column] * self.harm > 0

    def largest(self) -> float:
        """The largest number, whatever its sign."""
        return _largest(self.values)

    def spelled(self, row: int, column: int) -> str:
        """The number as text, with a star where it is sure, and a question mark where its error is not known."""
        value, known = self.values[row][column], isfinite(self.errors[row][column])
        mark = "*" if self.sure(row, column) else " " if known else "?"
        return f"{value:+.{self.digits}f}{mark}" if isfinite(value) else "-"

    def error(self, row: int, column: int) -> str:
        """The standard error as text; empty where it is not known."""
        error = self.errors[row][column]
        return f"{error:.{self.digits}f}" if isfinite(error) else ""

    @property
    def marks(self) -> str:
        """What the marks mean."""
        size = range(len(self.names))
        unknown = any(self.spelled(i, j).endswith("?") for i in size for j in size)
        return f"* beyond {SURE:g} standard errors" + ("; ? from too little to know its error" if unknown else "")

    def strongest(self, number: int) -> list[Cell]:
        """Cells off the diagonal with the largest numbers that are sure."""
        size = range(len(self.names))
        cells = [(i, j) for i in size for j in size if i != j and self.sure(i, j)]
        return sorted(cells, key=lambda at: -abs(self.values[at[0]][at[1]]))[:number]


def transfer(content: BalanceFile) -> Matrix | None:
    """How training on one group changes the loss of another: of `minimax` its own, of `ours` the meta-gradient."""
    split, known = content.run.split, content.diagnostics
    if "transfer" in known:
        caption = (
            f"Change of the {split} loss ({quantity(content)}) when the odds of a group are tripled [nat per pair], "
            "negative where it helps"
        )
        if split == "training":
            caption += "; a loss on the training split rises with any weight that its group gives away"
        return _matrix(content, "Who helps and who harms whom", caption, "more {}", "transfer", 1)
    if "meta_direction" in known:
        caption = (
            f"Mean direction of the meta-gradient: above 0 where more weight on a column's group, in place of the "
            f"mixture of the moment, raises the {split} loss of a row's group, below 0 where it helps; over the run "
            "that looks for the row's best weights, every step alike while it knew the row's group (within "
            f"{LAG:g} nat of its best), so that 1 is the most there can be"
        )
        away = lost(content)
        if len(away) == len(content.groups):
            return None
        return _matrix(content, "Who helps and who harms whom", caption, "more {}", "meta_direction", 1, away)
    return None


def lost(content: BalanceFile) -> dict[str, float]:
    """Groups that the run of `ours` for their best weights never knew nearly as well as other networks do.

    Returns:
        By how much it knew them worse when it knew them best, [nat].
    """
    above = {}
    told = content.diagnostics
    for (name, row), loss in zip(content.groups.items(), told.get("meta_lowest", told.get("meta_losses", ()))):
        known = [row.final_loss, row.reference.loss if row.reference else None]
        lowest = min((one for one in known if one is not None and isfinite(one)), default=nan)
        if loss - lowest > LAG:
            above[name] = loss - lowest
    return above


def untold(content: BalanceFile) -> str:
    """Of which groups it is not told who helps and who harms them, and why; empty where of all."""
    away = lost(content) if "meta_direction" in content.diagnostics else {}
    if not away:
        return ""
    worst = sorted(away, key=lambda name: -away[name])
    named = listed([f"{name} by {away[name]:.1f}" for name in worst], LISTED)
    return (
        "Left out of who helps whom are groups that the run for their best weights never knew as other networks do: "
        f"{named} [nat per pair]. What helps a network that has lost a group is not what helps one that has "
        "learned it. Method minimax measures it in trained networks."
    )


def quantity(content: BalanceFile) -> str:
    """What losses and references are; where a file does not say it, those of `minimax` are no likelihoods."""
    known = next((row.reference for row in content.groups.values() if row.reference), None)
    return known.quantity if known else SKILL if content.method == "minimax" else LIKELIHOOD


def meant(name: str) -> str:
    """A quantity by its name, with what it is where the name does not say it."""
    return f"{name} ({MEANT[name]})" if name in MEANT else name


def conflict(content: BalanceFile) -> Matrix | None:
    """How much groups oppose each other on states that they share."""
    if "conflict" not in content.diagnostics:
        return None
    caption = (
        "Cosine between what the pairs of two groups want changed in a plainly trained policy, on "
        f"{content.run.split} states that both visited: -1 opposed, about 0 unrelated (as a noisy copy is), above 0 "
        "mispredicted alike; on the diagonal the same between demonstrations of one group"
    )
    return _matrix(content, "Conflicts on shared states", caption, "{}", "conflict", -1)


def shared(content: BalanceFile, row: int, column: int) -> float:
    """Share of a row's pairs that have a state in common with a column's group."""
    return float(content.diagnostics["shared_states"][row][column])


def opposed(content: BalanceFile) -> list[Cell]:
    """Groups that surely oppose each other, each two once, the strongest conflict first."""
    found = conflict(content)
    if found is None:
        return []
    size = range(len(found.names))
    cells = [(i, j) for i in size for j in range(i) if opposes(found.values[i][j], found.errors[i][j])]
    return sorted(cells, key=lambda at: found.values[at[0]][at[1]])


def mutual_harm(content: BalanceFile) -> Iterator[Cell]:
    """Groups of which each surely harms the other, on held-out pairs.

    A direction relative to a mixture does not tell that, nor do losses on the training split, on which every group
    loses by any weight that it gives away.
    """
    found = transfer(content)
    if found is not None and "transfer" in content.diagnostics and content.run.split == "held-out":
        for i in range(len(found.names)):
            yield from ((i, j) for j in range(i) if found.harmful(i, j) and found.harmful(j, i))


def _matrix(
    content: BalanceFile, title: str, caption: str, column: str, key: str, harm: int, blank: Collection[str] = ()
) -> Matrix:
    """A matrix of `diagnostics`; rows of some groups may be left blank."""
    names, errors = tuple(content.groups), content.diagnostics[f"{key}_standard_error"]
    values = [[nan] * len(names) if name in blank else row for name, row in zip(names, content.diagnostics[key])]
    others = [[value for j, value in enumerate(row) if j != i] for i, row in enumerate(values)]
    digits = 2 if _largest(others) >= FINE else 3
    return Matrix(title, caption, column, names, values, errors, harm, digits)


def _largest(values: Numbers) -> float:
    """The largest number, whatever its sign."""
    return max((abs(value) for row in values for value in row if isfinite(value)), default=0.0)


class Compared(NamedTuple):
    """How well another method's weights do on held-out demonstrations, each by name of the group.

    Attributes:
        method: The method.
        weights: Its weights.
        losses: Held-out losses of a policy trained with them, as `SKILL`; references may be another quantity.
        difference: Of the losses from those of plain cloning, negative where they are lower.
        standard_error: Of the difference; missing where it is not known.
    """

    method: str
    weights: Mapping[str, float]
    losses: Mapping[str, float]
    difference: Mapping[str, float]
    standard_error: Mapping[str, float]


def comparison(content: BalanceFile) -> tuple[Compared, ...]:
    """The held-out comparison of methods; empty where nothing was compared."""
    names = tuple(content.groups)
    return tuple(
        Compared(str(one["method"]), *(_by_name(one.get(key), names) for key in Compared._fields[1:]))
        for one in content.comparison
    )


def _by_name(values: Any, names: Sequence[str]) -> dict[str, float]:
    """Numbers of groups, given by name or in the order of the groups; those that nobody knows are left out."""
    pairs = values.items() if isinstance(values, Mapping) else zip(names, values or ())
    return {str(name): float(value) for name, value in pairs if value is not None and not isnan(value)}
