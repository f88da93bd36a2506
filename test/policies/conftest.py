"""Small policies and random batches."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from balanced_bc.demonstrations.observation import Observation, scene_vector
from balanced_bc.policies.batch import Batch
from balanced_bc.policies.cloning import CloningPolicy
from balanced_bc.policies.config import PolicyConfig

CAMERAS = ("static_camera", "gripper_camera")
SMALL = {"image_size": 16, "channels": (8, 8), "keypoints": 4, "hidden": 16, "chunk": 3, "execute": 2}


@pytest.fixture(params=["image", "state"])
def config(request: pytest.FixtureRequest) -> PolicyConfig:
    return PolicyConfig(policy=request.param, **SMALL)  # type: ignore[arg-type]


@pytest.fixture
def policy(config: PolicyConfig) -> CloningPolicy:
    torch.manual_seed(0)
    return CloningPolicy(config, CAMERAS).double()


@pytest.fixture
def make_batch() -> Callable[..., Batch]:
    def make(pairs: int, history: int = 1) -> Batch:
        generator = torch.Generator().manual_seed(1)
        images = {
            name: torch.randint(0, 256, (pairs, history, 3, 16, 16), generator=generator, dtype=torch.uint8)
            for name in CAMERAS
        }
        state, scene, action = (
            torch.randn(pairs, *shape, generator=generator, dtype=torch.float64)
            for shape in ((history, 8), (history, 21), (3, 7))
        )
        return Batch(images, state, scene, action, torch.ones(pairs, 3, dtype=torch.float64))

    return make


@pytest.fixture
def observation() -> Observation:
    rng = np.random.default_rng(0)
    images = {
        "static_camera": rng.integers(0, 256, (200, 200, 3), dtype=np.uint8),
        "gripper_camera": rng.integers(0, 256, (84, 84, 3), dtype=np.uint8),
    }
    pose = np.array((0.3, 0.1, 0.2, 1.0, 0.0, 0.0, 0.0))
    return Observation(images, rng.normal(size=8).astype(np.float32), scene_vector(pose, 0.1, 0.05, True, pose))
