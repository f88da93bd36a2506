"""Weights in the shapes that other trainers read, beside balance.yaml."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import torch

from balanced_bc.demonstrations.durable import write_bytes
from balanced_bc.learning.pairs import Pairs
from balanced_bc.learning.rebalancing import parquet
from balanced_bc.learning.rebalancing.balance_file import FINGERPRINT, BalanceFile

EPISODES = "episodes.parquet"
"""Columns episode, group, pairs, weight (of each of these pairs, mean 1) and share (of the whole epoch); an episode
with pairs of several groups has a row for each."""
MASKS = "robomimic_masks.json"
"""`mask`: names of demonstrations by group, as robomimic's HDF5 files have them; `weights`: weight of each group;
`shared`: demonstrations with pairs of several groups. A mask has whole ones only, so these are in the mask of each, and
then weights are met by drawing frames (weights.parquet), not by drawing from masks."""


def write(folder: Path, content: BalanceFile, pairs: Pairs) -> None:
    """Write episodes.parquet and robomimic_masks.json.

    Args:
        folder: Where to; made when it does not exist.
        content: Weight of each group.
        pairs: The dataset's pairs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    part, length = torch.unique(pairs.demonstration * len(pairs.groups) + pairs.group, return_counts=True)
    owner = [pairs.episodes[number] for number in (part // len(pairs.groups)).tolist()]
    group = [pairs.groups[index] for index in (part % len(pairs.groups)).tolist()]
    weight = torch.tensor([content.groups[name].alpha_over_rho for name in group], dtype=torch.float64)
    columns = {
        "episode": owner,
        "group": group,
        "pairs": length.tolist(),
        "weight": weight.tolist(),
        "share": (length * weight / len(pairs)).tolist(),
    }
    parquet.write(folder / EPISODES, columns, {FINGERPRINT: content.dataset[FINGERPRINT]})
    mask = {name: [f"demo_{episode}" for episode, own in zip(owner, group) if own == name] for name in content.groups}
    shared = [f"demo_{episode}" for episode, number in Counter(owner).items() if number > 1]
    plain = {"mask": mask, "weights": content.alpha, "shared": shared}
    write_bytes(folder / MASKS, json.dumps(plain, indent=1).encode())
