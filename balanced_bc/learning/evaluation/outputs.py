"""What stands where an evaluation will be written: nothing of it may be lost."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from balanced_bc.demonstrations.durable import read_yaml, require_writable
from balanced_bc.errors import BalancedBCError
from balanced_bc.learning.config import EvaluationConfig
from balanced_bc.learning.errors import LearningError
from balanced_bc.learning.evaluation.evaluate import SHARED, about, jobs_of
from balanced_bc.learning.evaluation.evaluation import Evaluation
from balanced_bc.learning.keeping import differences
from balanced_bc.policies.checkpoint import fingerprint


def require_evaluation(path: Path, checkpoint: Path, config: EvaluationConfig) -> None:
    """Refuse a file that cannot be written, or whose rollouts would be lost.

    An evaluation of the same policy, task, world and horizon may be replaced by one with its rollouts and more.

    Args:
        path: File to write.
        checkpoint: Folder of the policy.
        config: How it will be evaluated.

    Raises:
        LearningError: It holds something else, and what differs is named.
        DemonstrationError: It cannot be written.
    """
    require_writable(path)
    if not path.exists():
        return
    try:
        there = Evaluation.read(path)
    except BalancedBCError as error:
        raise LearningError(f"{path} exists and cannot be read as an evaluation; name another output") from error
    known = {"checkpoint": there.fingerprint, **{name: getattr(there.config, name) for name in SHARED}}
    if listed := differences(known, about(checkpoint, config)):
        raise LearningError(f"{path} holds another evaluation ({'; '.join(listed)}); name another output")
    if lost := sorted({one.job for one in there.rollouts} - set(jobs_of(config))):
        raise LearningError(
            f"{path} holds {len(there.rollouts)} rollouts, and {len(lost)} of them would be lost, the first "
            f"{lost[0].behavior} from seed {lost[0].seed}; ask for them too, or name another output"
        )


def require_comparison(path: Path, checkpoints: Sequence[Path]) -> None:
    """Refuse a file that cannot be written, or holds something else than a comparison of these two policies.

    Raises:
        LearningError: It holds something else.
        DemonstrationError: It cannot be written.
    """
    require_writable(path)
    if not path.exists():
        return
    try:
        plain = read_yaml(path)
        there = [plain[name]["fingerprint"] for name in ("checkpoint", "against")]
    except (BalancedBCError, KeyError, TypeError) as error:
        raise LearningError(f"{path} exists and cannot be read as a comparison; name another output") from error
    if there != (wanted := [fingerprint(one) for one in checkpoints]):
        raise LearningError(
            f"{path} compares the policies {' and '.join(map(str, there))}, and these are {' and '.join(wanted)}; name "
            "another output"
        )


def require_distinct(paths: Sequence[Path]) -> None:
    """Refuse to write two things to one file.

    Raises:
        LearningError: A file is named twice.
    """
    places = [path.resolve() for path in paths]
    if twice := [str(path) for path, place in zip(paths, places) if places.count(place) > 1]:
        raise LearningError(f"{twice[0]} is wanted for two things; name another file for one of them")
