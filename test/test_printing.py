"""What the command prints while it works."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from rich.console import Console

from balanced_bc import printing
from balanced_bc.printing import shown


def last_line(monkeypatch: pytest.MonkeyPatch, width: int, note: str) -> str:
    """What is left of a training that is interrupted at 41 %, on a terminal of some columns."""
    printed = io.StringIO()
    monkeypatch.setattr(printing, "console", Console(file=printed, width=width))

    def runs() -> Iterator[float]:
        yield 0.41
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(shown(runs(), "training", lambda share: (share, note), lambda _: "21789 pairs/s, 0:10 left"))
    return printed.getvalue().strip()


LOSSES = "loss: left -5.26, middle -5.89, right -4.49"


@pytest.mark.parametrize("width", [50, 80, 100, 200])
def test_share_speed_and_time_left_stay_on_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    line = last_line(monkeypatch, width, LOSSES)
    assert line.startswith("training ")
    assert " 41 % " in line
    assert "21789 pairs/s, 0:10 left" in line


def test_losses_are_cut_on_a_narrow_terminal_and_whole_on_a_wide_one(monkeypatch: pytest.MonkeyPatch) -> None:
    cut = last_line(monkeypatch, 80, LOSSES)
    assert cut.endswith("…")
    assert "loss: left" in cut
    assert "\n" not in cut
    assert last_line(monkeypatch, 200, LOSSES).endswith(LOSSES)


@pytest.mark.parametrize("terminal", [False, True])
def test_what_is_refused_at_the_door_leaves_no_bar(monkeypatch: pytest.MonkeyPatch, terminal: bool) -> None:
    printed = io.StringIO()
    monkeypatch.setattr(printing, "console", Console(file=printed, width=80, force_terminal=terminal))

    def runs() -> Iterator[float]:
        yield from ()
        raise ValueError("no tag on 'color'")

    with pytest.raises(ValueError, match="no tag on 'color'"):
        list(shown(runs(), "balancing", lambda share: (share, "")))
    erase_line = "\x1b[2K"
    assert "balancing" not in printed.getvalue().split(erase_line)[-1]
