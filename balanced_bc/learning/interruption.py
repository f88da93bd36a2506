"""Ctrl+C and a polite end, heard between two steps."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def interruption() -> Iterator[Callable[[], bool]]:
    """A function to be asked between steps: it raises KeyboardInterrupt after SIGINT or SIGTERM, else it says false.

    A second signal, or one before the function was first asked, raises at once.
    """
    listening = heard = False

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        nonlocal heard
        if heard or not listening:
            raise KeyboardInterrupt
        heard = True

    def is_interrupted() -> bool:
        nonlocal listening
        listening = True
        if heard:
            raise KeyboardInterrupt
        return False

    before = [signal.signal(number, on_signal) for number in SIGNALS]
    try:
        yield is_interrupted
    finally:
        for number, handler in zip(SIGNALS, before):
            signal.signal(number, handler)
