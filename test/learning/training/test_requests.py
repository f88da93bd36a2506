"""Checkpoints that another thread asks for."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from balanced_bc.demonstrations.dataset import Dataset
from balanced_bc.learning.config import TrainingConfig
from balanced_bc.learning.errors import LearningError
from balanced_bc.learning.training.progress import Progress
from balanced_bc.learning.training.requests import Requests
from balanced_bc.learning.training.train import train_dataset
from balanced_bc.policies.checkpoint import load
from balanced_bc.policies.config import PolicyConfig

QUICK = TrainingConfig(steps=6, batch_size=8, report_every=2, held_out=0.3, early_stop=9, device="cpu")
PATIENCE = 30.0


def _asked_while_training(run: Iterator[Progress], requests: Requests) -> tuple[Progress, Future[Path]]:
    """Ask for a checkpoint after the first report; the last report, and the answer."""
    with ThreadPoolExecutor(1) as other:
        next(run)
        asked = other.submit(requests.ask, PATIENCE)
        while not requests.pending():
            pass
        *_, last = run
    return last, asked


def test_a_checkpoint_between_two_steps_changes_nothing_of_the_training(
    dataset: Dataset, image_policy: PolicyConfig, tmp_path: Path
) -> None:
    requests = Requests()
    run = train_dataset(dataset, tmp_path / "policy", policy=image_policy, config=QUICK, requests=requests)
    last, asked = _asked_while_training(run, requests)
    assert asked.result() == tmp_path / "policy-step000002"
    assert load(tmp_path / "policy-step000002").provenance["steps"] == 2
    *_, whole = train_dataset(dataset, tmp_path / "whole", policy=image_policy, config=QUICK)
    wanted = whole.policy.state_dict()
    assert all(torch.equal(value, wanted[name]) for name, value in last.policy.state_dict().items())
    assert last.losses == whole.losses


def test_a_checkpoint_that_exists_is_refused_and_training_goes_on(
    dataset: Dataset, image_policy: PolicyConfig, tmp_path: Path
) -> None:
    (tmp_path / "policy-step000002").mkdir()
    requests = Requests()
    run = train_dataset(dataset, tmp_path / "policy", policy=image_policy, config=QUICK, requests=requests)
    last, asked = _asked_while_training(run, requests)
    with pytest.raises(LearningError, match="never overwritten"):
        asked.result()
    assert last.step == 6


def test_asking_where_nobody_trains_ends_with_an_error() -> None:
    requests = Requests()
    with pytest.raises(LearningError, match="training has not begun, or has ended"):
        requests.ask(PATIENCE)
    assert not requests.pending()


def test_who_asks_while_training_ends_is_told_so_at_once() -> None:
    requests = Requests()
    with ThreadPoolExecutor(1) as other:
        with requests.answered():
            asked = other.submit(requests.ask, PATIENCE)
            while not requests.pending():
                pass
        with pytest.raises(LearningError, match="training has ended"):
            asked.result(timeout=PATIENCE / 2)
    with pytest.raises(LearningError, match="has ended"):
        requests.ask(PATIENCE)


def test_a_training_that_is_stopped_before_its_first_step_writes_no_policy(
    dataset: Dataset, image_policy: PolicyConfig, tmp_path: Path
) -> None:
    output = tmp_path / "policy"
    with pytest.raises(LearningError, match="stopped before its first step"):
        list(train_dataset(dataset, output, policy=image_policy, config=QUICK, stop=lambda: True))
    assert not output.exists()
