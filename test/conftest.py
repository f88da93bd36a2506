"""What holds for every test."""

from __future__ import annotations

import signal

from hypothesis import settings

# A test says what is true, not how fast this machine is today, and says the same tomorrow.
settings.register_profile("quiet", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("quiet")

# A shell that starts the tests in the background makes them and all that they start deaf to Ctrl+C.
signal.signal(signal.SIGINT, signal.default_int_handler)
