"""A group's row of balance.yaml."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, replace
from typing import Any, TypeVar

from torch import Tensor

from balanced_bc.balancing.proportions import proportions
from balanced_bc.balancing.result import Balance
from balanced_bc.learning.errors import LearningError
from balanced_bc.learning.rebalancing import idleness
from balanced_bc.ranges import out_of_range

Kind = TypeVar("Kind")


@dataclass(frozen=True)
class Row:
    """One group of balance.yaml."""

    demonstrations: int
    """Demonstrations that have pairs of the group."""
    pairs: int
    """State-action pairs of the group."""
    rho: float
    """Share of the dataset's pairs."""
    rho_demonstrations: float
    """Share of these in those of all groups."""
    alpha: float
    """Weight."""
    alpha_standard_error: float | None
    """Standard error of the weight over repetitions; null for a single one."""
    alpha_over_rho: float
    """How much more often plain cloning's pairs of the group are now used."""
    reference: Mapping[str, Any] | None
    """Reference loss [nat], its standard error, split, steps, reduction and lane; null where a method has none."""
    final_loss: float | None
    """Loss of the group at the end of the min-max step, on the split of the reference, [nat]."""
    warnings: tuple[str, ...]
    """Warnings that name the group."""
    idle: float | None = None
    """Share of the pairs in which the arm stands still and is told to."""
    length: float | None = None
    """Mean length of a demonstration, [pairs]."""
    seconds: float | None = None
    """Mean length of a demonstration, [s]."""

    @classmethod
    def of(cls, answer: Balance, counts: Tensor, number: Sequence[int], index: int) -> Row:
        """Tell what was found for a group.

        Args:
            answer: Of the method.
            counts: Pairs of each group, (k,).
            number: Demonstrations of each group, (k,).
            index: Which group.
        """
        name = answer.groups[index]
        rho, weight = float(counts[index] / counts.sum()), float(answer.weights[index])
        error = None if answer.standard_error is None else float(answer.standard_error[index])
        losses = answer.diagnostics.get("losses")
        reference = answer.references[index] if answer.references else None
        return cls(
            demonstrations=number[index],
            pairs=int(counts[index]),
            rho=rho,
            rho_demonstrations=float(proportions(number)[index]),
            alpha=weight,
            alpha_standard_error=error,
            alpha_over_rho=weight / rho,
            reference=None if reference is None else reference._asdict(),
            final_loss=None if losses is None else float(losses[index]),
            warnings=tuple(warning for warning in answer.warnings if name in warning),
        )

    def timed(self, measured: idleness.Length, index: int, period: float) -> Row:
        """Say how long the demonstrations of a group are, and how much of them is idle."""
        length = float(measured.pairs[index])
        return replace(self, idle=round(float(measured.idle[index]), 4), length=length, seconds=length * period)

    @classmethod
    def read(cls, plain: Any, where: str) -> Row:
        """Read what `dataclasses.asdict` wrote; `where` says in errors which row it is.

        Raises:
            LearningError: It is no row, or something in it is missing, unknown, or of another type.
        """
        if not isinstance(plain, dict):
            raise LearningError(f"{where} is {plain!r}; it must have {[field.name for field in fields(cls)]}")
        return read_as(cls, plain, where)


def read_as(kind: type[Kind], plain: Mapping[str, Any], where: str) -> Kind:
    """Make a dataclass of what `dataclasses.asdict` wrote; lists become tuples.

    Raises:
        LearningError: A field is missing, unknown, or of another type than its hint.
    """
    check_keys(plain, kind, where)
    read = kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in plain.items()})
    if problem := out_of_range(read):
        raise LearningError(f"{where}: {problem}")
    return read


def check_keys(plain: Mapping[str, Any], kind: type, where: str) -> None:
    """Refuse a mapping that lacks a field of a dataclass, or has others.

    Raises:
        LearningError: It does; what is missing and what is unknown is listed.
    """
    known = {field.name for field in fields(kind)}
    optional = {field.name for field in fields(kind) if field.default is not MISSING}
    found = {"lacks": sorted(known - optional - set(plain)), "has unknown": sorted(set(plain) - known)}
    if any(found.values()):
        raise LearningError(f"{where} {' and '.join(f'{what} {names}' for what, names in found.items() if names)}")


def table(groups: Mapping[str, Row]) -> list[tuple[str, ...]]:
    """Each group with its weight as text, with headings."""
    rows = [
        (
            name,
            str(row.demonstrations),
            str(row.pairs),
            f"{row.rho:.3f}",
            f"{row.alpha:.3f}",
            f"{row.alpha_over_rho:.2f}",
        )
        for name, row in groups.items()
    ]
    return [("group", "demonstrations", "pairs", "rho", "alpha", "alpha/rho"), *rows]
