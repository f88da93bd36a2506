"""The verb `tag`: tags of episodes that are there already."""

from __future__ import annotations

from pathlib import Path

from tyro.conf import Positional

from balanced_bc.options import UsageError
from balanced_bc.verbs.inspect import inspect


def tag(dataset: Positional[Path], tags: Positional[tuple[str, ...]], episodes: str) -> None:
    """Set tags of episodes; the recordings stay as they are.

    Args:
        dataset: Folder of the dataset.
        tags: Tags, each as axis=value.
        episodes: Numbers of the episodes, as 3-7,12.
    """
    from balanced_bc.demonstrations.dataset import Dataset
    from balanced_bc.demonstrations.tags import parse_episodes, parse_tags

    if not tags:
        raise UsageError("no tag is given; one is written axis=value, as in quality=suboptimal")
    Dataset.open(dataset).tag(parse_episodes(episodes), parse_tags(tags))
    inspect(dataset)
