"""Robots: a file in config/robots/ each, with the contract and the limits."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from balanced_bc.control.limiter import Limits
from balanced_bc.demonstrations.contract import RobotContract
from balanced_bc.nodes.errors import NodeError
from balanced_bc.nodes.share import share_folder


class Robot(NamedTuple):
    """A robot as its file describes it.

    Attributes:
        contract: Streams, joints, cameras, rate, frames.
        limits: What every command is held to.
        backend: World that simulates it; empty for a robot that is real.
    """

    contract: RobotContract
    limits: Limits
    backend: str = ""


def robots() -> dict[str, Path]:
    """Every robot that has a file, by name."""
    return {path.stem: path for path in sorted((share_folder() / "config" / "robots").glob("*.yaml"))}


def robot(name: str) -> Robot:
    """Read the file of a robot.

    Raises:
        NodeError: There is no such robot, or its file is damaged.
    """
    files = robots()
    if name not in files:
        raise NodeError(f"there is no robot {name!r}; config/robots/ has {', '.join(files)}")
    plain = yaml.safe_load(files[name].read_text(encoding="utf-8"))
    if not isinstance(plain, dict) or set(plain) - {"backend"} != {"contract", "limits"}:
        raise NodeError(f"{files[name]} must have the keys contract and limits, and backend if it is simulated")
    limits = _limits(plain["limits"], files[name])
    return Robot(RobotContract.from_dict(plain["contract"]), limits, str(plain.get("backend", "")))


def _limits(plain: dict[str, Any], path: Path) -> Limits:
    known = {field.name for field in dataclasses.fields(Limits)}
    if unknown := set(plain) - known:
        raise NodeError(f"{path}: limits have no {sorted(unknown)}; they have {sorted(known)}")
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in plain.items()}
    return Limits(**values)
