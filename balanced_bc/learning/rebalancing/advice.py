"""What to do about weights, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from balanced_bc.learning.rebalancing import readings
from balanced_bc.learning.rebalancing.balance_file import BalanceFile
from balanced_bc.learning.rebalancing.row import Row

MANY = 3.0
"""A group that is used this many times as often as in plain cloning is worth a word."""
TOLD = 5
"""Sentences of one kind at most."""


def advice(content: BalanceFile) -> tuple[str, ...]:
    """What weights cannot do, and who is in whose way."""
    kinds = (_left_out(content), _repeated(content), _harming(content), _opposed(content))
    return tuple(sentence for kind in kinds for sentence in limited(list(kind)))


def limited(sentences: list[str]) -> list[str]:
    """The first few, and how many more there are."""
    more = len(sentences) - TOLD
    return [*sentences[:TOLD], f"(and {more} more)"] if more > 0 else sentences


def said(content: BalanceFile) -> tuple[str, str]:
    """Where the weights come from, and what is left of the data with them."""
    run, pairs = content.run, content.dataset["pairs"]
    share = content.effective_sample_size / pairs
    return (
        f"Weights of {len(content.groups)} groups by {', '.join(content.group_by)}, found by {content.method} "
        f"(seed {run['seed']}, {run['repeats']} repetitions of {run['steps']} steps).",
        f"With them the {pairs} pairs tell as much as {content.effective_sample_size:.0f} pairs that all count alike "
        f"({share:.0%}).",
    )


def wanted(row: Row, content: BalanceFile) -> int:
    """Demonstrations that would give a group its weight by their number, the others staying as they are."""
    length = row.pairs / row.demonstrations
    others = content.dataset["pairs"] - row.pairs
    pairs: float = others * row.alpha / max(1 - row.alpha, 1e-9)
    return max(1, round((pairs - row.pairs) / length))


def _left_out(content: BalanceFile) -> Iterator[str]:
    for name, row in content.groups.items():
        if row.alpha == 0:
            yield f"{name} is left out: a policy trained with these weights never sees it."


def _repeated(content: BalanceFile) -> Iterator[str]:
    for name, row in sorted(content.groups.items(), key=lambda item: -item[1].alpha_over_rho):
        if row.alpha_over_rho >= MANY:
            more = wanted(row, content)
            yield (
                f"{name} is used {row.alpha_over_rho:.1f} times as often as it was recorded. Weights repeat its "
                f"{row.demonstrations} demonstrations and add nothing to them: weights cannot fix this. Record more of "
                f"{name}; {more} more would do without weights."
            )


def _harming(content: BalanceFile) -> Iterator[str]:
    names = list(content.groups)
    for i, j in readings.mutual_harm(content):
        yield (
            f"{names[i]} and {names[j]} harm each other: they act differently in the same situations, or share too "
            "little. If one of them is wrong, no loss can tell which; say it with --trust."
        )


def _opposed(content: BalanceFile) -> Iterator[str]:
    found, names = readings.conflict(content), list(content.groups)
    for i, j in readings.opposed(content):
        assert found is not None, "opposed groups come from it"
        yield (
            f"{names[j]} and {names[i]} want opposite things on states that they share (cosine {found.values[i][j]:.2f}"
            f" +- {found.errors[i][j]:.2f}; {readings.shared(content, i, j):.0%} of the pairs of {names[i]} have a "
            f"neighbor in {names[j]}, {readings.shared(content, j, i):.0%} the other way): watch both with "
            "`balanced-bc watch` before you trust the weights."
        )
