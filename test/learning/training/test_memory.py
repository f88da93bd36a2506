"""Where pairs wait: the policy is the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from balanced_bc.demonstrations.dataset import Dataset
from balanced_bc.learning import pixels
from balanced_bc.learning.config import Memory, TrainingConfig
from balanced_bc.learning.errors import LearningError
from balanced_bc.learning.gathering import load_pairs, size_of_images
from balanced_bc.learning.training import memory
from balanced_bc.learning.training.train import train_dataset
from balanced_bc.policies.config import PolicyConfig

QUICK = TrainingConfig(steps=4, batch_size=8, held_out=0.3, device="cpu")
BY = ("behavior",)


def pixel_folders(dataset: Dataset) -> list[Path]:
    return sorted((dataset.path / "cache").glob("pixels-*"))


def test_the_policy_has_the_same_bits_wherever_the_pairs_wait(
    dataset: Dataset, image_policy: PolicyConfig, tmp_path: Path
) -> None:
    described = []
    states = []
    for where in ("device", "host", "disk"):
        config = replace(QUICK, memory=where)
        *_, last = train_dataset(dataset, tmp_path / where, policy=image_policy, config=config)
        described.append(last.device)
        states.append(last.policy.state_dict())
    assert "pairs in memory (0.1 MB)" in described[1]
    assert "images mapped from the disk" in described[2]
    assert all(torch.equal(state[name], states[0][name]) for state in states[1:] for name in state)


def test_mapped_images_are_those_that_would_be_loaded(dataset: Dataset, image_policy: PolicyConfig) -> None:
    mapped, loaded = load_pairs(dataset, BY, image_policy, mapped=True), load_pairs(dataset, BY, image_policy)
    assert mapped.mapped
    assert sum(images.nbytes for images in mapped.images.values()) == size_of_images(dataset, image_policy)
    for name, images in loaded.images.items():
        assert torch.equal(mapped.images[name], images)


def test_mapped_images_are_written_once_for_each_size_and_content(dataset: Dataset, image_policy: PolicyConfig) -> None:
    load_pairs(dataset, BY, image_policy, mapped=True)
    (folder,) = pixel_folders(dataset)
    before = (folder / "static_camera.rgb").stat().st_mtime_ns
    load_pairs(dataset, BY, image_policy, mapped=True)
    assert (folder / "static_camera.rgb").stat().st_mtime_ns == before
    load_pairs(dataset, BY, replace(image_policy, image_size=8), mapped=True)
    assert len(pixel_folders(dataset)) == 2
    dataset.undo()
    assert len(load_pairs(dataset, BY, image_policy, mapped=True)) == 24
    assert len(pixel_folders(dataset)) == 2
    assert folder not in pixel_folders(dataset)


def test_a_damaged_file_of_images_is_written_again(dataset: Dataset, image_policy: PolicyConfig) -> None:
    before = load_pairs(dataset, BY, image_policy, mapped=True).images["static_camera"].clone()
    (folder,) = pixel_folders(dataset)
    (folder / "static_camera.rgb").write_bytes(b"half")
    (folder / "gripper_camera.rgb").unlink()
    assert torch.equal(load_pairs(dataset, BY, image_policy, mapped=True).images["static_camera"], before)
    assert not list((dataset.path / "cache").glob(".*"))


def test_images_that_cannot_be_written_are_refused_with_a_way_out(dataset: Dataset, image_policy: PolicyConfig) -> None:
    load_pairs(dataset, BY, image_policy)
    (dataset.path / "cache").rename(dataset.path / "aside")
    (dataset.path / "cache").write_text("no folder")
    with pytest.raises(LearningError, match="use memory host"):
        pixels.mapped(dataset, 16, 30)


def test_images_are_mapped_when_they_would_take_most_of_the_memory() -> None:
    assert memory.of_host("auto", memory.available() // 10) == "host"
    assert memory.of_host("auto", 10 * memory.available()) == "disk"
    assert memory.of_host("disk", 1) == "disk"
    assert memory.of_host("device", 10 * memory.available()) == "host"


def test_what_is_free_is_between_nothing_and_the_machine() -> None:
    assert 0 < memory.available() < 1 << 50


@pytest.mark.parametrize(("number", "text"), [(2_500_000, "2.5 MB"), (81_300_000_000, "81.3 GB")])
def test_bytes_are_spelled_for_people(number: int, text: str) -> None:
    assert memory.spelled(number) == text


def test_a_state_policy_has_no_images_to_map(dataset: Dataset, state_policy: PolicyConfig) -> None:
    assert size_of_images(dataset, state_policy) == 0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
@pytest.mark.parametrize("where", ["device", "host", "disk"])
def test_a_gpu_gets_the_same_batches_from_everywhere(
    dataset: Dataset, image_policy: PolicyConfig, tmp_path: Path, where: Memory
) -> None:
    config = replace(QUICK, device="cuda", deterministic=True, precision="float32")
    *_, one = train_dataset(dataset, tmp_path / "auto", policy=image_policy, config=config)
    other = replace(config, memory=where)
    *_, two = train_dataset(dataset, tmp_path / where, policy=image_policy, config=other)
    for name, value in one.policy.state_dict().items():
        np.testing.assert_array_equal(two.policy.state_dict()[name].cpu(), value.cpu())
