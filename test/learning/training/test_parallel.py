"""Training on several processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from time import sleep

import pytest
import torch
import torch.distributed as dist

from balanced_bc.cli import main
from balanced_bc.demonstrations.dataset import Dataset
from balanced_bc.learning.errors import LearningError
from balanced_bc.learning.training.draws import Draw
from balanced_bc.learning.training.parallel import Team, is_told
from balanced_bc.policies import tensors
from balanced_bc.policies.checkpoint import load

TORCHRUN = (
    *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"),
    *("-m", "balanced_bc"),
)
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def _words(dataset: Dataset, *more: str) -> tuple[str, ...]:
    small = ("--image-size", "16", "--channels", "8", "--hidden", "16", "--batch-size", "5")
    options = ("--report-every", "4", "--device", "cpu", "--precision", "float32")
    return ("train", "--dataset", str(dataset.path), *small, *options, *more)


def test_parts_of_a_batch_are_all_of_it_and_differ_by_one_pair_at_most() -> None:
    draw = Draw(torch.arange(10, 17), torch.arange(7) // 4, {"camera": torch.arange(14).view(2, 7)})
    parts = [draw.part(number, 3) for number in range(3)]
    assert sorted(torch.cat([part.pairs for part in parts]).tolist()) == list(range(10, 17))
    assert [len(part.pairs) for part in parts] == [3, 2, 2]
    for part in parts:
        torch.testing.assert_close(part.offsets["camera"][0] + 10, part.pairs)
        torch.testing.assert_close((part.pairs - 10) // 4, part.groups)


def test_a_batch_smaller_than_the_team_is_refused() -> None:
    with pytest.raises(LearningError, match="4 processes cannot share a batch of 3"):
        Team(0, 4).require(3)


def test_two_processes_train_the_same_policy_as_one(dataset: Dataset, tmp_path: Path) -> None:
    weights = tmp_path / "weights"
    main(("balance", "--dataset", str(dataset.path), "--method", "equal", "--output", str(weights)))
    warmed = ("--weights", str(weights), "--warming", "cosine")
    words = _words(dataset, "--held-out", "0.3", "--steps", "12", *warmed)
    run = (*TORCHRUN, *words, "--output", str(tmp_path / "two"))
    printed = subprocess.run(run, env=ENVIRONMENT, capture_output=True, text=True, timeout=120, check=False)
    assert printed.returncode == 0, printed.stderr
    assert printed.stdout.count("wrote ") == 1
    assert "2 processes" in printed.stdout
    assert load(tmp_path / "two").provenance["training"]["warming"] == "cosine"
    main((*words, "--output", str(tmp_path / "one")))
    two, one = (load(tmp_path / name) for name in ("two", "one"))
    for name, value in one.policy.state_dict().items():
        torch.testing.assert_close(two.policy.state_dict()[name], value, rtol=0, atol=1e-5)
    for kind in ("losses", "held_out"):
        assert two.provenance[kind] == pytest.approx(one.provenance[kind], abs=1e-4)


def test_what_is_wrong_for_all_processes_is_said_once(dataset: Dataset, tmp_path: Path) -> None:
    run = (*TORCHRUN, *_words(dataset, "--batch-size", "1"), "--output", str(tmp_path / "two"))
    printed = subprocess.run(run, env=ENVIRONMENT, capture_output=True, text=True, timeout=120, check=False)
    assert printed.returncode == 1
    assert printed.stderr.count("balanced-bc train: 2 processes cannot share a batch of 1") == 1


def test_what_is_wrong_for_one_process_is_said_by_it() -> None:
    store = dist.HashStore()  # type: ignore[attr-defined]
    assert [is_told(store, text) for text in ("full", "full", "process 1", "full")] == [False, True, False, True]


def test_before_processes_meet_the_first_one_of_a_machine_says_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for number, said in (("0", "there is no folder"), ("1", "")):
        monkeypatch.setenv("LOCAL_RANK", number)
        with pytest.raises(SystemExit) as ended:
            main(("train", "--dataset", str(tmp_path / "none"), "--output", str(tmp_path / "policy")))
        assert ended.value.code == 1
        printed = capsys.readouterr().err
        assert said in printed
        assert bool(said) == bool(printed)


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are found in /proc")
def test_a_team_keeps_its_training_whichever_of_its_processes_is_told_to_end(dataset: Dataset, tmp_path: Path) -> None:
    endless = _words(dataset, "--steps", "1000000", "--checkpoint-every", "500")
    saved = tmp_path / "two.training" / "state.safetensors"
    run = (*TORCHRUN, *endless, "--output", str(tmp_path / "two"))
    with subprocess.Popen(run, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as team:
        while not saved.is_file():
            assert team.poll() is None, team.communicate()[0]
            sleep(0.05)
        os.kill(_member(team.pid, rank=1), signal.SIGTERM)
        told, _ = team.communicate(timeout=60)
    step = json.loads(tensors.read(saved)[1]["numbers"])["step"]
    assert step % 500, f"nothing was saved since step {step}: {told}"


def _member(torchrun: int, rank: int) -> int:
    """Process that torchrun has started with a rank."""
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parent = path.joinpath("stat").read_text().rpartition(")")[2].split()[1]
            environment = path.joinpath("environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if int(parent) == torchrun and f"RANK={rank}".encode() in environment:
            return int(path.name)
    raise AssertionError(f"torchrun has no process of rank {rank}")
