"""Frames drawn by weights in anybody's loop."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader, TensorDataset

from balanced_bc.learning.errors import LearningError
from balanced_bc.learning.rebalancing.balanced_sampler import BalancedSampler


def _write(path: Path, weights: list[float], index: list[int] | None = None) -> Path:
    table = pyarrow.table({"index": index if index is not None else list(range(len(weights))), "weight": weights})
    pyarrow.parquet.write_table(table, path / "weights.parquet")
    return path


@given(weights=st.lists(st.floats(0, 10), min_size=1, max_size=30).filter(lambda w: sum(w) > 0.1))
def test_every_frame_comes_as_often_as_its_weight_says(
    weights: list[float], tmp_path_factory: pytest.TempPathFactory
) -> None:
    sampler = BalancedSampler(_write(tmp_path_factory.mktemp("w"), weights), number=200)
    counts = Counter(sampler)
    wanted = 200 * np.array(weights) / sum(weights)
    assert sum(counts.values()) == len(sampler) == 200
    assert all(abs(counts[frame] - number) <= 1 + 1e-6 for frame, number in enumerate(wanted))


def test_a_frame_without_weight_never_comes(tmp_path: Path) -> None:
    assert set(BalancedSampler(_write(tmp_path, [0.0, 1.0, 0.0]), number=50)) == {1}


def test_epochs_differ_and_seeds_repeat(tmp_path: Path) -> None:
    sampler = BalancedSampler(_write(tmp_path, [1.0] * 50), seed=3)
    first, second = list(sampler), list(sampler)
    assert first != second
    sampler.set_epoch(0)
    assert list(sampler) == first
    assert list(BalancedSampler(tmp_path, seed=3)) == first


def test_weights_are_found_by_their_file_their_folder_or_the_balance_file_beside_them(tmp_path: Path) -> None:
    folder = _write(tmp_path, [0.0, 1.0])
    for place in (folder, folder / "weights.parquet", folder / "balance.yaml"):
        assert set(BalancedSampler(place)) == {1}


def test_a_plain_torch_loader_takes_it(tmp_path: Path) -> None:
    dataset = TensorDataset(torch.arange(4))
    loader = DataLoader(dataset, batch_size=5, sampler=BalancedSampler(_write(tmp_path, [3, 1, 0, 0]), number=40))
    assert Counter(torch.cat([batch for (batch,) in loader]).tolist()) == {0: 30, 1: 10}


def test_rows_may_come_in_any_order(tmp_path: Path) -> None:
    assert set(BalancedSampler(_write(tmp_path, [1.0, 0.0], index=[1, 0]))) == {1}


@pytest.mark.parametrize(
    ("weights", "index", "message"),
    [
        ([1.0, -1.0], None, "below 0"),
        ([0.0, 0.0], None, "all 0"),
        ([1.0, float("nan")], None, "not finite"),
        ([1.0, 1.0], [0, 2], "once each"),
    ],
)
def test_weights_that_make_no_sense_are_refused(
    weights: list[float], index: list[int] | None, message: str, tmp_path: Path
) -> None:
    with pytest.raises(LearningError, match=message):
        BalancedSampler(_write(tmp_path, weights, index))


def test_weights_of_another_dataset_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LearningError, match="weights of 2 frames; the dataset has 3"):
        BalancedSampler(_write(tmp_path, [1.0, 1.0]), frames=3)
    with pytest.raises(LearningError, match="there are no weights"):
        BalancedSampler(tmp_path / "elsewhere")
    with pytest.raises(LearningError, match="of the dataset nobody knows; this one is sha256:1"):
        BalancedSampler(tmp_path, fingerprint="sha256:1")


@pytest.mark.parametrize("number", [0, -5])
def test_an_epoch_without_frames_is_refused(number: int, tmp_path: Path) -> None:
    with pytest.raises(LearningError, match=f"an epoch of {number} indices"):
        BalancedSampler(_write(tmp_path, [1.0]), number=number)
