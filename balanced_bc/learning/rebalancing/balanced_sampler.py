"""Draw frames by weights.parquet in anybody's training loop.

    loader = DataLoader(dataset, batch_size=64, sampler=BalancedSampler("weights", frames=len(dataset)))

works with a LeRobot dataset, or any map-style dataset whose items are the frames in the order of ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Sampler

from balanced_bc.learning.errors import LearningError
from balanced_bc.learning.rebalancing import balance_file, parquet


class BalancedSampler(Sampler[int]):
    r"""Indices of frames in proportion to their weights, for an epoch.

    Each epoch lays an even comb over the cumulated weights and shuffles what it hits: frame n comes
    :math:`\lfloor N p_n \rfloor` or :math:`\lceil N p_n \rceil` times, :math:`N p_n` in expectation. There is no limit
    on the number of frames, and the same seed and epoch give the same order.
    """

    def __init__(
        self,
        weights: str | Path,
        frames: int | None = None,
        number: int | None = None,
        seed: int = 0,
        fingerprint: str | None = None,
    ) -> None:
        """Read weights.

        Args:
            weights: weights.parquet with columns index and weight, or the balance.yaml beside it, or their folder.
            frames: Frames of the dataset that is drawn from, to be compared; not compared if None.
            number: N, indices of an epoch; as many as there are frames if None.
            seed: Of the order; `set_epoch` changes it from epoch to epoch.
            fingerprint: Of the dataset of ours that the frames are from, as balance.yaml has it, to be compared; not
                compared if None.

        Raises:
            LearningError: There is no such file, it holds no weights, or those of another number of frames or another
                dataset; or an epoch has no indices.
        """
        path = _path(Path(weights))
        found, about = _read(path)
        self._edges = np.cumsum(found)
        if frames is not None and frames != len(self._edges):
            raise LearningError(f"{path} has weights of {len(self._edges)} frames; the dataset has {frames}")
        if fingerprint is not None and fingerprint != about:
            raise LearningError(
                f"{path} has weights of the dataset {about or 'nobody knows'}; this one is {fingerprint}"
            )
        if number is not None and number < 1:
            raise LearningError(f"an epoch of {number} indices is none; it must have 1 or more")
        self._number = len(self._edges) if number is None else number
        self._seed, self._epoch = seed, 0

    def __len__(self) -> int:
        """Indices of an epoch."""
        return self._number

    def __iter__(self) -> Iterator[int]:
        """Draw an epoch; the next one is another."""
        rng = np.random.default_rng((self._seed, self._epoch))
        self._epoch += 1
        comb = (np.arange(self._number) + rng.random()) / self._number * self._edges[-1]
        drawn = np.searchsorted(self._edges, comb, side="right").clip(max=len(self._edges) - 1)
        return iter(rng.permutation(drawn).tolist())

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch is drawn next, as torch's DistributedSampler is told."""
        self._epoch = epoch


def _path(weights: Path) -> Path:
    """The file with the weights of frames."""
    if weights.is_dir():
        return weights / balance_file.WEIGHTS
    return weights.with_name(balance_file.WEIGHTS) if weights.name == balance_file.NAME else weights


def _read(path: Path) -> tuple[NDArray[np.float64], str]:
    """Weights of frames in their order, (N,), and the fingerprint of their dataset; empty where nobody wrote it."""
    if not path.is_file():
        raise LearningError(f"there are no weights at {path}; `balanced-bc balance` writes {balance_file.WEIGHTS}")
    table = parquet.read(path, ("index", "weight"))
    index, weight = (table[name].to_numpy() for name in ("index", "weight"))
    if not np.array_equal(np.sort(index), np.arange(len(index))) or len(index) == 0:
        raise LearningError(f"{path} must weigh the frames 0 to N - 1 once each; it has {len(index)} rows")
    weights: NDArray[np.float64] = np.empty(len(index))
    weights[index] = weight
    if not np.isfinite(weights).all() or (weights < 0).any() or weights.sum() <= 0:
        raise LearningError(f"{path} has weights that are not finite, below 0, or all 0")
    return weights, (table.schema.metadata or {}).get(balance_file.FINGERPRINT.encode(), b"").decode()
