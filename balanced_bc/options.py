"""Options of the command line that come from a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from balanced_bc.errors import BalancedBCError


class UsageError(BalancedBCError):
    """The command line is not of the form that `--help` describes."""


def expanded(arguments: Sequence[str]) -> list[str]:
    """Replace `--config FILE.yaml` by the options that the file holds; options on the command line override them.

    Raises:
        UsageError: The file is missing or no mapping of options to values.
    """
    words = [part for word in arguments for part in (word.split("=", 1) if word.startswith("--config=") else [word])]
    if "--config" not in words:
        return words
    at = words.index("--config")
    if at + 1 == len(words):
        raise UsageError("--config wants a YAML file")
    return [*spelled(options_in(Path(words[at + 1]))), *words[:at], *words[at + 2 :]]


def options_in(path: Path) -> dict[str, Any]:
    """Options that a file holds."""
    if not path.is_file():
        raise UsageError(f"there is no file {path} for --config")
    try:
        options = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise UsageError(f"{path} is no YAML: {error}") from error
    if not isinstance(options, dict):
        raise UsageError(f"{path} holds {type(options).__name__}; wanted is a mapping of options to values")
    return options


def spelled(options: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Options as they are typed; a mapping within them is a group, as in --encoding.steps."""
    words: list[str] = []
    for key, value in options.items():
        name = f"{prefix}{str(key).replace('_', '-')}"
        if isinstance(value, dict):
            words += spelled(value, f"{name}.")
        elif isinstance(value, bool):
            words += [f"--{name}" if value else f"--{prefix}no-{name[len(prefix) :]}"]
        else:
            words += [f"--{name}", *map(str, value if isinstance(value, list) else [value])]
    return words
