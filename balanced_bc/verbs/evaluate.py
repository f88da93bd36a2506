"""The verb `evaluate`: rollouts of one policy, or of two from the same starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tyro.conf import OmitArgPrefixes

from balanced_bc.learning.config import EvaluationConfig
from balanced_bc.printing import print_text, shown
from balanced_bc.tables import aligned
from balanced_bc.watching.config import ReplayConfig

if TYPE_CHECKING:
    from balanced_bc.learning.evaluation.evaluation import Evaluation
    from balanced_bc.learning.evaluation.rollout import Job, Rollout
    from balanced_bc.policies.actor import Actions


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
    from balanced_bc.learning.interruption import interruption

    output = output or checkpoint / "evaluation.yaml"
    wanted = [(checkpoint, output)] + ([(against, _sibling(output, "against"))] if against else [])
    with interruption():  # nobody asks between steps, so SIGTERM ends at once, as Ctrl+C does
        if evaluation.workers > 1:
            forking.start(("balanced_bc.cli",))
        _require(wanted, evaluation, replays)
        _run(wanted, evaluation, replays)


def _require(wanted: Sequence[tuple[Path, Path]], config: EvaluationConfig, replays: ReplayConfig) -> None:
    """Refuse what cannot be rolled out, cannot be written or would be lost, before anything is rolled out."""
    from balanced_bc.learning.evaluation import outputs
    from balanced_bc.learning.evaluation.evaluate import opened, require_rollouts
    from balanced_bc.watching.mark import require_ours

    require_rollouts(config)
    for checkpoint, _ in wanted:
        opened(checkpoint)
    comparisons = [_sibling(wanted[0][1], "comparison")] * (len(wanted) - 1)
    pictures = [path for path in (replays.failures, replays.film) if path is not None]
    outputs.require_distinct([*(file for _, file in wanted), *comparisons, *pictures])
    for checkpoint, file in wanted:
        outputs.require_evaluation(file, checkpoint, config)
    for path in comparisons:
        outputs.require_comparison(path, [checkpoint for checkpoint, _ in wanted])
    for path in pictures:
        require_ours(path)


def _run(wanted: Sequence[tuple[Path, Path]], config: EvaluationConfig, replays: ReplayConfig) -> None:
    """Evaluate, compare and show."""
    from balanced_bc.learning.evaluation.comparison import Comparison, comparison_table
    from balanced_bc.learning.evaluation.journal import journal_of

    found, done = zip(*[_evaluated(path, file, config) for path, file in wanted])
    if len(found) == 2:
        comparison = Comparison(*found)
        comparison.write(_sibling(wanted[0][1], "comparison"))
        whose = " against ".join(one.checkpoint for one in found)
        print_text(f"the same starts, {whose}\n{aligned(comparison_table(comparison))}\n")
    _show_again(found, done, replays)
    for _, file in wanted:
        journal_of(file).unlink(missing_ok=True)


def _sibling(path: Path, word: str) -> Path:
    """evaluation_WORD.yaml beside evaluation.yaml."""
    return path.with_name(f"{path.stem}_{word}{path.suffix}")


def _evaluated(checkpoint: Path, output: Path, config: EvaluationConfig) -> tuple[Evaluation, dict[Job, Actions]]:
    """Evaluate one policy, write what is found, and print it; what was done in each rollout is returned too."""
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
    return found, {one.rollout.job: one.played.actions for one in over}


def _show_again(found: Sequence[Evaluation], done: Sequence[Mapping[Job, Actions]], config: ReplayConfig) -> None:
    """Let what was done in some rollouts happen again, and show it in pictures."""
    from balanced_bc.watching.replays import Replay, draw_ends, film_replays

    first, how = found[0], found[0].config

    def again(one: Evaluation, actions: Mapping[Job, Actions], rollouts: Sequence[Rollout]) -> list[Replay]:
        whose = f"{Path(one.checkpoint).name}: " if len(found) > 1 else ""
        return [Replay(*each.job, actions[each.job], f"{whose}{each.outcome}") for each in rollouts]

    failed = first.failed(config.most)
    if config.failures and not failed:
        print_text(f"no rollout failed; {config.failures} is not written")
    elif config.failures:
        drawn = draw_ends(again(first, done[0], failed), how.task, how.world, config.picture_size, config.failures)
        list(shown(drawn, "drawing failures", lambda now: (now.done / now.total, now.note)))
        print_text(f"wrote {config.failures}")
    if config.film:
        rows = list(zip(*(again(one, own, one.leading(config.film_starts)) for one, own in zip(found, done))))
        drawn = film_replays(rows, how.task, how.world, config.picture_size, config.film)
        list(shown(drawn, "filming", lambda now: (now.done / now.total, now.note)))
        print_text(f"wrote {config.film}")
