"""The verb `watch`: films and pictures."""

from __future__ import annotations

from tyro.conf import OmitArgPrefixes

from balanced_bc.printing import print_text, shown
from balanced_bc.watching.config import WatchConfig


def watch(config: OmitArgPrefixes[WatchConfig] = WatchConfig()) -> None:
    """Film a demonstrator or a policy, show it in a window, or draw where episodes start.

    Args:
        config: What is watched, and how.
    """
    from balanced_bc.watching.starts import draw_starts
    from balanced_bc.watching.watch import watch as seen

    runs = draw_starts(config) if config.starts else seen(config)
    for now in list(shown(runs, "watching", lambda now: (now.done / now.total, now.note))):
        print_text(now.note)
    if config.file is not None:
        print_text(f"wrote {config.file}")
