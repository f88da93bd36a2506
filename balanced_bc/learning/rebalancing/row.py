"""A group's row of balance.yaml."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, replace
from typing import Any, TypeVar

from torch import Tensor

from balanced_bc.balancing.proportions import proportions
from balanced_bc.balancing.result import Balance, Reference
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
    """Standard error of the weight, over repetitions or from what it would be without each fold; null for a single
    repetition and for methods that only count."""
    alpha_over_rho: float
    """How much more often plain cloning's pairs of the group are now used."""
    reference: Reference | None
    """Reference loss and where it comes from; null where a method has none."""
    final_loss: float | None
    """Loss of the group on the split of the reference and of the same quantity, [nat]: with the weights for `minimax`;
    for other methods where their min-max run ended, whose weights moved and knew nothing of trust."""
    warnings: tuple[str, ...]
    """Warnings that name the group, by its whole name."""
    idle: float | None = None
    """Share of the pairs in which the arm stands still and is told to."""
    length: float | None = None
    """Mean length of a demonstration, [pairs]."""
    seconds: float | None = None
    """Mean length of a demonstration, [s]."""
    prior: float | None = None
    """Weight that the method began with and leans to; null for methods that only count."""

    @classmethod
    def of(
        cls,
        answer: Balance,
        counts: Tensor,
        number: Sequence[int],
        index: int,
        warnings: tuple[str, ...] = (),
        prior: Tensor | None = None,
    ) -> Row:
        """Tell what was found for a group.

        Args:
            answer: Of the method.
            counts: Pairs of each group, (k,).
            number: Demonstrations of each group, (k,).
            index: Which group.
            warnings: Those that name the group.
            prior: What the method leans to, (k,); None where it only counts.
        """
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
            reference=reference,
            final_loss=None if losses is None else float(losses[index]),
            warnings=warnings,
            prior=None if prior is None else float(prior[index]),
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
        reference = plain.get("reference")
        known = read_as(Reference, reference, f"reference of {where}") if isinstance(reference, dict) else reference
        return read_as(cls, {**plain, "reference": known}, where)


def about(groups: Sequence[str], warnings: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The warnings that name each group, by whole names: `optimal` is not in `suboptimal`, nor in `left+optimal`."""
    longest = "|".join(re.escape(name) for name in sorted(groups, key=len, reverse=True))
    name = re.compile(rf"(?<![\w+/-])(?<!\w[.:=])(?:{longest})(?![\w+/-]|[.:=]\w)")
    named = [(warning, set(name.findall(warning))) for warning in warnings]
    return {group: tuple(warning for warning, names in named if group in names) for group in groups}


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
            f"{row.alpha:.3f}" + ("" if row.alpha_standard_error is None else f" +- {row.alpha_standard_error:.3f}"),
            f"{row.alpha_over_rho:.2f}",
        )
        for name, row in groups.items()
    ]
    return [("group", "demonstrations", "pairs", "rho", "alpha", "alpha/rho"), *rows]
