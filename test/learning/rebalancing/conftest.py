"""Weights as balance.yaml has them, without a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from balanced_bc.learning.rebalancing.balance_file import BalanceFile, Row

ContentOf = Callable[..., BalanceFile]


def numbered(groups: int, value: Callable[[int, int], float]) -> list[list[float]]:
    return [[value(i, j) for j in range(groups)] for i in range(groups)]


def row_of(pairs: int, alpha: float, total: int) -> Row:
    """A group with a reference of 1 and a loss of 1.5; demonstrations of 50 pairs."""
    return Row(
        demonstrations=pairs // 50,
        pairs=pairs,
        rho=pairs / total,
        rho_demonstrations=pairs / total,
        alpha=alpha,
        alpha_standard_error=0.01,
        alpha_over_rho=alpha / (pairs / total),
        reference={
            "loss": 1.0,
            "standard_error": 0.1,
            "split": "held-out",
            "steps": 600,
            "reduction": "last",
            "lane": "lanes",
        },
        final_loss=1.5,
        warnings=(),
        idle=0.25,
        length=50.0,
        seconds=5 / 3,
    )


@pytest.fixture
def content_of() -> ContentOf:
    """Make the content of balance.yaml for k groups; groups 0 and 1 oppose each other."""

    def make(groups: int, method: str = "minimax", **changes: Any) -> BalanceFile:
        total = 100 * groups
        strong = {(0, 1): -0.8, (1, 0): -0.8}
        diagnostics = {
            "transfer": numbered(groups, lambda i, j: 0.3 if i != j else -0.2),
            "transfer_standard_error": numbered(groups, lambda i, j: 0.1 + (i > 1) + (j > 1)),
            "conflict": numbered(groups, lambda i, j: strong.get((i, j), 0.05)),
            "conflict_standard_error": numbered(groups, lambda *_: 0.1),
            "shared_states": numbered(groups, lambda *_: 0.6),
        }
        given: dict[str, Any] = {
            "method": method,
            "group_by": ("behavior",),
            "groups": {f"group {i}": row_of(100, 1 / groups, total) for i in range(groups)},
            "effective_sample_size": float(total),
            "warnings": ("<a warning>",),
            "dataset": {"fingerprint": "sha256:1", "pairs": total, "demonstrations": 2 * groups},
            "run": {"seed": 0, "repeats": 3, "steps": 600, "split": "held-out"},
            "configuration": {"balancing": {"seed": 0}},
            "diagnostics": diagnostics,
            "comparison": (),
        }
        return BalanceFile(**{**given, **changes})

    return make
