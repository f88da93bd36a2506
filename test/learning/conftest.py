"""Small synthetic demonstrations whose actions follow from what is seen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from balanced_bc.demonstrations.contract import (
    GRIPPER_COMMAND,
    JOINT_STATES,
    VELOCITY_COMMAND,
    Camera,
    RobotContract,
)
from balanced_bc.demonstrations.dataset import Dataset
from balanced_bc.demonstrations.decoding import Sample
from balanced_bc.demonstrations.encoding import encode_sample
from balanced_bc.demonstrations.observation import Demonstration
from balanced_bc.learning.gathering import Grouped, gather
from balanced_bc.learning.pairs import Pairs
from balanced_bc.policies.config import PolicyConfig

PERIOD = 33_333_333


@pytest.fixture
def contract() -> RobotContract:
    """A robot with two tiny cameras."""
    return RobotContract(cameras=(Camera("static_camera", 24, 24), Camera("gripper_camera", 20, 20)))


@pytest.fixture
def image_policy() -> PolicyConfig:
    return PolicyConfig(image_size=16, channels=(8, 8), keypoints=4, hidden=32, chunk=3, execute=2)


@pytest.fixture
def state_policy() -> PolicyConfig:
    return PolicyConfig(policy="state", hidden=32, chunk=3, execute=2)


@pytest.fixture
def demonstrate(contract: RobotContract) -> Callable[..., Demonstration]:
    """Make a demonstration of `ticks` frames: the twist is a linear function of the joints."""

    def make(ticks: int = 12, seed: int = 0, sign: float = 1.0) -> Demonstration:
        rng = np.random.default_rng(seed)
        state = rng.normal(size=(ticks, 8)).astype(np.float32)
        images = {c.name: rng.integers(0, 256, (ticks, *c.shape), dtype=np.uint8) for c in contract.cameras}
        action = sign * np.concatenate((0.2 * state[:, :6], np.sign(state[:, 7:])), axis=1)
        scene = rng.normal(size=(ticks, 21)).astype(np.float32)
        return Demonstration(PERIOD * np.arange(ticks), images, state, action.astype(np.float32), scene)

    return make


@pytest.fixture
def grouped(demonstrate: Callable[..., Demonstration]) -> list[Grouped]:
    """Eight demonstrations of drawer, two of slider with the opposite actions."""
    sizes = (("drawer", 8, 1.0), ("slider", 2, -1.0))
    return [
        Grouped(f"episode {name} {i}", name, demonstrate(seed=100 * (sign > 0) + i, sign=sign))
        for name, number, sign in sizes
        for i in range(number)
    ]


@pytest.fixture
def pairs(grouped: list[Grouped], contract: RobotContract, image_policy: PolicyConfig) -> Pairs:
    return gather(grouped, image_policy, contract)


@pytest.fixture
def state_pairs(grouped: list[Grouped], contract: RobotContract, state_policy: PolicyConfig) -> Pairs:
    return gather(grouped, state_policy, contract)


def _record(dataset: Dataset, demonstration: Demonstration, tags: dict[str, str]) -> None:
    """Write a demonstration as messages."""
    contract = dataset.contract
    with dataset.writer() as writer:
        for tick, time in enumerate(demonstration.ticks):
            values: dict[str, object] = {c.topic: demonstration.images[c.name][tick] for c in contract.cameras}
            values[JOINT_STATES] = np.append(demonstration.state[tick, :7], contract.max_opening)
            values[VELOCITY_COMMAND] = demonstration.action[tick, :6].astype(float)
            values[GRIPPER_COMMAND] = 1.0
            for topic, value in values.items():
                stamp = int(time) + 10**9
                writer.write(topic, stamp, encode_sample(topic, Sample(stamp, value), contract))
        writer.save(tags)


@pytest.fixture
def record() -> Callable[[Dataset, Demonstration, dict[str, str]], None]:
    """Write a demonstration to a dataset."""
    return _record


@pytest.fixture
def dataset(tmp_path: Path, contract: RobotContract, demonstrate: Callable[..., Demonstration]) -> Dataset:
    """Three demonstrations of drawer and two of slider, on disk; nobody publishes the scene."""
    found = Dataset.create(tmp_path / "dataset", contract)
    for seed, behavior in enumerate(("drawer", "slider", "drawer", "slider", "drawer")):
        _record(found, demonstrate(ticks=6, seed=seed), {"behavior": behavior})
    return found
