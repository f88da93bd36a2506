"""The verb `tag`: tags of episodes that are there already."""

from __future__ import annotations

from math import inf
from pathlib import Path

from tyro.conf import Positional

from balanced_bc.options import UsageError
from balanced_bc.verbs.inspect import inspect


def tag(
    dataset: Positional[Path],
    tags: Positional[tuple[str, ...]],
    episodes: str,
    start: float | None = None,
    end: float | None = None,
    undo: bool = False,
) -> None:
    """Set tags of episodes, or of a part of each; the recordings stay as they are.

    Args:
        dataset: Folder of the dataset.
        tags: Tags, each as axis=value.
        episodes: Numbers of the episodes, as 3-7,12.
        start: Where the part begins that gets the tags, [s] after an episode's first frame.
        end: Where it ends, both included. Without start and end whole episodes are tagged; parts keep their own tags.
        undo: Instead forget the part that was tagged last of each episode.
    """
    from balanced_bc.demonstrations.dataset import Dataset
    from balanced_bc.demonstrations.tags import parse_episodes, parse_tags

    part = None if start is None and end is None else (start or 0.0, inf if end is None else end)
    if undo and (tags or part):
        raise UsageError("--undo forgets the part that was tagged last; it takes no tags, --start or --end")
    if not undo and not tags:
        raise UsageError("no tag is given; one is written axis=value, as in quality=suboptimal")
    opened, chosen = Dataset.open(dataset), parse_episodes(episodes)
    if undo:
        opened.untag(chosen)
    else:
        opened.tag(chosen, parse_tags(tags), part)
    inspect(dataset)
