"""Tags: several axes of text on a demonstration, and the groups that they make."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from balanced_bc.demonstrations.errors import DemonstrationError

BEHAVIOR = "behavior"
QUALITY = "quality"
KIND = "kind"
OPERATOR = "operator"
SUCCESS = "success"

_AXIS = re.compile(r"[a-z][a-z0-9_]*")
_VALUE = re.compile(r"[\w.:/-]+( [\w.:/-]+)*")


def checked(tags: Mapping[str, object]) -> dict[str, str]:
    """Return tags as text, or refuse them.

    Numbers and true or false become text, because YAML that was edited by hand has them without quotes. A value holds
    no `+`, `=` or comma: groups are written `left+optimal`.

    Raises:
        DemonstrationError: An axis or a value is malformed.
    """
    return {_checked_axis(axis): _checked_value(axis, value) for axis, value in tags.items()}


def parse_tags(words: Sequence[str]) -> dict[str, str]:
    """Read tags that were typed as `axis=value`.

    Raises:
        DemonstrationError: A word is not of that form, or names an axis twice.
    """
    tags: dict[str, str] = {}
    for word in words:
        axis, equals, value = word.partition("=")
        if not equals:
            raise DemonstrationError(f"{word!r} is not a tag; a tag is written axis=value, as in quality=optimal")
        if axis in tags:
            raise DemonstrationError(f"axis {axis!r} is given twice, as {tags[axis]!r} and as {value!r}")
        tags[axis] = value
    return checked(tags)


def parse_axes(text: str) -> tuple[str, ...]:
    """Read axes, `behavior,quality`."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


def parse_counts(text: str) -> dict[str, int]:
    """Read numbers of demonstrations or rollouts, `slider=6,drawer=20`.

    Raises:
        DemonstrationError: It is not of that form.
    """
    counts: dict[str, int] = {}
    for word in text.split(","):
        behavior, _, number = word.strip().partition("=")
        if not behavior or not number.isdecimal() or behavior in counts:
            raise DemonstrationError(
                f"counts are {text!r}; wanted is slider=6,drawer=20, each behavior, or behavior+quality, once"
            )
        counts[behavior] = int(number)
    return counts


def parse_episodes(text: str) -> tuple[int, ...]:
    """Read episode numbers, `3-7,12`: the opposite of `spelled`.

    Raises:
        DemonstrationError: It is not of that form.
    """
    episodes: list[int] = []
    for word in text.split(","):
        first, dash, last = word.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()) or int(last or first) < int(first):
            raise DemonstrationError(f"episodes are {text!r}; wanted are numbers and ranges, as 3-7,12")
        episodes.extend(range(int(first), int(last or first) + 1))
    return tuple(episodes)


def group_of(tags: Mapping[str, str], axes: Sequence[str]) -> str:
    """Name of the group that these tags fall into, `left+optimal` for the axes behavior and quality.

    Raises:
        DemonstrationError: An axis is missing; the axes that exist are listed.
    """
    if missing := [axis for axis in axes if axis not in tags]:
        raise DemonstrationError(f"no tag on {missing}; there are tags on {sorted(tags)}")
    return "+".join(tags[axis] for axis in axes)


def regrouped(groups: Iterable[str], axes: Sequence[str], by: Sequence[str]) -> tuple[str, ...]:
    """The group that each group falls into, if fewer axes make the groups.

    Args:
        groups: Names of groups.
        axes: Axes that made them.
        by: Some of these axes.
    """
    return tuple(group_of(dict(zip(axes, group.split("+"), strict=True)), by) for group in groups)


def behaviors_of(groups: Iterable[str], axes: Sequence[str]) -> tuple[str, ...]:
    """Behavior of each group, which these axes made; nothing where they do not tell behaviors apart."""
    return regrouped(groups, axes, (BEHAVIOR,)) if BEHAVIOR in axes else ()


def spelled(episodes: Iterable[int]) -> str:
    """Write episode numbers in short, `3-7, 12`."""
    runs: list[list[int]] = []
    for episode in sorted(set(episodes)):
        if runs and episode == runs[-1][-1] + 1:
            runs[-1].append(episode)
        else:
            runs.append([episode])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def _checked_axis(axis: object) -> str:
    if not isinstance(axis, str) or not _AXIS.fullmatch(axis):
        raise DemonstrationError(f"{axis!r} is no axis of tags; one is lower case, as in behavior or quality")
    return axis


def _checked_value(axis: str, value: object) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if not isinstance(value, str | bool | int | float) or not _VALUE.fullmatch(text):
        raise DemonstrationError(
            f"tag {axis}={value!r} is malformed; a value is text of letters, digits, spaces and _ . : / -"
        )
    return text
