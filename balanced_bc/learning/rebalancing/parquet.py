"""Columns in Parquet files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

from balanced_bc.demonstrations.durable import write_bytes


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
