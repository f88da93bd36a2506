"""Keep what a foreign library prints from the user."""

from __future__ import annotations

import io
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout


@contextmanager
def quiet() -> Iterator[None]:
    """Drop prints of Python and of C, and warnings. What was printed before still comes out."""
    with ExitStack() as stack:
        for number, stream in ((1, sys.stdout), (2, sys.stderr)):
            stream.flush()
            stack.enter_context(_closed(number))
        stack.enter_context(redirect_stdout(io.StringIO()))
        stack.enter_context(redirect_stderr(io.StringIO()))
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _closed(number: int) -> Iterator[None]:
    """Send what is written to a file descriptor nowhere."""
    kept, nowhere = os.dup(number), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, number)
    try:
        yield
    finally:
        os.dup2(kept, number)
        os.close(kept)
        os.close(nowhere)
