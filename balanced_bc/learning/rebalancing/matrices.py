"""matrices.parquet: diagnostics of each two groups, where there are so many that balance.yaml would be large."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet
import torch

NAME = "matrices.parquet"
"""Name of the file, beside balance.yaml."""
MANY = 24
"""Groups up to which these diagnostics are written into balance.yaml."""


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
    found = pyarrow.parquet.read_table(path).to_pydict()
    return {name: torch.tensor(values).view(groups, groups).tolist() for name, values in found.items()}


def is_matrix(values: Any) -> bool:
    """Whether a diagnostic is of each two groups."""
    return isinstance(values, list) and bool(values) and isinstance(values[0], list)
