"""Files that are either there and whole, or not there at all."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import Any

import yaml

from balanced_bc.demonstrations.errors import DemonstrationError

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def dump_yaml(content: Any) -> str:
    """Write plain types as YAML, keys in the order given."""
    return str(yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True))


def write_yaml(path: Path, content: Any) -> None:
    """Write a YAML file durably, see `write_bytes`."""
    write_bytes(path, dump_yaml(content).encode())


def write_bytes(path: Path, content: bytes, unfinished: Path | None = None) -> None:
    """Write a file durably: under another name first, then renamed, both on the disk before this returns.

    Args:
        path: File to write; one that exists is replaced.
        content: What it is to hold.
        unfinished: The other name; None for one that no other process uses.

    Raises:
        OSError: It cannot be written; the error names `path`, and nothing of it is left.
    """
    unfinished = unfinished or path.with_name(f".{path.name}.{os.getpid()}")
    try:
        unfinished.write_bytes(content)
        sync(unfinished)
        unfinished.replace(path)
        sync(path.parent)
    except OSError as error:
        if unfinished.exists():
            unfinished.unlink()
        raise OSError(error.errno, error.strerror, str(path)) from error


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file that holds a mapping.

    Raises:
        DemonstrationError: It is missing, damaged, or holds something else.
    """
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DemonstrationError(f"{path} cannot be read: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise DemonstrationError(f"{path} is damaged: it should hold names and values, but holds {content!r:.80}")
    return content


def require_writable(path: Path) -> None:
    """Refuse a file that cannot be written: it is tried in the nearest folder that exists, and leaves nothing there.

    Raises:
        DemonstrationError: It is a folder or no file, or its folder cannot be written to or made.
    """
    if path.is_dir():
        raise DemonstrationError(f"{path} is a folder; name a file")
    if path.exists() and not path.is_file():
        raise DemonstrationError(f"{path} is no file that could be replaced; name another one")
    try:
        folder = next(parent for parent in path.absolute().parents if parent.exists())
        tempfile.TemporaryDirectory(dir=folder, prefix=f".{path.name}.", suffix=".trial").cleanup()
    except OSError as error:
        raise DemonstrationError(f"{path} cannot be written: {error.strerror}") from error


def sync(path: Path) -> None:
    """Wait until a file, or a folder's list of files, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def content_hash(path: Path) -> str:
    """Hash of a file's content, `sha256:...`."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return f"sha256:{digest.hexdigest()}"
