"""Weights and losses over time as SVG that takes its ink from the page, so that it can be read in the dark."""

from __future__ import annotations

import re
from collections.abc import Sequence
from io import StringIO
from typing import Any

import matplotlib
import torch
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from torch import Tensor

from balanced_bc.learning.rebalancing.balance_file import BalanceFile
from balanced_bc.learning.rebalancing.balance_picture import COLORS
from balanced_bc.learning.rebalancing.history import Trace

INK = "#010203"
"""Stands for the page's own ink until the picture is written."""
NAMED = 8
"""Groups that have a color and a name."""
NUMBERED = re.compile(r' id="[a-z0-9.]+_\d+"')
"""Names that matplotlib gives to parts of every picture; on a page they would not be unique."""
FAINT = 24
"""Further groups that are drawn as gray lines."""
SETTINGS = {
    "svg.fonttype": "none",
    "svg.hashsalt": "balanced_bc",
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "font.size": 9,
}


def weights_over_time(content: BalanceFile, traces: Sequence[Trace], order: Sequence[str]) -> str:
    """Draw the weights of the min-max step; the answer is a dot. Empty where a method has no such step."""
    runs = [trace for trace in traces if trace.phase == "weights" and len(trace.step)]
    if not runs:
        return ""
    with matplotlib.rc_context(SETTINGS):
        figure, axes = _canvas()
        for name, index, color in _shown(content, order):
            _lines(axes, [(run.step, run.weights[:, index]) for run in runs], name, color)
            if color:
                axes.plot(runs[0].step[-1] * 1.02, content.groups[name].alpha, "o", color=color, ms=6, clip_on=False)
        axes.set_ylim(bottom=0)
        axes.set_ylabel("weight")
        return _finished(figure, axes)


def losses_over_time(content: BalanceFile, traces: Sequence[Trace], order: Sequence[str]) -> str:
    """Draw the losses of the last phase; references are dashed."""
    phase = next((name for name in ("weights", "lanes") if any(trace.phase == name for trace in traces)), "")
    runs = [trace for trace in traces if trace.phase == phase]
    if not runs:
        return ""
    with matplotlib.rc_context(SETTINGS):
        figure, axes = _canvas()
        for name, index, color in _shown(content, order):
            _lines(axes, [(run.step, run.losses[:, index]) for run in runs], name, color)
            reference = content.groups[name].reference
            if color and reference is not None and reference.split != "none":
                axes.axhline(reference.loss, color=color, ls="--", lw=1)
        axes.set_ylim(*_limits(content, runs))
        axes.set_ylabel("loss [nat per pair]")
        return _finished(figure, axes)


def _shown(content: BalanceFile, order: Sequence[str]) -> list[tuple[str, int, str]]:
    """Groups to draw, with their numbers and colors: of many, those at both ends of the order have a color."""
    names, half = list(content.groups), NAMED // 2
    named = list(order) if len(order) <= NAMED else [*order[:half], *order[-half:]]
    others = [name for name in order if name not in named]
    faint = others[:: max(1, -(-len(others) // FAINT))]
    colors = [INK if color == "#000000" else color for color in COLORS]
    painted = [(name, names.index(name), colors[place % len(colors)]) for place, name in enumerate(named)]
    return [(name, names.index(name), "") for name in faint] + painted


def _canvas() -> tuple[Figure, Any]:
    figure = Figure(figsize=(5.6, 3.2), layout="constrained")
    FigureCanvasSVG(figure)
    return figure, figure.subplots()


def _lines(axes: Any, runs: Sequence[tuple[Tensor, Tensor]], name: str, color: str) -> None:
    """One line for each repetition; of a group without a color, the first alone."""
    for number, (step, values) in enumerate(runs if color else runs[:1]):
        style = {"color": color, "lw": 1.2, "alpha": 0.8} if color else {"color": "#888888", "lw": 0.6, "alpha": 0.4}
        axes.plot(step.tolist(), values.tolist(), label=name if color and not number else None, **style)


def _limits(content: BalanceFile, runs: Sequence[Trace]) -> tuple[float, float]:
    """Leave out the high losses of the beginning."""
    late = torch.cat([run.losses[len(run.losses) // 10 :].flatten() for run in runs])
    late = late[late.isfinite()]
    if not len(late):
        return 0.0, 1.0
    references = [row.reference for row in content.groups.values() if row.reference is not None]
    wanted = [one.loss for one in references if one.split != "none"]
    low, high = min([float(late.min()), *wanted]), max([float(late.max()), *wanted])
    margin = 0.05 * (high - low) + 1e-3
    return low - margin, high + margin


def _finished(figure: Figure, axes: Any) -> str:
    """The picture as an element of a page."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("descent step")
    figure.legend(loc="outside upper center", frameon=False, ncols=3)
    sink = StringIO()
    figure.savefig(sink, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    drawn = sink.getvalue()
    return NUMBERED.sub("", drawn[drawn.index("<svg") :]).replace(INK, "currentColor")
