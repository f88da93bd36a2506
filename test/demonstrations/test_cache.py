"""Aligned arrays are disposable: deleting, damaging or racing for them changes nothing but time."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from balanced_bc.demonstrations import cache as cache_module
from balanced_bc.demonstrations.dataset import Dataset
from balanced_bc.demonstrations.episode import EpisodeRecord
from balanced_bc.demonstrations.errors import DemonstrationError

Record = Callable[..., EpisodeRecord]


def folders(dataset: Dataset) -> list[Path]:
    return sorted((dataset.path / "cache").iterdir())


def test_arrays_are_built_once(dataset: Dataset, record: Record) -> None:
    dataset.demonstration(record().index)
    (folder,) = folders(dataset)
    built = (folder / "action.npy").stat().st_mtime_ns
    dataset.demonstration(0)
    assert (folder / "action.npy").stat().st_mtime_ns == built


def test_deleting_the_cache_is_harmless(dataset: Dataset, record: Record) -> None:
    before = dataset.demonstration(record().index)
    shutil.rmtree(dataset.path / "cache")
    after = dataset.demonstration(0)
    np.testing.assert_array_equal(after.images["static_camera"], before.images["static_camera"])
    np.testing.assert_array_equal(after.action, before.action)


def test_a_bag_that_was_touched_is_aligned_again_and_the_stale_arrays_are_removed(
    dataset: Dataset, record: Record
) -> None:
    dataset.demonstration(record().index)
    (before,) = folders(dataset)
    os.utime(dataset.folder(0) / "000000.mcap", ns=(1, 1))
    dataset.demonstration(0)
    (after,) = folders(dataset)
    assert after != before


def test_other_rules_of_alignment_have_other_arrays(
    dataset: Dataset, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    record()
    file = dataset.folder(0) / "000000.mcap"
    before = cache_module.key_of(file, dataset.contract)
    monkeypatch.setattr(cache_module, "ALIGNMENT_VERSION", -1)
    assert cache_module.key_of(file, dataset.contract) != before


@pytest.mark.parametrize("damage", [b"", b"\x93NUMPY", b"not an array at all"])
@pytest.mark.parametrize("name", ["static_camera.npy", "action.npy"])
def test_damaged_arrays_are_built_again(dataset: Dataset, record: Record, name: str, damage: bytes) -> None:
    before = np.array(dataset.demonstration(record().index).images["static_camera"])
    (folders(dataset)[0] / name).write_bytes(damage)
    after = dataset.demonstration(0)
    np.testing.assert_array_equal(after.images["static_camera"], before)
    assert len(after.action) == 10


def test_a_cache_that_cannot_be_written_costs_only_time(dataset: Dataset, record: Record) -> None:
    (dataset.path / "cache").write_text("in the way")
    demonstration = dataset.demonstration(record().index)
    assert demonstration.images["static_camera"][:, 0, 0, 0].tolist() == list(range(10))


def test_arrays_that_can_be_written_nowhere_say_where_room_is_wanted(dataset: Dataset, record: Record) -> None:
    index, limits = record().index, resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(DemonstrationError, match=rf"{dataset.path / 'cache'} nor to .*: File too large; make room"):
            dataset.demonstration(index)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


READ = """
import sys
from balanced_bc.demonstrations.dataset import Dataset
dataset = Dataset.open(sys.argv[1])
print([int(d.images["static_camera"].astype(int).sum()) for _ in range(3) for _, d in dataset.demonstrations()])
"""


def test_processes_that_build_at_once_agree(dataset: Dataset, record: Record) -> None:
    for _ in range(6):
        record()
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    processes = [
        subprocess.Popen([sys.executable, "-c", READ, str(dataset.path)], stdout=subprocess.PIPE, env=environment)
        for _ in range(3)
    ]
    printed = {process.communicate()[0] for process in processes}
    assert len(printed) == 1
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert len(folders(dataset)) == 6
