"""What is known of policies in the world: evaluations that were written, and verdicts of a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch

from balanced_bc.balancing.bounds import members, named
from balanced_bc.balancing.errors import BalancingError
from balanced_bc.balancing.feedback import Judged
from balanced_bc.demonstrations.durable import read_yaml
from balanced_bc.learning.config import FeedbackConfig
from balanced_bc.learning.errors import LearningError
from balanced_bc.learning.evaluation.evaluation import Evaluation
from balanced_bc.learning.evaluation.intervals import wilson
from balanced_bc.learning.rebalancing import balance_file
from balanced_bc.policies import checkpoint

FORMAT = 1
"""Version of a file of verdicts. 1: the first."""
VERDICTS = {"good": True, "bad": False}
"""What a person may say of a group."""
SOURCES = ("policy", "weights")
"""Whose verdict it is: the folder of a checkpoint, or balance.yaml or its folder."""


class Weighed(NamedTuple):
    """A dataset that is to be balanced.

    Attributes:
        groups: Names of its groups, (k,).
        fingerprint: What tells the dataset from others.
        of_all_tags: The fingerprint that earlier versions wrote; see `BalanceFile.check`.
    """

    groups: tuple[str, ...]
    fingerprint: str
    of_all_tags: str | None = None


class Feedback(NamedTuple):
    """What was read.

    Attributes:
        judged: Policies whose success is known.
        warnings: What says less than it seems to.
    """

    judged: tuple[Judged, ...] = ()
    warnings: tuple[str, ...] = ()


NOTHING = Feedback()
"""No feedback."""


def gather(config: FeedbackConfig, about: Weighed) -> Feedback:
    """Read all feedback that was given.

    Raises:
        LearningError: A file is missing or damaged, or it is about another dataset, other groups, or a policy that has
            changed since.
    """
    evaluated = [of_evaluation(Path(path), config.success_target, about) for path in config.evaluations]
    said = of_verdicts(config.verdicts, about) if config.verdicts else ()
    judged = (*(one.judged[0] for one in evaluated), *said)
    return Feedback(judged, tuple(warning for one in evaluated for warning in one.warnings))


def of_evaluation(path: Path, target: float, about: Weighed) -> Feedback:
    """Read an evaluation: in which groups its policy succeeds often enough, and in which it does not.

    A behavior that was evaluated speaks for all groups that are called or tagged so. Success must be sure: the lower
    end of the interval of the rate must reach the target, because a reference that is relaxed by mistake takes weight
    from a group that needs it.
    """
    if not path.is_file():
        raise LearningError(f"there is no evaluation {path}; `balanced-bc evaluate` writes evaluation.yaml")
    found = Evaluation.read(path)
    folder = _policy_of(found, path)
    weights = _weights_of_policy(folder, about)
    success = {name: one for name, one in found.behaviors.items() if members(name, about.groups).any()}
    if not success:
        raise LearningError(
            f"{path} judges {', '.join(found.behaviors)} of the task {found.config.task}; none of the groups "
            f"{', '.join(about.groups)} is called or tagged so: group by behavior, or give verdicts"
        )
    verdicts = {name: one.low >= target for name, one in success.items()}
    few = [name for name, one in success.items() if wilson(one.rollouts, one.rollouts).low < target]
    return Feedback((_judged(str(folder), weights, verdicts, about),), _too_few(path, few, target))


def of_verdicts(path: Path, about: Weighed) -> tuple[Judged, ...]:
    """Read verdicts of a person.

    A verdict about a tag speaks for all its groups. Paths in the file are relative to it.
    """
    if not path.is_file():
        raise LearningError(f"there is no file of verdicts {path}; docs/feedback.md shows one")
    plain = read_yaml(path)
    if plain.get("format") != FORMAT or not isinstance(plain.get("verdicts"), list):
        raise LearningError(
            f"{path} has format {plain.get('format')!r} and the keys {sorted(map(str, plain))}; wanted are format: "
            f"{FORMAT} and a list of verdicts, as in docs/feedback.md"
        )
    return tuple(_said(entry, path, about) for entry in plain["verdicts"])


def _said(entry: Any, path: Path, about: Weighed) -> Judged:
    """One entry of a file of verdicts."""
    known = [key for key in SOURCES if isinstance(entry, dict) and key in entry]
    if len(known) != 1:
        raise LearningError(f"{path} has the entry {entry!r}; it must name either a policy or weights, and groups")
    source = path.parent / str(entry[known[0]])
    verdicts = {str(name): said for name, said in entry.items() if name not in SOURCES}
    if odd := {name: said for name, said in verdicts.items() if said not in VERDICTS}:
        raise LearningError(f"{path} says {odd} of {source}; a verdict is {' or '.join(VERDICTS)}")
    weights = _weights_of_policy(source, about) if known == ["policy"] else _weights_of_file(source, about)
    try:
        return _judged(str(source), weights, {name: VERDICTS[said] for name, said in verdicts.items()}, about)
    except BalancingError as error:
        raise LearningError(f"{path}: {error}") from error


def _judged(name: str, weights: Mapping[str, float], verdicts: Mapping[str, bool], about: Weighed) -> Judged:
    """Put verdicts about names and tags on groups; a group that two names speak for must be good in both."""
    good, bad = torch.zeros(2, len(about.groups), dtype=torch.bool)
    for tag, well in verdicts.items():
        inside = named(tag, about.groups)
        good, bad = (good | inside, bad) if well else (good, bad | inside)
    alpha = torch.tensor([weights[group] for group in about.groups], dtype=torch.float64)
    return Judged(name, alpha / alpha.sum(), good & ~bad, bad)


def _policy_of(found: Evaluation, path: Path) -> Path:
    """Find the folder of the policy that was evaluated: where it was, or where the evaluation lies."""
    for folder in (Path(found.checkpoint), path.parent):
        if (folder / checkpoint.DESCRIPTION).is_file() and checkpoint.fingerprint(folder) == found.fingerprint:
            return folder
    raise LearningError(
        f"{path} was written for the policy {found.checkpoint} with fingerprint {found.fingerprint}, which is neither "
        f"there nor in {path.parent}: it was moved or trained again; evaluate again"
    )


def _weights_of_policy(folder: Path, about: Weighed) -> Mapping[str, float]:
    """Weights that a policy was trained with, by group."""
    provenance = checkpoint.load(folder).provenance
    weights = provenance.get("weights") or {}
    if set(weights) != set(about.groups):
        raise LearningError(
            f"{folder} was trained with weights of the groups {sorted(weights)}; the groups that are to be weighed are "
            f"{sorted(about.groups)}"
        )
    if provenance.get("fingerprint") not in (about.fingerprint, about.of_all_tags or about.fingerprint):
        raise LearningError(
            f"{folder} was trained on a dataset with fingerprint {provenance.get('fingerprint')}; this one has "
            f"{about.fingerprint}"
        )
    return {str(name): float(weight) for name, weight in weights.items()}


def _weights_of_file(path: Path, about: Weighed) -> Mapping[str, float]:
    """Weights of a balance.yaml."""
    content = balance_file.read(path)
    content.check(about.fingerprint, about.groups, about.of_all_tags)
    return content.alpha


def _too_few(path: Path, names: Sequence[str], target: float) -> tuple[str, ...]:
    if not names:
        return ()
    return (
        f"{path} has too few rollouts of {', '.join(names)} to show a success rate of {target:g}: even if all succeed, "
        "the interval reaches lower",
    )
