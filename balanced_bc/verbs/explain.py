"""The verb `explain`: what weights mean."""

from __future__ import annotations

from pathlib import Path

from tyro.conf import Positional

from balanced_bc.options import UsageError
from balanced_bc.printing import print_text


def explain(weights: Positional[tuple[Path, ...]], html: Path | None = None) -> None:
    """Say what weights mean: warnings, losses, who helps and who harms whom, who opposes whom, and what to record.

    Args:
        weights: balance.yaml, or its folder; several of the same dataset stand side by side on the page.
        html: Page to write, with pictures; the text is printed in any case.

    Raises:
        UsageError: No weights are named.
    """
    if not weights:
        raise UsageError("no weights are named; give balance.yaml, or its folder")
    from balanced_bc.learning.rebalancing import balance_file, explanation, report

    print_text("\n\n\n".join(explanation.explain(balance_file.read(path)) for path in weights))
    if html is not None:
        report.write(html, *weights)
        print_text(f"\nwrote {html}")
