"""The demo, small but whole: every node a process, ROS topics between them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from balanced_bc.demo.config import DemoConfig
from balanced_bc.demo.day import remember, run
from balanced_bc.demo.errors import DemoError
from balanced_bc.demonstrations.dataset import Dataset
from balanced_bc.errors import BalancedBCError

PATIENCE = 90.0
"""How long a busy machine may take for anything, [s]."""


def small(folder: Path) -> DemoConfig:
    return DemoConfig(output=folder / "demo", slider=1, drawer=2, rollouts=1, steps=3, method="equal")


def processes_of(folder: Path) -> list[str]:
    """Live processes that name the folder on their command line or print into it."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with suppress(OSError):
                words, printed = (entry / "cmdline").read_bytes().decode(), (entry / "fd" / "1").readlink()
                if str(folder) in words or folder in printed.parents:
                    found.append(words.replace("\0", " "))
    return found


def wait_until(condition: Callable[[], bool], what: str) -> None:
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < PATIENCE, f"waited in vain for {what}"
        time.sleep(0.1)


@pytest.mark.timeout(300)
def test_the_whole_day_leaves_everything_it_promises(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = small(tmp_path)
    run(config)
    printed = capsys.readouterr().out
    assert "slider" in printed
    assert "95 % interval" in printed
    assert Dataset.open(config.output / "dataset").counts("behavior") == {"slider": 1, "drawer": 2}
    for name in ("weights/balance.png", "weights/balance.yaml", "rollout.gif", "report.md", "plain", "balanced"):
        assert (config.output / name).exists(), name
    before = (config.output / "plain" / "model.safetensors").stat().st_mtime_ns
    log = (config.output / "logs" / "simulator.log").stat().st_size
    run(config)
    assert "Continuing" in capsys.readouterr().out
    assert (config.output / "plain" / "model.safetensors").stat().st_mtime_ns == before
    assert (config.output / "logs" / "simulator.log").stat().st_size == log, "nodes were started though all was there"
    assert not processes_of(config.output)


@pytest.mark.timeout(300)
def test_an_interrupt_ends_every_process_and_leaves_no_half_written_episode(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    words = ("demo", "--output", str(folder), "--slider", "9", "--drawer", "1")
    demo = subprocess.Popen((sys.executable, "-m", "balanced_bc", *words), stdout=subprocess.DEVNULL)
    episodes = folder / "dataset" / "episodes"
    wait_until(lambda: episodes.is_dir() and len(list(episodes.iterdir())) > 1, "the second episode")
    assert len(processes_of(folder)) >= 4
    demo.send_signal(signal.SIGINT)
    assert demo.wait(PATIENCE) != 0
    assert not processes_of(folder)
    assert not Dataset.open(folder / "dataset").unfinished


def test_a_method_that_does_not_exist_is_refused_before_anything_is_recorded(tmp_path: Path) -> None:
    with pytest.raises(BalancedBCError, match="best"):
        DemoConfig(output=tmp_path / "demo", method="best")  # type: ignore[arg-type]


def test_a_folder_of_another_demo_is_refused(tmp_path: Path) -> None:
    remember(small(tmp_path))
    with pytest.raises(DemoError, match="slider"):
        remember(DemoConfig(output=tmp_path / "demo", slider=3))


def test_a_folder_that_is_no_demo_is_refused(tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "thesis.txt").write_text("precious")
    with pytest.raises(DemoError, match="no demo"):
        remember(small(tmp_path))
