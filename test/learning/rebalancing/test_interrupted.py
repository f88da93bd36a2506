"""Balancing that was interrupted goes on, and several processes share it."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from balanced_bc.balancing.config import BalancingConfig, Method
from balanced_bc.balancing.result import Progress
from balanced_bc.balancing.work import Kept
from balanced_bc.demonstrations.dataset import Dataset
from balanced_bc.learning.config import EncodingConfig, FeedbackConfig
from balanced_bc.learning.errors import LearningError
from balanced_bc.learning.rebalancing.balance_file import read
from balanced_bc.learning.rebalancing.ledger import Files, folder_of
from balanced_bc.learning.rebalancing.packed import pack, unpack
from balanced_bc.learning.rebalancing.rebalance_dataset import rebalance_dataset
from balanced_bc.learning.rebalancing.so_far import SoFar
from balanced_bc.policies.config import PolicyConfig
from test.learning.rebalancing.conftest import QUICK, SMALL, DatasetOf

BOTH = ("drawer", "slider") * 3
WRITTEN = ("balance.yaml", "weights.parquet", "episodes.parquet", "history.parquet", "balance.png", "report.html")


@pytest.fixture
def dataset(dataset_of: DatasetOf) -> Dataset:
    """Three demonstrations of each of two behaviors."""
    return dataset_of(*BOTH)


@pytest.fixture
def start(
    dataset: Dataset, image_policy: PolicyConfig, tmp_path: Path
) -> Callable[[str, int, BalancingConfig, EncodingConfig], None]:
    """Balance until `reports` were made, then break off."""

    def run(name: str, reports: int = 10**6, config: BalancingConfig = QUICK, encoding: EncodingConfig = SMALL) -> None:
        left = iter(range(reports))

        def stop() -> bool:
            if next(left, None) is None:
                raise KeyboardInterrupt
            return False

        list(rebalance_dataset(dataset, ("behavior",), tmp_path / name, config, image_policy, encoding, stop))

    return run


def same(first: Path, second: Path) -> bool:
    return all((first / name).read_bytes() == (second / name).read_bytes() for name in WRITTEN)


def pieces(output: Path) -> set[str]:
    return {path.name for path in folder_of(output).glob("*.safetensors")}


@pytest.mark.parametrize("method", ["ours", "minimax"])
def test_a_run_that_is_broken_off_again_and_again_ends_with_the_same_files(
    method: str, start: Callable[..., None], tmp_path: Path
) -> None:
    config = replace(QUICK, method=method)  # type: ignore[arg-type]
    start("whole", config=config)
    broken = 0
    seen: set[str] = set()
    assert read(tmp_path / "whole").comparison
    while not (tmp_path / "parts" / "balance.yaml").exists():
        try:
            start("parts", 5 * (broken + 1), config)
        except KeyboardInterrupt:
            broken += 1
            assert seen <= pieces(tmp_path / "parts")
            seen = pieces(tmp_path / "parts")
            assert not (tmp_path / "parts").exists()
    assert broken >= 2
    assert {f"{name}-0.safetensors" for name in ("encoder", "repetition", "conflicts")} <= seen
    assert same(tmp_path / "whole", tmp_path / "parts")
    assert not folder_of(tmp_path / "parts").exists()


def test_another_configuration_is_refused_with_what_differs(start: Callable[..., None], tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        start("weights", 5)
    with pytest.raises(LearningError, match=r"balancing\.steps: 8 there, 9 here\nGive the options that it had"):
        start("weights", config=replace(QUICK, steps=9))
    start("weights")
    assert (tmp_path / "weights" / "balance.yaml").exists()


def test_other_verdicts_are_refused(
    dataset: Dataset, image_policy: PolicyConfig, start: Callable[..., None], tmp_path: Path
) -> None:
    verdicts, given = tmp_path / "verdicts.yaml", FeedbackConfig(verdicts=tmp_path / "verdicts.yaml")
    left = iter(range(5))

    def stop() -> bool:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return False

    def run(said: str) -> None:
        verdicts.write_text(f"format: 1\nverdicts:\n- {{weights: old, drawer: {said}}}\n")
        output = tmp_path / "new"
        list(rebalance_dataset(dataset, ("behavior",), output, QUICK, image_policy, SMALL, stop, given))

    start("old")
    with pytest.raises(KeyboardInterrupt):
        run("good")
    with pytest.raises(LearningError, match=r"feedback\.judged\..*good: \[True, False\] there, \[False, False\] here"):
        run("bad")


def test_where_pairs_wait_may_change_and_changes_no_weight(start: Callable[..., None], tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        start("disk", 5)
    start("disk", encoding=replace(SMALL, memory="disk"))
    start("host")
    assert (tmp_path / "disk" / "weights.parquet").read_bytes() == (tmp_path / "host" / "weights.parquet").read_bytes()


def test_a_damaged_piece_is_named(start: Callable[..., None], tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        start("weights", 5)
    path = folder_of(tmp_path / "weights") / "encoder-0.safetensors"
    path.write_bytes(path.read_bytes()[:-4] + b"oops")
    with pytest.raises(LearningError, match=rf"{path} is damaged .*remove {path.parent} to start afresh"):
        start("weights")


def test_a_piece_that_has_no_room_is_named_and_the_rest_is_kept(tmp_path: Path) -> None:
    files, piece = Files(tmp_path / "weights", {}), tmp_path / "weights.balancing" / "piece-1.safetensors"
    files.open()
    files.write("piece-0.", bytes(100))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(LearningError, match=rf"{piece} cannot be written: File too large. Make room.*goes on"):
            files.write("piece-1.", bytes(2000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert sorted(path.name for path in files.folder.iterdir()) == ["balancing.yaml", "lock", "piece-0.safetensors"]


def test_one_process_at_a_time_balances_in_a_folder(start: Callable[..., None], tmp_path: Path) -> None:
    files = Files(tmp_path / "weights", {})
    files.open()
    with pytest.raises(LearningError, match="another process balances in"):
        start("weights")
    files.close()


def test_what_is_packed_comes_back_as_it_was() -> None:
    told = (Progress.of("weights", 0, 2, torch.tensor([0.25, 0.75]).double(), torch.zeros(2)),)
    piece = Kept({"a": (torch.arange(3), [None, True, 1.5, "name"])}, told)
    found = unpack(pack(piece))
    assert torch.equal(found.value["a"][0], torch.arange(3))
    assert found.value["a"][1] == [None, True, 1.5, "name"]
    assert isinstance(found.told[0], Progress)
    assert torch.equal(found.told[0].weights, told[0].weights)


def test_weights_so_far_are_averages_and_count_with_the_steps_that_were_taken() -> None:
    heard = SoFar(torch.tensor([0.5, 0.5]))
    assert heard.weights.tolist() == [0.5, 0.5]
    for repetition, path in ((0, (0.9, 0.9, 0.6, 0.8)), (1, (0.2,))):
        for step, first in enumerate(path):
            weights = torch.tensor([first, 1 - first])
            heard.hear(Progress.of("weights", step, 4, weights, torch.zeros(2))._replace(repetition=repetition))
    assert heard.weights.tolist() == pytest.approx([(4 * 0.7 + 0.2) / 5, (4 * 0.3 + 0.8) / 5])


SCRIPT = """
import os, signal, sys, time
from pathlib import Path
from balanced_bc.errors import BalancedBCError
from balanced_bc.demonstrations.dataset import Dataset
from balanced_bc.learning.rebalancing.rebalance_dataset import rebalance_dataset
from balanced_bc.policies.config import PolicyConfig
from balanced_bc.balancing.config import BalancingConfig
from balanced_bc.learning.config import EncodingConfig
folder, output, fate = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
policy = PolicyConfig(image_size=16, channels=(8, 8), keypoints=4, hidden=32, chunk=3, execute=2)
asked = 0
def stop():
    global asked
    asked += 1
    if fate != "fine" and os.environ["RANK"] == "1" and asked == 6:
        while not list(output.with_name(output.name + ".balancing").glob("*.safetensors")):
            time.sleep(0.05)  # until something is kept
        os.kill(os.getpid(), signal.SIGKILL) if fate == "dies" else 1 / 0
    return False
try:
    for now in rebalance_dataset(Dataset.open(folder), ("behavior",), output, {quick}, policy, {small}, stop):
        print("progress", now.done, flush=True)
except BalancedBCError as error:
    sys.exit(f"process {os.environ['RANK']} says: {error}")
"""


def torchrun(
    number: int, dataset: Dataset, output: Path, fate: str, config: BalancingConfig = QUICK
) -> subprocess.CompletedProcess[str]:
    script = output.with_name("script.py")
    script.write_text(SCRIPT.replace("{quick}", repr(config)).replace("{small}", repr(SMALL)))
    root = str(Path(__file__).parents[3])
    run = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(number))
    return subprocess.run(
        (sys.executable, *run, str(script), str(dataset.path), str(output), fate),
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )


@pytest.mark.parametrize("method", ["ours", "minimax"])
def test_four_processes_write_the_same_files_as_one(
    method: Method, dataset: Dataset, start: Callable[..., None], tmp_path: Path
) -> None:
    config = replace(QUICK, method=method)
    printed = torchrun(4, dataset, tmp_path / "four", "fine", config)
    assert printed.returncode == 0, printed.stderr
    done = [float(line.split()[1]) for line in printed.stdout.splitlines() if line.startswith("progress")]
    assert done[-1] == 1
    torch.set_num_threads(2)
    start("one", config=config)
    assert same(tmp_path / "four", tmp_path / "one")
    assert not folder_of(tmp_path / "four").exists()


def test_a_process_that_fails_ends_all_with_its_message_and_the_rest_is_kept(
    dataset: Dataset, start: Callable[..., None], tmp_path: Path
) -> None:
    printed = torchrun(2, dataset, tmp_path / "weights", "fails")
    assert printed.returncode != 0
    assert "ZeroDivisionError" in printed.stderr
    assert not (tmp_path / "weights").exists()
    assert pieces(tmp_path / "weights")
    start("weights")
    start("whole")
    assert same(tmp_path / "weights", tmp_path / "whole")


def test_a_process_that_is_killed_ends_all(dataset: Dataset, tmp_path: Path) -> None:
    printed = torchrun(2, dataset, tmp_path / "weights", "dies")
    assert printed.returncode != 0
    assert "SIGKILL" in printed.stderr or f"exitcode  : {-signal.SIGKILL.value}" in printed.stderr
    assert not (tmp_path / "weights").exists()
