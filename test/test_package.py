"""The package as colcon and ros2 launch see it."""

from __future__ import annotations

import importlib
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from setuptools.dist import Distribution

import balanced_bc

ROOT = Path(__file__).parents[1]


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> Any:
    from distutils.core import run_setup

    monkeypatch.chdir(ROOT)
    distribution = run_setup("setup.py", script_args=[], stop_after="init")
    assert isinstance(distribution, Distribution)
    return distribution


def test_every_launch_and_configuration_file_is_installed(built: Any) -> None:
    installed = {Path(name) for _, names in built.data_files for name in names}
    wanted = {path.relative_to(ROOT) for folder in ("launch", "config") for path in (ROOT / folder).rglob("*.*")}
    assert {path for path in wanted if path.suffix in (".py", ".yaml")} <= installed


def test_the_package_marks_itself_for_ament(built: Any) -> None:
    folders = dict(built.data_files)
    assert folders["share/ament_index/resource_index/packages"] == ["resource/balanced_bc"]
    assert "package.xml" in folders["share/balanced_bc"]


def test_every_console_script_exists(built: Any) -> None:
    for script in built.entry_points["console_scripts"]:
        module, _, function = script.partition(" = ")[2].partition(":")
        assert callable(getattr(importlib.import_module(module), function)), script


def test_versions_agree_and_the_license_is_named(built: Any) -> None:
    manifest = ET.parse(ROOT / "package.xml").getroot()
    assert manifest.get("format") == "3"
    assert manifest.findtext("license") == "MIT"
    assert manifest.findtext("version") == built.metadata.version == balanced_bc.__version__


def test_pins_name_every_library_that_is_wanted(built: Any) -> None:
    pinned = {line.partition("==")[0].lower().replace("_", "-") for line in _lines(ROOT / "constraints.txt")}
    extras = [name for names in built.extras_require.values() for name in names]
    assert {name.lower() for name in (*built.install_requires, *extras)} <= pinned


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text(encoding="utf-8").splitlines() if "==" in line]
