"""Collecting without ROS gives ordinary, reproducible datasets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from balanced_bc.demonstrations.contract import RobotContract
from balanced_bc.demonstrations.dataset import Dataset
from balanced_bc.simulation.collect import collect
from balanced_bc.simulation.errors import SimulationError


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    dataset = Dataset.create(tmp_path_factory.mktemp("collected") / "dataset", RobotContract())
    list(collect(dataset, "opening", {"slider": 1, "drawer": 2}, seed=1))
    return dataset


def test_as_many_demonstrations_as_were_asked_for_are_saved(dataset: Dataset) -> None:
    assert dataset.counts("behavior") == {"slider": 1, "drawer": 2}
    assert dataset.counts("quality") == {"optimal": 3}
    assert dataset.counts("success") == {"true": 3}


def test_every_stream_of_the_contract_is_recorded_at_the_control_rate(dataset: Dataset) -> None:
    for record in dataset.episodes:
        assert set(record.streams) == {stream.topic for stream in dataset.contract.streams}
        assert record.gaps == 0
        assert record.streams["joint_states"].rate == pytest.approx(30.0, abs=0.01)


def test_a_command_answers_the_observation_of_its_own_tick(dataset: Dataset) -> None:
    demonstration = dataset.demonstration(1)
    assert demonstration.scene is not None
    moved = np.diff(demonstration.scene[:, :3], axis=0) * 30
    commanded = demonstration.action[:-1, :3]
    assert np.abs(moved - commanded)[3:20].max() < 0.12
    assert len(demonstration.ticks) == dataset.episodes[1].pairs


def test_a_demonstration_ends_with_standing_still(dataset: Dataset) -> None:
    for record in dataset.episodes:
        assert not dataset.demonstration(record.index).action[-1, :6].any()


def test_workers_make_no_difference(dataset: Dataset, tmp_path: Path) -> None:
    other = Dataset.create(tmp_path / "dataset", RobotContract())
    steps = [progress.note for progress in collect(other, "opening", {"slider": 1, "drawer": 2}, seed=1, workers=2)]
    assert len(steps) == 3
    assert other.fingerprint() == dataset.fingerprint()


def test_a_negative_number_of_demonstrations_is_refused(dataset: Dataset) -> None:
    with pytest.raises(SimulationError, match="at least 0"):
        next(collect(dataset, "opening", {"slider": -1}))


def test_an_unknown_behavior_is_refused_before_anything_is_recorded(dataset: Dataset) -> None:
    with pytest.raises(SimulationError, match="slider, drawer"):
        next(collect(dataset, "opening", {"slider": 1, "door": 1}))
    assert len(dataset.episodes) == 3


def test_a_dataset_of_another_robot_is_refused(tmp_path: Path) -> None:
    other = Dataset.create(tmp_path / "dataset", RobotContract(rate=20.0))
    with pytest.raises(SimulationError, match="rate"):
        next(collect(other, "opening", {"slider": 1}))


def test_the_same_seed_again_is_refused_with_another_one_to_take(dataset: Dataset) -> None:
    with pytest.raises(SimulationError, match=r"optimal demonstrations from seed 1 already, as 000000.*--seed 2"):
        next(collect(dataset, "opening", {"slider": 1}, seed=1))
    assert len(dataset.episodes) == 3


def test_the_same_seed_serves_another_behavior(tmp_path: Path) -> None:
    other = Dataset.create(tmp_path / "dataset", RobotContract())
    for behavior in ("slider", "drawer"):
        list(collect(other, "opening", {behavior: 1}, seed=1))
    assert other.counts("behavior") == {"slider": 1, "drawer": 1}
