"""Collecting without ROS gives ordinary, reproducible datasets, and goes on where it stopped."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from balanced_bc.demonstrations.contract import RobotContract
from balanced_bc.demonstrations.dataset import Dataset
from balanced_bc.simulation.collect import collect
from balanced_bc.simulation.errors import SimulationError
from balanced_bc.simulation.kinds.kinds import SUBOPTIMAL, Kinds
from balanced_bc.simulation.kinds.noisy import Noisy
from balanced_bc.simulation.kinds.sloppy_grasp import SloppyGrasp


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    dataset = Dataset.create(tmp_path_factory.mktemp("collected") / "dataset", RobotContract())
    list(collect(dataset, "opening", {"slider": 1, "drawer": 2}, seed=1))
    return dataset


def test_as_many_demonstrations_as_were_asked_for_are_saved(dataset: Dataset) -> None:
    assert dataset.counts("behavior") == {"slider": 1, "drawer": 2}
    assert dataset.counts("quality") == dataset.counts("kind") == {"optimal": 3}
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


def test_the_same_command_again_adds_nothing(dataset: Dataset) -> None:
    before = dataset.fingerprint()
    assert list(collect(dataset, "opening", {"slider": 1, "drawer": 2}, seed=1)) == []
    assert dataset.fingerprint() == before


def test_an_interrupted_run_goes_on_and_gives_the_same_dataset(dataset: Dataset, tmp_path: Path) -> None:
    other = Dataset.create(tmp_path / "dataset", RobotContract())
    counts = {"slider": 1, "drawer": 2}
    with closing(collect(other, "opening", counts, seed=1)) as begun:  # type: ignore[type-var]
        assert next(begun).done == 1
    assert [progress.done for progress in collect(other, "opening", counts, seed=1)] == [2, 3]
    assert other.fingerprint() == dataset.fingerprint()


def test_a_demonstration_that_went_to_the_trash_comes_again(tmp_path: Path) -> None:
    other = Dataset.create(tmp_path / "dataset", RobotContract())
    list(collect(other, "opening", {"slider": 1}))
    bag = other.undo().bag
    list(collect(other, "opening", {"slider": 1}))
    assert [record.bag for record in other.episodes] == [bag]


def test_larger_counts_add_what_is_missing_and_other_tags_do_not_matter(tmp_path: Path) -> None:
    other = Dataset.create(tmp_path / "dataset", RobotContract())
    list(collect(other, "opening", {"drawer": 1}))
    other.tag([0], {"quality": "suboptimal", "behavior": "mine"})
    added = list(collect(other, "opening", {"drawer": 2}))
    assert [(progress.done, progress.total) for progress in added] == [(2, 2)]
    assert len({record.bag for record in other.episodes}) == 2


def test_another_seed_gives_other_demonstrations(tmp_path: Path) -> None:
    other = Dataset.create(tmp_path / "dataset", RobotContract())
    for seed in (0, 1):
        list(collect(other, "opening", {"drawer": 1}, seed=seed))
    assert len({record.bag for record in other.episodes}) == 2


def test_the_same_demonstration_with_other_settings_is_refused(tmp_path: Path) -> None:
    other = Dataset.create(tmp_path / "dataset", RobotContract())
    list(collect(other, "opening", {"drawer+noisy": 1}))
    with pytest.raises(SimulationError, match=r"as 000000, made with .*'linear': 0.1.*wanted is .*'linear': 0.05"):
        collect(other, "opening", {"drawer+noisy": 1}, kinds=Kinds(noisy=Noisy(linear=0.05)))
    with pytest.raises(SimulationError, match="'keep_failures': False"):
        collect(other, "opening", {"drawer+noisy": 1}, keep_failures=True)


def test_counts_may_name_qualities_and_every_kind_is_tagged(tmp_path: Path) -> None:
    other = Dataset.create(tmp_path / "dataset", RobotContract())
    list(collect(other, "opening", {"slider": 1, "slider+noisy": 1, "drawer+suboptimal": 1}, workers=2))
    assert set(other.groups(("behavior", "quality"))) == {"slider+optimal", "slider+noisy", "drawer+suboptimal"}
    kinds = [record.tags["kind"] for record in other.episodes]
    assert kinds[:2] == ["optimal", "noisy"]
    assert kinds[2] in SUBOPTIMAL


def test_a_group_that_is_counted_twice_is_refused(dataset: Dataset) -> None:
    with pytest.raises(SimulationError, match="twice"):
        collect(dataset, "opening", {"slider": 1, "slider+optimal": 2})


def test_an_unknown_quality_lists_those_that_exist(dataset: Dataset) -> None:
    with pytest.raises(SimulationError, match="optimal, suboptimal, noisy"):
        collect(dataset, "opening", {"slider+bad": 1})


def test_misleading_demonstrations_are_kept_only_when_asked_for(tmp_path: Path) -> None:
    other = Dataset.create(tmp_path / "dataset", RobotContract())
    with pytest.raises(SimulationError, match="never succeed"):
        collect(other, "opening", {"drawer": 1}, "misleading")
    list(collect(other, "opening", {"drawer": 1}, "misleading", keep_failures=True))
    assert other.counts("success") == {"false": 1}
    assert not other.demonstration(0).action[-1, :6].any()


def test_failures_are_kept_only_when_asked_for(tmp_path: Path) -> None:
    clumsy = Kinds(sloppy_grasp=SloppyGrasp(error=0.045, tries=1, patience=40))
    kept, thrown = (Dataset.create(tmp_path / name, RobotContract()) for name in ("kept", "thrown"))
    for dataset, keep in ((kept, True), (thrown, False)):
        list(collect(dataset, "opening", {"drawer": 2}, "sloppy-grasp", keep_failures=keep, kinds=clumsy))
    assert kept.counts("success").get("false", 0) >= 1
    assert thrown.counts("success") == {"true": 2}
    assert max(record.provenance["attempts"] for record in thrown.episodes) > 1


def test_perturbed_episodes_record_the_clean_command(tmp_path: Path) -> None:
    other = Dataset.create(tmp_path / "dataset", RobotContract())
    list(collect(other, "opening", {"drawer+perturbed": 1, "drawer+noisy": 1}))
    clean, noisy = (other.demonstration(index).action[:-1, :3] for index in (0, 1))
    jerks = [np.abs(np.diff(actions, 2, axis=0)).mean() for actions in (clean, noisy)]
    assert jerks[0] < 0.5 * jerks[1]


def test_the_same_seed_serves_another_behavior(tmp_path: Path) -> None:
    other = Dataset.create(tmp_path / "dataset", RobotContract())
    for behavior in ("slider", "drawer"):
        list(collect(other, "opening", {behavior: 1}, seed=1))
    assert other.counts("behavior") == {"slider": 1, "drawer": 1}
