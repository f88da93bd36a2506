"""What holds for every test."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest
from hypothesis import settings

from balanced_bc.cli import main

# A test says what is true, not how fast this machine is today, and says the same tomorrow.
settings.register_profile("quiet", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("quiet")

# A shell that starts the tests in the background makes them and all that they start deaf to Ctrl+C.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """What is said to words behind `balanced-bc` that are refused."""

    def by(*words: str) -> str:
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code not in (0, None)
        return capsys.readouterr().err

    return by
