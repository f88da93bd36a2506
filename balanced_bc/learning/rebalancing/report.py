"""One page that explains weights: self-contained, without scripts, in the order in which questions come up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from balanced_bc.demonstrations.durable import write_bytes
from balanced_bc.learning.errors import LearningError
from balanced_bc.learning.rebalancing import balance_file, history, readings, report_plots, report_tables
from balanced_bc.learning.rebalancing.advice import advice, said
from balanced_bc.learning.rebalancing.balance_file import BalanceFile
from balanced_bc.learning.rebalancing.history import Trace
from balanced_bc.learning.rebalancing.markup import bullets, cell, element, folded, paragraph, section, table, text
from balanced_bc.learning.rebalancing.page_style import STYLE

NAME = "report.html"
"""Name of the page beside balance.yaml."""
HEAD = '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
"""Text is UTF-8, and a phone shows it at its own width."""


class Explained(NamedTuple):
    """Weights that the page is about.

    Attributes:
        label: What they are called on it.
        content: balance.yaml.
        traces: Weights and losses over time; empty where nobody kept them.
    """

    label: str
    content: BalanceFile
    traces: tuple[Trace, ...]


Part = Callable[[Explained], str]


def write(path: Path, *sources: Path) -> None:
    """Write the page.

    Args:
        path: The page.
        sources: Each a balance.yaml or its folder.
    """
    write_bytes(path, page(*sources).encode())


def page(*sources: Path) -> str:
    """The page about one or several weights of the same dataset.

    Raises:
        LearningError: They are of different datasets or groups, or there is none.
    """
    found = [balance_file.read(source) for source in sources]
    _check_together(sources, found)
    labels = _labels(sources, found)
    every = [Explained(*one) for one in zip(labels, found, map(history.read, sources))]
    title = f"Weights by {', '.join(labels)}"
    head = HEAD + element("title", text(title)) + element("style", STYLE)
    body = element("h1", text(title)) + "".join(_sections(every))
    return f'<!DOCTYPE html>\n<html lang="en">{element("head", head)}{element("body", body)}</html>\n'


def _check_together(sources: Sequence[Path], found: Sequence[BalanceFile]) -> None:
    if not found:
        raise LearningError("a page explains weights, and none are named")
    if len(set(folders := _folders(sources))) < len(folders):
        raise LearningError(f"the same weights are named twice among {', '.join(map(str, sources))}; name each once")
    for source, content in zip(sources, found):
        if tuple(content.groups) != tuple(found[0].groups):
            raise LearningError(
                f"{source} has the groups {list(content.groups)} and {sources[0]} has {list(found[0].groups)}; "
                "only weights of the same groups stand side by side"
            )
        if content.dataset.get("fingerprint") != found[0].dataset.get("fingerprint"):
            raise LearningError(f"{source} and {sources[0]} are of different datasets; each wants a page of its own")


def _labels(sources: Sequence[Path], found: Sequence[BalanceFile]) -> list[str]:
    """Name weights by their method, and by as much of their folder as tells apart those of the same method."""
    methods, folders = [content.method for content in found], _folders(sources)
    for parts in range(1, max(len(folder.parts) for folder in folders) + 1):
        names = ["/".join(folder.parts[-parts:]) for folder in folders]
        labels = [m if methods.count(m) == 1 else f"{m} ({name})" for m, name in zip(methods, names)]
        if len(set(labels)) == len(labels):
            break
    return labels


def _folders(sources: Sequence[Path]) -> list[Path]:
    return [(source if source.is_dir() else source.parent).resolve() for source in sources]


def _sections(every: Sequence[Explained]) -> list[str]:
    """All parts of the page; those with nothing to say are empty."""
    contents = {one.label: one.content for one in every}
    return [
        _each(every, _warnings),
        section("Weights", report_tables.together(contents) if len(every) > 1 else "", _each(every, _weights)),
        section("Over time", _each(every, _over_time)),
        section("References", report_tables.references(contents)),
        section("Who helps and who harms whom", _each(every, _transfer)),
        section("Conflicts on shared states", _each(every, _conflicts)),
        section("What is left of the data", _each(every, _repeats)),
        section("What to do", _each(every, _advice)),
        section("Length and idleness", report_tables.lengths(every[0].content)),
        section("Held-out comparison", _each(every, _comparison)),
        section("How it was run", _each(every, _run)),
    ]


def _each(every: Sequence[Explained], part: Part) -> str:
    """A part of each weights, under its label where there are several."""
    parts = [(one.label, part(one)) for one in every]
    if len(every) == 1:
        return parts[0][1]
    return "".join(element("h3", text(label)) + said for label, said in parts if said)


def _warnings(one: Explained) -> str:
    return bullets((f"Warning: {warning}" for warning in one.content.warnings), class_="warnings")


def _weights(one: Explained) -> str:
    return paragraph(said(one.content)[0]) + report_tables.weights(one.content)


def _over_time(one: Explained) -> str:
    order = report_tables.by_repeats(one.content)
    weights, losses = (
        draw(one.content, one.traces, order) for draw in (report_plots.weights_over_time, report_plots.losses_over_time)
    )
    split, what = one.content.run.split, readings.quantity(one.content)
    captions = (
        "Weights in the min-max step, one line for each repetition; a dot is the answer.",
        f"Losses ({what}) on {split} pairs; a dashed line is the reference. Of several lanes, the lowest loss.",
    )
    still = (
        "minimax has no weights over time: it trains networks with fixed weights, and chooses the answer when all of "
        "them are measured."
    )
    return (paragraph(still, class_="quiet") if losses and one.content.method == "minimax" else "") + "".join(
        element("figure", drawn, element("figcaption", text(caption), class_="quiet"))
        for drawn, caption in zip((weights, losses), captions)
        if drawn
    )


def _transfer(one: Explained) -> str:
    found, untold = readings.transfer(one.content), readings.untold(one.content)
    return ("" if found is None else report_tables.matrix(found)) + (paragraph(untold) if untold else "")


def _conflicts(one: Explained) -> str:
    found = readings.conflict(one.content)
    if found is None:
        return ""
    told = report_tables.opposed(one.content)
    none = "No two groups surely oppose each other on states that they share. That clears nobody: groups that visit "
    none += "different states cannot be compared, and the gripper is not looked at."
    return (told or paragraph(none)) + report_tables.matrix(found)


def _repeats(one: Explained) -> str:
    return paragraph(said(one.content)[1]) + paragraph(report_tables.most_repeated(one.content))


def _advice(one: Explained) -> str:
    return bullets(advice(one.content)) or paragraph("Nothing stands out.")


def _comparison(one: Explained) -> str:
    wants = any(row.reference for row in one.content.groups.values())
    names, quantity = report_tables.by_repeats(one.content), readings.quantity(one.content) if wants else ""
    return report_tables.comparison(readings.comparison(one.content), names, quantity)


def _run(one: Explained) -> str:
    """Seeds, steps, split and dataset; every other number folded."""
    content = one.content
    named = {"method": content.method, "groups by": ", ".join(content.group_by)}
    plain = {**named, **asdict(content.run), **content.dataset}
    numbers = [
        (f"{part}: {name}", [cell(value, class_="words")])
        for part, values in content.configuration.items()
        for name, value in values.items()
    ]
    return _terms(plain) + (folded("Every number of the run", table(("", "value"), numbers)) if numbers else "")


def _terms(values: dict[str, Any]) -> str:
    return element("dl", *(element("dt", text(k)) + element("dd", text(v)) for k, v in values.items()))
