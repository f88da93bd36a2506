"""Columns in Parquet files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

from balanced_bc.demonstrations.durable import write_bytes
from balanced_bc.learning.errors import LearningError


def read(path: Path, columns: Sequence[str] | None = None) -> pyarrow.Table:
    """Read a file.

    Args:
        path: The file.
        columns: Those that are wanted; all, if None.

    Raises:
        LearningError: It is no Parquet file, or lacks a column.
    """
    try:
        table = pyarrow.parquet.read_table(path)
    except (OSError, ValueError) as error:
        raise LearningError(f"{path} is no Parquet file: {' '.join(str(error).split())}") from error
    if missing := sorted(set(columns or ()) - set(table.column_names)):
        raise LearningError(f"{path} lacks the columns {missing}; it has {table.column_names}")
    return table.select(columns) if columns else table


def write(path: Path, columns: Mapping[str, Any], about: Mapping[str, str] | None = None) -> None:
    """Write columns of one length, lists or arrays, into a file: whole or not at all.

    Args:
        path: The file.
        columns: By name.
        about: What is told of them in the file's metadata.
    """
    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(pyarrow.table(dict(columns)).replace_schema_metadata(dict(about or {})), sink)
    write_bytes(path, bytes(sink.getvalue().to_pybytes()))
