"""What came out of a training, as a table."""

from __future__ import annotations

from balanced_bc.learning.training.progress import Progress
from balanced_bc.tables import Rows, aligned

HEADINGS = ("group", "demonstrations", "held out", "pairs", "weight", "loss", "held-out loss")


def table(last: Progress) -> Rows:
    """One row per behavior, then per group that is a part of one.

    Each tells what it brought, its weight, and its losses in the last report, [nat].
    """
    return (HEADINGS, *(_row(name, last) for name in last.shares))


def text(last: Progress) -> str:
    """The table, how training ended, and warnings."""
    return "\n".join((aligned(table(last)), remark(last), *(f"warning: {warning}" for warning in last.warnings)))


def remark(last: Progress) -> str:
    """A few words on how training ended: steps, speed, device."""
    kept = (
        "" if last.kept == last.step else f"; the policy of step {last.kept} was the best: the held-out losses are its"
    )
    return f"{last.step} of {last.steps} steps{kept}; {last.pairs_per_second:.0f} pairs/s on {last.device}"


def numbers(report: Progress) -> dict[str, float]:
    """A report as labelled numbers: how far training is, and what the table says of each group."""
    brought = {"demonstrations": "demonstrations", "held out": "held_out", "pairs": "pairs", "weight": "weight"}
    return {
        "step": report.step,
        "steps": report.steps,
        "kept": report.kept,
        **{f"{label} {name}": getattr(one, of) for label, of in brought.items() for name, one in report.shares.items()},
        **{f"loss {name}": loss for name, loss in report.losses.items()},
        **{f"held-out loss {name}": loss for name, loss in report.held_out.items()},
        "learning rate": report.learning_rate,
        "pairs per second": report.pairs_per_second,
        "seconds left": report.seconds_left,
    }


def reading(report: Progress) -> tuple[float, str]:
    """Share done, and losses in short."""
    spelled = ", ".join(f"{name} {report.losses[name]:.2f}" for name in report.judged if name in report.losses)
    return report.step / report.steps, f"loss: {spelled}"


def pace(report: Progress) -> str:
    """Speed and time left, in short."""
    minutes, seconds = divmod(round(report.seconds_left), 60)
    return f"{report.pairs_per_second:.0f} pairs/s, {minutes}:{seconds:02d} left"


def _row(name: str, last: Progress) -> tuple[str, ...]:
    share = last.shares[name]
    counts = (str(share.demonstrations), str(share.held_out), str(share.pairs))
    losses = (f"{found[name]:.2f}" if name in found else "-" for found in (last.losses, last.held_out))
    return (name, *counts, f"{share.weight:.3f}", *losses)
