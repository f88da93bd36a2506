"""The verb `explain`: what weights mean."""

from __future__ import annotations

from pathlib import Path

from tyro.conf import Positional

from balanced_bc.printing import print_text


def explain(weights: Positional[Path]) -> None:
    """Say what weights mean: warnings, losses, who helps and who harms whom, and what to record.

    Args:
        weights: balance.yaml, or its folder.
    """
    from balanced_bc.learning.rebalancing import balance_file, explanation

    print_text(explanation.explain(balance_file.read(weights)))
