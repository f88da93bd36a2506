"""Whether a policy was trained on what it is evaluated on, as far as its checkpoint says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

BETWEEN_TAGS = "+"
"""What joins the tags in the name of a group, as in left+optimal."""


def doubts(provenance: Mapping[str, Any], behaviors: Sequence[str]) -> tuple[str, ...]:
    """What speaks against an evaluation, one sentence each; nothing if all is well or policy.yaml names no groups.

    Args:
        provenance: Of the checkpoint; it has the `behaviors` of the training data, or, in those of earlier versions
            and where no tags tell behaviors, the groups that `weights` are about.
        behaviors: Behaviors that are evaluated.
    """
    groups = tuple(provenance.get("behaviors") or provenance.get("weights") or ())
    known = {tag for group in groups for tag in str(group).split(BETWEEN_TAGS)}
    missing = [behavior for behavior in behaviors if behavior not in known]
    if not groups or not missing:
        return ()
    return (
        f"the policy was trained on the groups {', '.join(map(str, groups))}; none of them is named "
        f"{' or '.join(missing)}, which it is evaluated on",
    )
