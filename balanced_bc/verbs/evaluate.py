"""The verb `evaluate`: rollouts of one policy, or of two from the same starts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tyro.conf import OmitArgPrefixes

from balanced_bc.learning.config import EvaluationConfig
from balanced_bc.printing import print_text, shown
from balanced_bc.tables import aligned
from balanced_bc.watching.config import ReplayConfig

if TYPE_CHECKING:
    from balanced_bc.learning.evaluation.evaluation import Evaluation
    from balanced_bc.learning.evaluation.rollout import Rollout


def evaluate(
    checkpoint: Path,
    output: Path | None = None,
    against: Path | None = None,
    evaluation: OmitArgPrefixes[EvaluationConfig] = EvaluationConfig(),
    replays: OmitArgPrefixes[ReplayConfig] = ReplayConfig(),
) -> None:
    """Roll a policy out in simulation: how often each behavior succeeds, how fast, and what goes wrong.

    Args:
        checkpoint: Folder of the policy.
        output: File to write; evaluation.yaml in the checkpoint's folder if it is not given. After an interruption
            the same command goes on.
        against: Folder of another policy, which is rolled out from the same starts and compared. What is found is
            written beside the output, as NAME_against.yaml and NAME_comparison.yaml.
        evaluation: Task, rollouts, seed, workers.
        replays: Pictures and films of the rollouts.
    """
    from balanced_bc.learning.evaluation import forking

    if evaluation.workers > 1:
        forking.start(("balanced_bc.cli",))
    from balanced_bc.learning.evaluation.comparison import Comparison, comparison_table
    from balanced_bc.learning.evaluation.evaluate import opened
    from balanced_bc.learning.evaluation.evaluation import require_output
    from balanced_bc.learning.evaluation.journal import journal_of

    output = output or checkpoint / "evaluation.yaml"
    wanted = [(checkpoint, output)] + ([(against, _sibling(output, "against"))] if against else [])
    for path, file in wanted:
        opened(path)
        require_output(file, evaluation)
    found = [_evaluated(path, file, evaluation) for path, file in wanted]
    if len(found) == 2:
        comparison = Comparison(*found)
        comparison.write(_sibling(output, "comparison"))
        print_text(f"the same starts, {checkpoint} against {against}\n{aligned(comparison_table(comparison))}\n")
    _show_again(found, replays)
    for _, file in wanted:
        journal_of(file).unlink(missing_ok=True)


def _sibling(path: Path, word: str) -> Path:
    """evaluation_WORD.yaml beside evaluation.yaml."""
    return path.with_name(f"{path.stem}_{word}{path.suffix}")


def _evaluated(checkpoint: Path, output: Path, config: EvaluationConfig) -> Evaluation:
    """Evaluate one policy, write what is found, and print it."""
    from balanced_bc.learning.evaluation.evaluate import collected
    from balanced_bc.learning.evaluation.evaluate import evaluate as rolled_out
    from balanced_bc.learning.evaluation.evaluation import failure_table, table
    from balanced_bc.learning.evaluation.journal import journal_of

    runs = rolled_out(checkpoint, config, journal_of(output))
    over = list(shown(runs, "evaluating", lambda now: (now.done / now.total, f"{now.done} of {now.total}")))
    found = collected(checkpoint, config, [one.rollout for one in over])
    found.write(output)
    for warning in found.warnings:
        print_text(f"warning: {warning}")
    print_text(f"{aligned(table(found))}\n\n{aligned(failure_table(found))}\n")
    return found


def _show_again(found: Sequence[Evaluation], config: ReplayConfig) -> None:
    """Do some rollouts again, which come out as before, and show them in pictures."""
    from balanced_bc.learning.evaluation.evaluate import replayed
    from balanced_bc.watching.replays import Replay, draw_ends, film_replays

    first, how = found[0], found[0].config

    def again(one: Evaluation, rollouts: Sequence[Rollout]) -> list[Replay]:
        whose = f"{Path(one.checkpoint).name}: " if len(found) > 1 else ""
        played = replayed(one, rollouts)
        return [Replay(*each.rollout.job, each.actions, f"{whose}{each.rollout.outcome}") for each in played]

    failed = first.failed(config.most)
    if config.failures and not failed:
        print_text(f"no rollout failed; {config.failures} is not written")
    elif config.failures:
        drawn = draw_ends(again(first, failed), how.task, how.world, config.picture_size, config.failures)
        list(shown(drawn, "drawing failures", lambda now: (now.done / now.total, now.note)))
        print_text(f"wrote {config.failures}")
    if config.film:
        rows = list(zip(*(again(one, one.leading(config.film_starts)) for one in found)))
        drawn = film_replays(rows, how.task, how.world, config.picture_size, config.film)
        list(shown(drawn, "filming", lambda now: (now.done / now.total, now.note)))
        print_text(f"wrote {config.film}")
