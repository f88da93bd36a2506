"""What weights mean, in words: for the person who must decide whether to use them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import isfinite

from balanced_bc.learning.rebalancing.balance_file import BalanceFile, Row, table
from balanced_bc.tables import aligned

Rows = list[tuple[str, ...]]
MANY = 3.0
"""A group that is used this many times as often as in plain cloning is worth a word."""
SURE = 2.0
"""Standard errors from which on a change is called help or harm."""


def explain(content: BalanceFile) -> str:
    """Explain weights: warnings first, then what was found and what to do."""
    parts = [part for part in _parts(content) if part]
    return "\n\n".join(parts)


def _parts(content: BalanceFile) -> Iterator[str]:
    yield "\n".join(f"warning: {warning}" for warning in content.warnings)
    yield _said(content)
    yield aligned(table(content))
    yield _references(content.groups)
    yield compared(content)
    yield _transfer(content)
    yield "\n".join(_advice(content))


def _said(content: BalanceFile) -> str:
    """Where the weights come from."""
    run, pairs = content.run, content.dataset["pairs"]
    share = content.effective_sample_size / pairs
    return (
        f"Weights of {len(content.groups)} groups by {', '.join(content.group_by)}, found by {content.method} "
        f"(seed {run['seed']}, {run['repeats']} repetitions of {run['steps']} steps).\n"
        f"With them the {pairs} pairs tell as much as {content.effective_sample_size:.0f} pairs that all count alike "
        f"({share:.0%})."
    )


def _references(groups: Mapping[str, Row]) -> str:
    """Losses beside their references."""
    rows: Rows = [("group", "loss", "reference", "above", "split", "reached by")]
    for name, row in groups.items():
        if row.reference is None or row.final_loss is None:
            continue
        loss, error = row.reference["loss"], row.reference["standard_error"]
        spelled = f"{loss:.2f}" if error is None else f"{loss:.2f} +- {error:.2f}"
        above = f"{row.final_loss - loss:+.2f}"
        rows.append((name, f"{row.final_loss:.2f}", spelled, above, row.reference["split"], row.reference["lane"]))
    return f"Losses [nat per pair]:\n{aligned(rows)}" if len(rows) > 1 else ""


def compared(content: BalanceFile) -> str:
    """What is learned with these weights and with others, beside plain cloning; empty where nothing was compared."""
    if not content.comparison:
        return ""
    plain, *others = content.comparison
    rows: Rows = [("loss of", *(row["method"] for row in content.comparison))]
    for index, name in enumerate(content.groups):
        own = f"{plain['losses'][index]:.3f}  at {plain['weights'][index]:.2f}"
        changes = [_marked(row["difference"][index], row["standard_error"][index], 3) for row in others]
        weights = [f"{row['weights'][index]:.2f}" for row in others]
        rows.append((name, own, *(f"{change} at {weight}" for change, weight in zip(changes, weights))))
    return (
        "Networks trained afresh with weights of several methods, on held-out demonstrations: loss of plain cloning,\n"
        f"and differences from it, negative where better (* beyond {SURE:g} standard errors), at the group's weight.\n"
        "It is half the squared error of the chosen twists in units of their deviation, and the gripper's [nat]:\n"
        f"{aligned(rows)}"
    )


def _marked(value: float, error: float, digits: int) -> str:
    """A change, with a mark where it is sure."""
    return f"{value:+.{digits}f}{'*' if abs(value) > SURE * error > 0 else ' '}"


def _transfer(content: BalanceFile) -> str:
    """Who is helped and who is harmed by more weight on each group."""
    change, error = (content.diagnostics.get(key) for key in ("transfer", "transfer_standard_error"))
    if not change or not error:
        return ""
    names = list(content.groups)
    split = content.run["split"]
    rows: Rows = [(f"{split} loss of", *(f"more {name}" for name in names))]
    rows += [(name, *map(_change, change[i], error[i])) for i, name in enumerate(names)]
    return (
        f"Change of the {split} loss when the odds of a group are tripled [nat per pair], negative where it helps\n"
        f"(* beyond {SURE:g} standard errors):\n{aligned(rows)}"
    )


def _change(value: float, error: float) -> str:
    return _marked(value, error, 2) if isfinite(value) else "-"


def _advice(content: BalanceFile) -> Iterator[str]:
    """What to do."""
    for name, row in content.groups.items():
        if row.alpha == 0:
            yield f"{name} is left out: a policy trained with these weights never sees it."
        elif row.alpha_over_rho >= MANY:
            wanted = _wanted(row, content)
            yield (
                f"{name} is used {row.alpha_over_rho:.1f} times as often as it was recorded. Weights repeat its "
                f"{row.demonstrations} demonstrations and add nothing to them; {wanted} more would do without weights."
            )
    yield from _conflicts(content)


def _conflicts(content: BalanceFile) -> Iterator[str]:
    """Pairs of groups of which each harms the other."""
    change, error = (content.diagnostics.get(key) for key in ("transfer", "transfer_standard_error"))
    if not change or not error:
        return
    names = list(content.groups)
    for i, name in enumerate(names):
        for j in range(i):
            if _harms(change, error, i, j) and _harms(change, error, j, i):
                yield (
                    f"{name} and {names[j]} harm each other: they act differently in the same situations, or share too "
                    "little. If one of them is wrong, no loss can tell which; say it with --trust."
                )


def _harms(change: Sequence[Sequence[float]], error: Sequence[Sequence[float]], i: int, j: int) -> bool:
    return change[i][j] > SURE * error[i][j]


def _wanted(row: Row, content: BalanceFile) -> int:
    """Demonstrations that would give a group its weight by their number, the others staying as they are."""
    length = row.pairs / row.demonstrations
    others = content.dataset["pairs"] - row.pairs
    pairs: float = others * row.alpha / max(1 - row.alpha, 1e-9)
    return max(1, round((pairs - row.pairs) / length))
