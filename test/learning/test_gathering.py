"""From demonstrations to pairs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from balanced_bc.demonstrations.contract import RobotContract
from balanced_bc.demonstrations.dataset import Dataset
from balanced_bc.demonstrations.errors import DemonstrationError
from balanced_bc.demonstrations.observation import Demonstration
from balanced_bc.learning.errors import LearningError
from balanced_bc.learning.gathering import Grouped, chunks, gather, load_pairs, stretches
from balanced_bc.learning.pairs import MOVED, Pairs
from balanced_bc.policies.config import PolicyConfig
from balanced_bc.policies.features import BLOCK, of_block
from balanced_bc.policies.resample import shrink

Demonstrate = Callable[..., Demonstration]
Record = Callable[[Dataset, Demonstration, dict[str, str]], None]


def test_a_recorded_dataset_becomes_pairs(
    tmp_path: Path, contract: RobotContract, demonstrate: Demonstrate, image_policy: PolicyConfig, record: Record
) -> None:
    dataset = Dataset.create(tmp_path / "dataset", contract)
    for seed, behavior in enumerate(("slider", "drawer", "slider")):
        record(dataset, demonstrate(ticks=6, seed=seed), {"behavior": behavior, "quality": "optimal"})
    pairs = load_pairs(dataset, ("behavior",), image_policy)
    assert pairs.groups == pairs.behaviors == ("drawer", "slider")
    assert load_pairs(dataset, ("quality", "behavior"), image_policy).behaviors == ("drawer", "slider")
    assert load_pairs(dataset, ("quality",), image_policy).behaviors == ()
    assert pairs.demonstration.tolist() == [0] * 6 + [1] * 6 + [2] * 6
    assert pairs.group.tolist() == [1] * 6 + [0] * 6 + [1] * 6
    np.testing.assert_allclose(pairs.action[6, 0, :6], demonstrate(ticks=6, seed=1).action[0, :6], rtol=1e-6)
    frame = shrink(demonstrate(ticks=6, seed=1).images["static_camera"][2], 16)
    np.testing.assert_array_equal(pairs.images["static_camera"][8].numpy(), frame)


def test_an_unknown_axis_is_refused_with_those_that_exist(
    tmp_path: Path, contract: RobotContract, demonstrate: Demonstrate, image_policy: PolicyConfig, record: Record
) -> None:
    dataset = Dataset.create(tmp_path / "dataset", contract)
    record(dataset, demonstrate(ticks=6), {"behavior": "slider"})
    with pytest.raises(DemonstrationError, match="behavior"):
        load_pairs(dataset, ("operator",), image_policy)


def test_an_empty_dataset_is_refused(tmp_path: Path, contract: RobotContract, image_policy: PolicyConfig) -> None:
    with pytest.raises(LearningError, match="no demonstrations"):
        load_pairs(Dataset.create(tmp_path / "dataset", contract), ("behavior",), image_policy)


def test_a_chunk_ends_with_its_demonstration() -> None:
    action = np.arange(4, dtype=np.float32)[:, None].repeat(7, axis=1)
    chunk, mask = chunks(action, np.arange(4) * 33_333_333, 1 / 30, 3)
    assert chunk[:, :, 0].tolist() == [[0, 1, 2], [1, 2, 3], [2, 3, 3], [3, 3, 3]]
    assert mask.tolist() == [[1, 1, 1], [1, 1, 1], [1, 1, 0], [1, 0, 0]]


def test_a_chunk_does_not_reach_over_a_gap() -> None:
    ticks = np.array((0, 1, 4, 5)) * 33_333_333
    _, mask = chunks(np.zeros((4, 7), np.float32), ticks, 1 / 30, 3)
    assert mask.tolist() == [[1, 1, 0], [1, 0, 0], [1, 1, 0], [1, 0, 0]]


def test_a_batch_holds_the_pairs_that_were_asked_for(pairs: Pairs) -> None:
    index = torch.tensor((3, 100, 3))
    batch = pairs.batch(index)
    assert batch.images["gripper_camera"].shape == (3, 1, 3, 16, 16)
    torch.testing.assert_close(batch.images["static_camera"][1, 0], pairs.images["static_camera"][100].permute(2, 0, 1))
    torch.testing.assert_close(batch.action[0], batch.action[2])


def test_a_history_is_what_was_seen_before_in_the_same_demonstration(pairs: Pairs) -> None:
    pairs = replace(pairs, history=3)
    assert pairs.window(torch.tensor((1, 5, 12, 14))).tolist() == [[0, 0, 1], [3, 4, 5], [12, 12, 12], [12, 13, 14]]
    batch = pairs.batch(torch.tensor((5,)))
    torch.testing.assert_close(batch.state[0], pairs.state[3:6])
    torch.testing.assert_close(batch.images["static_camera"][0, 0], pairs.images["static_camera"][3].permute(2, 0, 1))


def test_a_history_does_not_reach_over_a_gap() -> None:
    assert stretches(np.array((0, 1, 4, 5)) * 33_333_333, 1 / 30).tolist() == [0, 0, 2, 2]


def test_proportions_count_pairs(pairs: Pairs) -> None:
    assert pairs.proportions().tolist() == pytest.approx([0.8, 0.2])


def test_a_state_policy_loads_no_images(
    grouped: list[Grouped], contract: RobotContract, state_policy: PolicyConfig
) -> None:
    loaded = gather(grouped, state_policy, contract)
    assert loaded.images == {}
    assert loaded.scene.shape == (120, 21)


def test_a_state_policy_refuses_a_demonstration_without_a_scene(
    demonstrate: Demonstrate, contract: RobotContract, state_policy: PolicyConfig
) -> None:
    lacking = demonstrate()._replace(scene=None)
    with pytest.raises(LearningError, match="episode 7 has no scene"):
        gather([Grouped("episode 7", "slider", lacking)], state_policy, contract)


def test_numbers_that_are_not_finite_are_refused_naming_the_episode_and_the_tick(
    demonstrate: Demonstrate, contract: RobotContract, image_policy: PolicyConfig
) -> None:
    demonstration = demonstrate()
    demonstration.action[5, 2] = np.nan
    with pytest.raises(LearningError, match="episode 7 has action that is not finite at tick 5"):
        gather([Grouped("episode 7", "slider", demonstration)], image_policy, contract)


def test_images_of_another_size_than_the_contract_are_refused_naming_the_episode(
    demonstrate: Demonstrate, contract: RobotContract, image_policy: PolicyConfig
) -> None:
    other = replace(contract, cameras=(replace(contract.cameras[0], height=48), contract.cameras[1]))
    with pytest.raises(LearningError, match=r"episode 7 has static_camera images of uint8 \(12, 24, 24, 3\)"):
        gather([Grouped("episode 7", "slider", demonstrate())], image_policy, other)


@pytest.mark.parametrize(("untouched", "told"), [(False, False), (True, True)])
def test_a_block_that_nobody_moves_is_told_of_only_on_request(
    untouched: bool, told: bool, state_pairs: Pairs, state_policy: PolicyConfig
) -> None:
    config = replace(state_policy, untouched=untouched)
    resting = state_pairs.scene.clone()
    resting[:, BLOCK] = resting[state_pairs.first][:, BLOCK]
    units = replace(state_pairs, scene=resting).normalization(config)
    unlike = of_block(config) & ~units.feature_deviation.isinf()
    assert bool(unlike.any()) is told


def test_a_block_that_one_demonstration_moves_is_told_of(state_pairs: Pairs, state_policy: PolicyConfig) -> None:
    scene = state_pairs.scene.clone()
    scene[:, BLOCK] = scene[state_pairs.first][:, BLOCK]
    scene[3, BLOCK.start] += 2 * MOVED
    units = replace(state_pairs, scene=scene).normalization(state_policy)
    assert units.feature_deviation.isfinite().all()
