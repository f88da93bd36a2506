"""The rooms and the arrows between them, as docs/architecture.md draws them."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "balanced_bc"
ROOT = frozenset({"errors", "options", "printing", "ranges", "tables", "words"})
ALLOWED: dict[str, frozenset[str]] = {
    "demonstrations": frozenset(),
    "policies": frozenset({"demonstrations"}),
    "balancing": frozenset(),
    "control": frozenset(),
    "simulation": frozenset({"demonstrations", "control"}),
    "learning": frozenset({"demonstrations", "policies", "balancing", "simulation"}),
    "nodes": frozenset({"demonstrations", "policies", "balancing", "control", "simulation", "learning"}),
    "watching": frozenset({"demonstrations", "policies", "simulation"}),
    "demo": frozenset({"demonstrations", "policies", "balancing", "simulation", "learning", "watching"}),
    "verbs": frozenset(
        {"demonstrations", "policies", "balancing", "control", "simulation", "learning", "watching", "demo"}
    ),
    "cli": frozenset({"verbs"}),
    "__main__": frozenset({"cli"}),
}
ONLY_IN: dict[str, frozenset[str]] = {
    "rclpy": frozenset({"nodes"}),
    "pybullet": frozenset({"simulation"}),
    "pybullet_data": frozenset({"simulation"}),
    "calvin_env": frozenset({"simulation"}),
    "torch": frozenset({"policies", "balancing", "learning", "nodes"}),
    "mcap": frozenset({"demonstrations"}),
    "rosbags": frozenset({"demonstrations"}),
    "pyarrow": frozenset({"demonstrations", "learning"}),
    "tyro": frozenset({"cli", "verbs"}),
}
SPARE: dict[str, frozenset[str]] = {"balancing": frozenset({"torch"}), "control": frozenset({"numpy"})}
"""Rooms that are pure: all that they may import from others."""
PLOTTING = frozenset({"learning/rebalancing/balance_picture.py", "learning/rebalancing/report_plots.py"})


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_arrows_between_rooms_point_one_way(path: Path) -> None:
    room = room_of(path)
    ours = {name.split(".")[1] for name in imported(path) if name.startswith("balanced_bc.")} - {"__version__"}
    stray = ours - ROOT - {room} - ALLOWED.get(room, frozenset())
    assert not stray, f"{path.name} in {room}/ imports from {sorted(stray)}"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_heavy_libraries_stay_in_their_rooms(path: Path) -> None:
    theirs = {name.split(".")[0] for name in imported(path)}
    stray = {name for name in theirs & set(ONLY_IN) if room_of(path) not in ONLY_IN[name]}
    assert not stray, f"{path.name} imports {sorted(stray)}, which belongs to {[sorted(ONLY_IN[n]) for n in stray]}"
    if "matplotlib" in theirs:
        assert str(path.relative_to(PACKAGE)) in PLOTTING, f"{path.name} plots; plotting modules are {sorted(PLOTTING)}"


@pytest.mark.parametrize("path", [path for path in modules() if room_of(path) in SPARE], ids=lambda path: path.name)
def test_pure_rooms_import_one_library(path: Path) -> None:
    theirs = {name.split(".")[0] for name in imported(path)} - set(sys.stdlib_module_names) - {"balanced_bc"}
    assert theirs <= SPARE[room_of(path)]


def test_importing_the_package_is_light() -> None:
    heavy = "{'torch', 'pybullet', 'rclpy', 'matplotlib', 'numpy'}"
    code = f"import sys, balanced_bc; print(sorted({heavy} & set(sys.modules)))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"
