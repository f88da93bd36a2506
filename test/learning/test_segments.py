"""Episodes whose parts are in several groups, from pairs to weights and a policy."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Generator

from balanced_bc.balancing.config import BalancingConfig
from balanced_bc.balancing.problem import Fold, Held
from balanced_bc.balancing.repetition import Repetition
from balanced_bc.demonstrations.contract import RobotContract
from balanced_bc.demonstrations.dataset import Dataset
from balanced_bc.demonstrations.errors import DemonstrationError
from balanced_bc.demonstrations.observation import Demonstration
from balanced_bc.learning.config import EncodingConfig, TrainingConfig
from balanced_bc.learning.gathering import load_pairs
from balanced_bc.learning.pairs import Pairs
from balanced_bc.learning.rebalancing import balance_file
from balanced_bc.learning.rebalancing.formulation import problem_of
from balanced_bc.learning.rebalancing.held_out import demonstrations, split_of
from balanced_bc.learning.rebalancing.idleness import lengths
from balanced_bc.learning.rebalancing.rebalance_dataset import rebalance_dataset
from balanced_bc.learning.sampling import hold_out
from balanced_bc.learning.streaming import stream_pairs
from balanced_bc.learning.training.train import train_dataset
from balanced_bc.policies import checkpoint
from balanced_bc.policies.config import PolicyConfig

QUICK = BalancingConfig(method="remix", steps=8, batch=8, repeats=2, evaluate_every=4, evaluation=64, conflicts=False)
SMALL = EncodingConfig(steps=3, batch=4, channels=(4,), keypoints=2, hidden=16)
TICKS = 8


@pytest.fixture
def dataset(
    tmp_path: Path,
    contract: RobotContract,
    demonstrate: Callable[..., Demonstration],
    record: Callable[[Dataset, Demonstration, dict[str, str]], None],
) -> Dataset:
    """Seven episodes that reach for 5 ticks and then grasp for 3; two ticks of the last four are a recovery."""
    made = Dataset.create(tmp_path / "segmented", contract)
    for seed in range(7):
        record(made, demonstrate(ticks=TICKS, seed=seed), {"behavior": "slider"})
    made.tag(range(7), {"phase": "reach"}, (0.0, 4 / 30))
    made.tag(range(7), {"phase": "grasp"}, (5 / 30, 1.0))
    made.tag(range(3, 7), {"phase": "recover"}, (1 / 30, 2 / 30))
    return made


@pytest.fixture
def phases(dataset: Dataset, image_policy: PolicyConfig) -> Pairs:
    return load_pairs(dataset, ("phase",), image_policy)


def test_a_pair_is_in_the_group_of_the_tags_that_hold_at_its_tick(phases: Pairs) -> None:
    assert phases.groups == ("grasp", "reach", "recover")
    grasp, reach, recover = range(3)
    assert phases.group[:TICKS].tolist() == [reach] * 5 + [grasp] * 3
    assert phases.group[-TICKS:].tolist() == [reach, recover, recover, reach, reach] + [grasp] * 3
    assert demonstrations(phases) == (7, 7, 4)


def test_chunks_and_history_reach_over_a_segments_border(
    dataset: Dataset, phases: Pairs, image_policy: PolicyConfig
) -> None:
    whole = load_pairs(dataset, ("behavior",), image_policy)
    for name in ("action", "mask", "first", "demonstration"):
        assert torch.equal(getattr(phases, name), getattr(whole, name)), name


def test_pairs_that_are_mapped_have_the_same_groups(
    dataset: Dataset, phases: Pairs, image_policy: PolicyConfig
) -> None:
    for axes in (("phase",), ("behavior", "phase")):
        mapped, loaded = (make(dataset, axes, image_policy) for make in (stream_pairs, load_pairs))
        assert mapped.groups == loaded.groups
        assert torch.equal(mapped.group, loaded.group)
        assert torch.equal(mapped.group, phases.group)


def test_frames_without_the_axis_are_refused_before_anything_is_loaded(
    dataset: Dataset, image_policy: PolicyConfig
) -> None:
    dataset.tag([2], {"light": "dark"}, (2 / 30, 1.0))
    told = r"'light' in episodes 0-1, 3-6 \(of 7\); in episode 2 from 0\.000 s to 0\.033 s"
    for make in (load_pairs, stream_pairs):
        with pytest.raises(DemonstrationError, match=told):
            make(dataset, ("light",), image_policy)


@pytest.mark.parametrize("seed", range(10))
def test_folds_hold_whole_episodes_and_some_of_every_group(phases: Pairs, seed: int) -> None:
    split = split_of(phases, replace(QUICK, repeats=3, seed=seed))
    assert split.name == "held-out"
    for training, measuring in zip(split.training, split.measuring):
        assert not set(phases.demonstration[training].tolist()) & set(phases.demonstration[measuring].tolist())
        assert set(phases.group[training].tolist()) == set(phases.group[measuring].tolist()) == {0, 1, 2}


@pytest.mark.parametrize("seed", range(10))
def test_groups_that_are_left_out_do_not_decide_how_episodes_are_dealt(phases: Pairs, seed: int) -> None:
    """The first group has two episodes, the second four others, the third the first two and one more."""
    group = torch.tensor([[0] * 4 + [2] * 4] * 2 + [[2] * 8] + [[1] * 8] * 4).flatten()
    config = replace(QUICK, repeats=3, seed=seed, trust=(f"{phases.groups[0]}=0",))
    split = split_of(replace(phases, group=group), config)
    assert split.name == "held-out"
    assert all({1, 2} <= set(group[measuring].tolist()) for measuring in split.measuring)


@given(
    st.lists(st.sets(st.integers(0, 4), min_size=1, max_size=4), min_size=1, max_size=12),
    st.floats(0.01, 0.9),
    st.integers(0, 99),
)
def test_no_group_loses_all_its_training_pairs_to_validation(parts: list[set[int]], share: float, seed: int) -> None:
    owner = torch.tensor([number for number, groups in enumerate(parts) for _ in groups])
    group = torch.tensor([name for groups in parts for name in sorted(groups)])
    train, out = hold_out(owner, group, share, Generator().manual_seed(seed))
    assert not set(owner[train].tolist()) & set(owner[out].tolist())
    assert set(group[train].tolist()) == set(group.tolist())


def test_what_a_demonstration_has_of_each_group_is_measured_by_itself(
    phases: Pairs, image_policy: PolicyConfig
) -> None:
    """The loss of a pair is its number, so that means tell which pairs they are of."""
    split = split_of(phases, QUICK)
    problem = problem_of(phases, split, (), image_policy, inputs=1)
    held = Held(lambda chosen: chosen, phases.group, phases.demonstration, torch.arange(len(phases)))
    fold = Fold(lambda *_: torch.zeros(96), lambda *_: torch.zeros(96), held)
    numbered = replace(problem, folds=(fold,), negative_log_likelihood=lambda _, chosen: chosen.float())
    repetition = Repetition.of(numbered, replace(QUICK, evaluation=1000), 0)
    watched = repetition.watch()
    losses = watched.losses(repetition.lanes, repetition.start[None])[0]
    last = 6 * TICKS
    assert torch.bincount(watched.group).tolist() == [7, 7, 4]
    assert losses[-3:].tolist() == pytest.approx([last + 6, last + 7 / 3, last + 1.5])
    assert watched.group[-3:].tolist() == [0, 1, 2]


def test_lengths_are_of_what_demonstrations_have_of_a_group(phases: Pairs) -> None:
    assert lengths(phases, 1 / 30).pairs.tolist() == pytest.approx([3.0, (3 * 5 + 4 * 3) / 7, 2.0])


def test_weights_of_phases_are_found_written_and_trained_with(
    dataset: Dataset, tmp_path: Path, image_policy: PolicyConfig
) -> None:
    *_, last = rebalance_dataset(dataset, ("phase",), tmp_path / "weights", QUICK, image_policy, SMALL)
    assert last.result is not None
    assert len(last.result.comparison) > 1
    content = balance_file.read(tmp_path / "weights")
    assert content.dataset["demonstrations"] == 7
    assert {name: row.demonstrations for name, row in content.groups.items()} == {"grasp": 7, "reach": 7, "recover": 4}
    training = TrainingConfig(steps=2, batch_size=4, held_out=0.3)
    list(train_dataset(dataset, tmp_path / "policy", tmp_path / "weights", image_policy, training))
    assert checkpoint.load(tmp_path / "policy").provenance["weights"] == content.alpha


def test_files_for_other_trainers_have_the_parts_of_an_episode(
    dataset: Dataset, tmp_path: Path, image_policy: PolicyConfig
) -> None:
    dataset.tag([0], {"phase": "reach"}, (0.0, 1.0))
    folder = tmp_path / "weights"
    list(rebalance_dataset(dataset, ("phase",), folder, BalancingConfig(method="equal"), image_policy, SMALL))
    total, pairs = 7 * TICKS, {"grasp": 6 * 3, "reach": 8 + 2 * 5 + 4 * 3, "recover": 4 * 2}
    weight = {name: total / (3 * number) for name, number in pairs.items()}
    frames = pyarrow.parquet.read_table(folder / "weights.parquet")["weight"].to_pylist()
    phases = ["reach", "recover", "recover", "reach", "reach", *["grasp"] * 3]
    assert frames[-TICKS:] == pytest.approx([weight[name] for name in phases])
    assert sum(frames) == pytest.approx(total)
    rows = pyarrow.parquet.read_table(folder / "episodes.parquet").to_pydict()
    assert rows["episode"] == [0, 1, 1, 2, 2, *(number for number in range(3, 7) for _ in range(3))]
    assert rows["group"][-3:] == ["grasp", "reach", "recover"]
    assert rows["pairs"][-3:] == [3, 3, 2]
    assert rows["weight"][-3:] == pytest.approx([weight[name] for name in ("grasp", "reach", "recover")])
    assert sum(rows["share"]) == pytest.approx(1)
    masks = json.loads((folder / "robomimic_masks.json").read_text())
    assert masks["mask"]["recover"] == [f"demo_{number}" for number in range(3, 7)]
    assert masks["shared"] == [f"demo_{number}" for number in range(1, 7)]
