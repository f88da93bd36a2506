"""matrices.parquet: diagnostics of each two groups, where there are so many that balance.yaml would be large."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from balanced_bc.learning.errors import LearningError
from balanced_bc.learning.rebalancing import parquet

NAME = "matrices.parquet"
"""Name of the file, beside balance.yaml."""
MANY = 24
"""Groups up to which these diagnostics are written into balance.yaml."""

TOGETHER = {
    "transfer": ("transfer", "transfer_standard_error"),
    "meta_direction": ("meta_direction", "meta_direction_standard_error"),
    "conflict": ("conflict", "conflict_standard_error", "shared_states"),
}
"""Matrices, and all that is shown of each."""


def parted(diagnostics: Mapping[str, Any], groups: int) -> tuple[dict[str, Any], dict[str, list[float]]]:
    """Part diagnostics into what balance.yaml has room for, and matrices laid flat, row after row."""
    large = {name: values for name, values in diagnostics.items() if groups > MANY and is_matrix(values)}
    small = {name: values for name, values in diagnostics.items() if name not in large}
    return small, {name: [value for row in rows for value in row] for name, rows in large.items()}


def read(folder: Path, groups: int) -> dict[str, list[list[float]]]:
    """Matrices of a folder, (k, k) each; none where balance.yaml has them."""
    path = folder / NAME
    if groups <= MANY or not path.is_file():
        return {}
    found = parquet.read(path).to_pydict()
    if any(len(values) != groups**2 for values in found.values()):
        raise LearningError(f"{path} must have a number for each two of {groups} groups; balance the dataset again")
    return {name: torch.tensor(values).view(groups, groups).tolist() for name, values in found.items()}


def check(diagnostics: Mapping[str, Any], groups: int, where: str) -> None:
    """Refuse matrices that have not a number for each two groups, or lack what is told with them.

    Raises:
        LearningError: One has not; `where` says whose it is.
    """
    for name in (part for whole, parts in TOGETHER.items() if whole in diagnostics for part in parts):
        rows = diagnostics.get(name)
        if not isinstance(rows, list) or [len(row) for row in rows if isinstance(row, list)] != [groups] * groups:
            raise LearningError(
                f"{where}: {name} of the diagnostics must have a number for each two of {groups} groups; it is "
                f"{rows!r:.100}"
            )


def is_matrix(values: Any) -> bool:
    """Whether a diagnostic is of each two groups."""
    return isinstance(values, list) and bool(values) and isinstance(values[0], list)
