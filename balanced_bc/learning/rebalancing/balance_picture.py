"""balance.png: weights and losses over time, group by group."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Any

import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from balanced_bc.balancing.result import Progress
from balanced_bc.learning.rebalancing.balance_file import BalanceFile

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442")
"""Okabe and Ito's palette, which people who do not see red and green apart can read."""


def draw(content: BalanceFile, history: Sequence[Progress]) -> bytes:
    """Draw what a run found as a PNG file.

    Args:
        content: What balance.yaml says.
        history: Progress of the whole run.
    """
    runs = _runs(history)
    figure = Figure(figsize=(13 if runs else 6, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, 3, width_ratios=(1.0, 1.3, 1.3)) if runs else [figure.subplots()]
    _bars(axes[0], content)
    if runs:
        _weights(axes[1], content, runs)
        _losses(axes[2], content, runs)
    figure.suptitle(f"Weights by {content.method}, groups by {', '.join(content.group_by)}", fontsize=13)
    buffer = BytesIO()
    figure.savefig(buffer, dpi=110, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _runs(history: Sequence[Progress]) -> list[list[Progress]]:
    """Progress of the min-max step, one list for each repetition."""
    moments = [now for now in history if now.phase == "weights" and now.losses.numel() and now.result is None]
    return [[now for now in moments if now.repetition == number] for number in sorted({m.repetition for m in moments})]


def _bars(axes: Any, content: BalanceFile) -> None:
    """Share and weight of each group, side by side."""
    for index, row in enumerate(content.groups.values()):
        color = COLORS[index % len(COLORS)]
        axes.barh(index - 0.2, row.rho, 0.36, color=color, alpha=0.35)
        axes.barh(index + 0.2, row.alpha, 0.36, color=color, xerr=row.alpha_standard_error, ecolor="#444444")
        axes.text(
            row.rho + 0.01,
            index - 0.2,
            f"{row.rho:.2f} of pairs, {row.demonstrations} demonstrations",
            va="center",
            fontsize=8,
        )
        axes.text(
            row.alpha + (row.alpha_standard_error or 0) + 0.02,
            index + 0.2,
            f"{row.alpha:.2f}",
            va="center",
            fontsize=10,
            weight="bold",
        )
    axes.set_yticks(range(len(content.groups)), list(content.groups))
    axes.invert_yaxis()
    axes.set_xlim(0, 1.25)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1])
    axes.set_title("share in the dataset (pale) and weight", fontsize=10)
    _plain(axes)


def _weights(axes: Any, content: BalanceFile, runs: Sequence[Sequence[Progress]]) -> None:
    """Weights over time; the answer is a dot at the end."""
    for index, name in enumerate(content.groups):
        color = COLORS[index % len(COLORS)]
        for number, run in enumerate(runs):
            values = [float(now.weights[index]) for now in run]
            axes.plot(
                [now.step for now in run], values, color=color, lw=1.3, alpha=0.75, label=None if number else name
            )
        axes.plot(runs[0][-1].steps * 1.02, content.groups[name].alpha, "o", color=color, ms=7, clip_on=False)
    axes.set_ylim(0, 1)
    axes.set_title("weights in the min-max step (dot: answer)", fontsize=10)
    axes.set_xlabel("step")
    axes.legend(frameon=False, fontsize=9)
    _plain(axes)


def _losses(axes: Any, content: BalanceFile, runs: Sequence[Sequence[Progress]]) -> None:
    """Losses over time; the reference is dashed."""
    for index, (name, row) in enumerate(content.groups.items()):
        color = COLORS[index % len(COLORS)]
        for number, run in enumerate(runs):
            values = [float(now.losses[index]) for now in run]
            axes.plot(
                [now.step for now in run], values, color=color, lw=1.3, alpha=0.75, label=None if number else name
            )
        if row.reference is not None and row.reference.split != "none":
            axes.axhline(row.reference.loss, color=color, ls="--", lw=1.2)
    late = torch.stack([now.losses for run in runs for now in run[len(run) // 10 :]])
    late = late[late.isfinite()]  # groups that trust leaves out have no losses
    low, high = float(late.min()), float(late.max())
    wanted = [row.reference.loss for row in content.groups.values() if row.reference and row.reference.split != "none"]
    low, high = min([low, *wanted]), max([high, *wanted])
    axes.set_ylim(low - 0.05 * (high - low) - 1e-3, high + 0.05 * (high - low) + 1e-3)
    axes.set_title(f"loss of each group, {content.run.split} pairs (dashed: reference)", fontsize=10)
    axes.set_xlabel("step")
    axes.set_ylabel("nat per pair")
    _plain(axes)


def _plain(axes: Any) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=9)
