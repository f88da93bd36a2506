"""What a policy is given: resampled images, features, normalization."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from balanced_bc.demonstrations.observation import scene_vector
from balanced_bc.policies.config import PolicyConfig
from balanced_bc.policies.features import closeness, features, grasp_yaw, of_block, relative, size, waves
from balanced_bc.policies.normalization import LEAST_DEVIATION, Normalization
from balanced_bc.policies.resample import shrink, shrink_all


def _turned(yaw: float) -> tuple[float, float, float, float]:
    return (0.0, 0.0, float(np.sin(yaw / 2)), float(np.cos(yaw / 2)))


def test_blocks_of_pixels_become_their_mean() -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 20, 3), dtype=np.uint8)
    wanted = image.reshape(10, 4, 10, 2, 3).mean(axis=(1, 3))
    assert np.abs(shrink(image, 10) - wanted).max() <= 0.5 + 1e-3


def test_a_live_image_and_the_same_in_a_dataset_give_the_same_bits() -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 84, 84, 3), dtype=np.uint8)
    together: NDArray[np.uint8] = shrink_all(images, 64)
    for image, small in zip(images, together):
        np.testing.assert_array_equal(shrink(image.copy(), 64), small)


def test_a_block_is_described_from_the_tool_wherever_both_are() -> None:
    tool, block = np.array((0.4, 0.1, 0.3)), np.array((0.45, 0.15, 0.2))
    offset = np.array((0.2, -0.3, 0.05))
    here = scene_vector(np.array((*tool, *_turned(0.3))), 0, 0, False, np.array((*block, *_turned(0.8))))
    there = scene_vector(
        np.array((*(tool + offset), *_turned(0.3))), 0, 0, False, np.array((*(block + offset), *_turned(0.8)))
    )
    first, second = (torch.from_numpy(scene) for scene in (here, there))
    torch.testing.assert_close(relative(first, ())[:14], relative(second, ())[:14])


def test_positions_in_the_tool_turn_with_it() -> None:
    block = np.array((1.0, 0.0, 0.0, *_turned(0.0)))
    scene = scene_vector(np.array((0.0, 0.0, 0.0, *_turned(np.pi / 2))), 0, 0, False, block)
    torch.testing.assert_close(
        relative(torch.from_numpy(scene), ())[3:6], torch.tensor((0.0, -1.0, 0.0)), atol=1e-6, rtol=0
    )


def test_a_grasp_is_the_same_after_a_quarter_turn() -> None:
    tool = np.array((0.0, 0.0, 0.0, *_turned(0.2)))
    yaws = (0.5, 0.5 + np.pi / 2, 0.5 + np.pi)
    scenes = [scene_vector(tool, 0, 0, False, np.array((0.1, 0.1, 0.0, *_turned(yaw)))) for yaw in yaws]
    first, *others = (grasp_yaw(torch.from_numpy(scene)) for scene in scenes)
    for other in others:
        torch.testing.assert_close(first, other, atol=1e-6, rtol=0)


@pytest.mark.parametrize("turned", [-0.7, -0.2, 0.0, 0.4, 0.7])
def test_the_yaw_of_a_grasp_comes_back_from_its_cosine_and_sine(turned: float) -> None:
    tool, block = np.array((0.0, 0.0, 0.0, *_turned(0.2))), np.array((0.1, 0.1, 0.0, *_turned(0.2 + turned)))
    cosine, sine = grasp_yaw(torch.from_numpy(scene_vector(tool, 0, 0, False, block))).tolist()
    assert np.arctan2(sine, cosine) / 4 == pytest.approx(turned, abs=1e-6)


def test_closeness_resolves_millimeters_near_by_and_nothing_far_away() -> None:
    near, far = closeness(torch.tensor((0.000, 0.003))), closeness(torch.tensor((0.300, 0.303)))
    assert float(near[1] - near[0]) == pytest.approx(0.1, abs=0.01)
    assert float(far[1] - far[0]) < 1e-6


def test_handles_move_with_the_door_and_the_drawer() -> None:
    pose = np.array((0.4, 0.1, 0.3, *_turned(0.0)))
    gaps = ((0.0, 0.0), (0.1, 0.05))
    closed, opened = (torch.from_numpy(scene_vector(pose, slider, drawer, False, pose)) for slider, drawer in gaps)
    moved = relative(opened, ())[14:16] - relative(closed, ())[14:16]
    torch.testing.assert_close(moved, torch.tensor((0.1, 0.05)), atol=1e-6, rtol=0)


def test_waves_tell_millimeters_apart_by_as_much_as_they_turn() -> None:
    sine, cosine = waves(torch.tensor([[0.100], [0.103]]), (0.2,)).unbind(-1)
    apart = torch.hypot(sine[1] - sine[0], cosine[1] - cosine[0])
    assert float(apart) == pytest.approx(2 * np.pi * 0.003 / 0.2, rel=1e-3)
    assert waves(torch.zeros(2, 3), ()).shape == (2, 0)


@pytest.mark.parametrize(
    ("config", "width"),
    [
        ({"policy": "image"}, 8),
        ({"policy": "state"}, 8 + 21 + 16 + 8 + 12),
        ({"policy": "state", "relative": False}, 8 + 21 + 12),
        ({"policy": "state", "relative": False, "wavelengths": ()}, 8 + 21),
    ],
)
def test_what_a_policy_is_told_can_be_left_out(config: dict[str, object], width: int) -> None:
    chosen = PolicyConfig(**config)  # type: ignore[arg-type]
    assert size(chosen) == width
    assert features(chosen, torch.randn(4, 2, 8), torch.randn(4, 2, 21)).shape == (4, 2, width)


def test_normalization_ignores_padding_and_floors_what_does_not_vary() -> None:
    action = torch.randn(50, 2, 7, generator=torch.Generator().manual_seed(0)) * 3 + 1
    mask = torch.ones(50, 2)
    mask[:, 1] = 0
    units = Normalization.of(torch.full((50, 4), 2.0), action, mask)
    torch.testing.assert_close(units.twist_mean, action[:, 0, :6].mean(0))
    torch.testing.assert_close(units.twist_deviation, action[:, 0, :6].std(0, correction=0))
    torch.testing.assert_close(units.feature_deviation, torch.full((4,), LEAST_DEVIATION))


def test_what_tells_of_the_block_is_known_by_feature() -> None:
    config = PolicyConfig(policy="state")
    state, scene, other = torch.randn(8), 0.01 * torch.randn(21), 0.01 * torch.randn(21)
    other[:12] = scene[:12]
    same = features(config, state, scene) == features(config, state, other)
    assert torch.equal(~same, of_block(config))
