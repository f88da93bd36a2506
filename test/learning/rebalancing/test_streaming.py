"""Pairs that are mapped from the disk."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from balanced_bc.demonstrations.dataset import Dataset
from balanced_bc.learning.gathering import load_pairs
from balanced_bc.learning.streaming import stream_pairs
from balanced_bc.policies.config import PolicyConfig
from test.learning.rebalancing.conftest import DatasetOf

COLUMNS = ("state", "scene", "action", "mask", "group", "demonstration", "first")


@pytest.fixture
def dataset(dataset_of: Callable[..., Dataset]) -> Dataset:
    """Five demonstrations of two behaviors."""
    return dataset_of("drawer", "slider", "drawer", "slider", "drawer")


def test_pairs_that_are_mapped_are_those_that_are_loaded(dataset: Dataset, image_policy: PolicyConfig) -> None:
    for _ in range(2):  # written, then found
        mapped, loaded = (make(dataset, ("behavior",), image_policy) for make in (stream_pairs, load_pairs))
        assert mapped.groups == loaded.groups
        for name in COLUMNS:
            assert torch.equal(getattr(mapped, name), getattr(loaded, name)), name
        index = torch.tensor([0, 7, 24])
        for name, images in loaded.batch(index).images.items():
            assert torch.equal(mapped.batch(index).images[name], images), name


def test_pairs_are_written_anew_after_an_episode_is_gone(dataset: Dataset, image_policy: PolicyConfig) -> None:
    assert len(stream_pairs(dataset, ("behavior",), image_policy)) == 25
    dataset.undo()
    assert len(stream_pairs(dataset, ("behavior",), image_policy)) == 20


def test_another_grouping_needs_no_other_files(dataset_of: DatasetOf, image_policy: PolicyConfig) -> None:
    dataset = dataset_of("drawer", "slider", "drawer")
    dataset.tag([0, 1], {"quality": "optimal"})
    dataset.tag([2], {"quality": "suboptimal"})
    for axis, groups in (("behavior", ("drawer", "slider")), ("quality", ("optimal", "suboptimal"))):
        assert stream_pairs(dataset, (axis,), image_policy).groups == groups
    assert len(list((dataset.path / "cache").glob("pairs-*"))) == 1


PAIRS = 300_000
BUDGET = 330
"""What balancing may take beside what is there when it begins, [MB]; the pairs and their features take 240 more."""
SCRIPT = f"""
import resource, sys, numpy as np, torch
from pathlib import Path
from balanced_bc.balancing.config import BalancingConfig
from balanced_bc.learning.pairs import Pairs
from balanced_bc.learning.config import EncodingConfig
from balanced_bc.learning.rebalancing.rebalance import rebalance
from balanced_bc.learning.streaming import columns
from balanced_bc.policies.config import PolicyConfig

N, C, folder, streams = {PAIRS}, 8, Path(sys.argv[1]), sys.argv[2] == "disk"
torch.set_num_threads(1)
rng = np.random.default_rng(0)
shapes = dict(state=(8,), scene=(21,), action=(C, 7), mask=(C,))
for name, shape in shapes.items():
    with (folder / f"{{name}}.bin").open("wb") as stream:
        for _ in range(0, N, 1000):
            values = np.ones((1000, *shape)) if name == "mask" else rng.normal(size=(1000, *shape))
            stream.write(values.astype(np.float32).tobytes())
np.repeat(np.arange(0, N, 100), 100).astype(np.int64).tofile(folder / "first.bin")

def data():
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith("VmData")).split()[1])

torch.nn.Linear(4, 4)(torch.zeros(2, 4)).sum().backward()
resource.setrlimit(resource.RLIMIT_DATA, (data() + {BUDGET} * 2**20,) * 2)
found = columns(folder, N, C)
if not streams:
    found = {{name: value.clone() for name, value in found.items()}}
demonstration = torch.arange(N // 100).repeat_interleave(100)
groups = dict(group=demonstration % 3, groups=("a", "b", "c"))
pairs = Pairs(images={{}}, **found, **groups, demonstration=demonstration, mapped=streams)
policy = PolicyConfig(policy="state", chunk=C, execute=2)
config = BalancingConfig(steps=4)
for now in rebalance(pairs, config, policy, EncodingConfig(hidden=16), place=folder):
    last = now
print("weights", last.result.weights.tolist())
"""


def test_pairs_that_do_not_fit_into_memory_are_balanced_from_the_disk_and_not_without(tmp_path: Path) -> None:
    """The kernel refuses more memory of its own to a process that has used its budget; mapped files do not count."""

    def run(memory: str) -> subprocess.CompletedProcess[str]:
        folder = tmp_path / memory
        folder.mkdir()
        words = (sys.executable, "-c", SCRIPT, str(folder), memory)
        return subprocess.run(words, capture_output=True, text=True, timeout=150, check=False)

    streamed, loaded = run("disk"), run("host")
    assert streamed.returncode == 0, streamed.stderr
    assert streamed.stdout.startswith("weights")
    assert loaded.returncode != 0
    assert "memory" in loaded.stderr.lower()
