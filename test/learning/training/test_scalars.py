"""TensorBoard."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from balanced_bc.demonstrations.dataset import Dataset
from balanced_bc.learning.config import TrainingConfig
from balanced_bc.learning.errors import LearningError
from balanced_bc.learning.training.scalars import values
from balanced_bc.learning.training.train import train_dataset
from balanced_bc.policies.config import PolicyConfig

QUICK = TrainingConfig(steps=4, batch_size=8, report_every=2, held_out=0.3, device="cpu")
has_tensorboard = find_spec("tensorboard") is not None


def test_a_report_has_losses_step_size_and_speed(dataset: Dataset, image_policy: PolicyConfig, tmp_path: Path) -> None:
    *_, last = train_dataset(dataset, tmp_path / "policy", policy=image_policy, config=QUICK)
    named = values(last)
    assert set(named) == {
        *("loss/drawer", "loss/slider", "held_out/drawer", "held_out/slider"),
        *("learning_rate", "pairs_per_second"),
    }
    assert named["held_out/slider"] == last.held_out["slider"]


@pytest.mark.skipif(has_tensorboard, reason="needs a Python without tensorboard")
def test_a_missing_tensorboard_is_an_error_that_says_how_to_get_it(
    dataset: Dataset, image_policy: PolicyConfig, tmp_path: Path
) -> None:
    config = replace(QUICK, tensorboard=str(tmp_path / "board"))
    with pytest.raises(LearningError, match=r"pip install 'balanced_bc\[tensorboard\]'"):
        next(train_dataset(dataset, tmp_path / "policy", policy=image_policy, config=config))


@pytest.mark.skipif(not has_tensorboard, reason="needs tensorboard")
def test_every_report_is_written(dataset: Dataset, image_policy: PolicyConfig, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    config = replace(QUICK, tensorboard=str(tmp_path / "board"))
    *_, last = train_dataset(dataset, tmp_path / "policy", policy=image_policy, config=config)
    written: Any = EventAccumulator(str(tmp_path / "board"))
    written.Reload()
    losses = written.Scalars("loss/drawer")
    assert [event.step for event in losses] == [2, 4]
    assert losses[-1].value == pytest.approx(last.losses["drawer"], rel=1e-6)
