"""The command `balanced-bc`: every step of the day without ROS.

A verb is a function; its arguments and their descriptions become the options. Heavy libraries load with the verb that
needs them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import tyro
from rich.console import Console
from tyro.conf import OmitArgPrefixes, Positional

from balanced_bc import __version__
from balanced_bc.balancing.config import BalancingConfig
from balanced_bc.demo.config import DemoConfig
from balanced_bc.errors import BalancedBCError
from balanced_bc.learning.config import EncodingConfig, EvaluationConfig, TrainingConfig
from balanced_bc.options import UsageError, expanded
from balanced_bc.policies.config import PolicyConfig
from balanced_bc.printing import console, print_text, shown
from balanced_bc.simulation.config import CollectConfig
from balanced_bc.simulation.kinds.kinds import Kinds
from balanced_bc.tables import aligned
from balanced_bc.watching.config import WatchConfig

FROM_FILE = "With --config FILE.yaml options come from a file; those on the command line override them."


def collect(
    output: Path,
    config: OmitArgPrefixes[CollectConfig] = CollectConfig(),
    kinds: Kinds = Kinds(),
) -> None:
    """Record scripted demonstrations in simulation; those that the dataset has already are not recorded again.

    Args:
        output: Folder of the dataset; one that exists grows. After an interruption the same command goes on.
        config: What is recorded.
        kinds: How strong the flaws are.
    """
    from balanced_bc.demonstrations.contract import RobotContract
    from balanced_bc.demonstrations.dataset import Dataset
    from balanced_bc.simulation.collect import jobs_of, performed

    jobs = jobs_of(config, kinds)
    runs = performed(Dataset.open_or_create(output, RobotContract()), jobs, config.workers)
    added = len(list(shown(runs, "collecting", lambda now: (now.done / now.total, now.note))))
    print_text(f"added {added} demonstrations" if added else f"nothing to do: {output} has {config.counts} already")
    inspect(output)


def inspect(dataset: Positional[Path], group_by: str = "behavior", check: bool = False) -> None:
    """Print what a dataset holds, group by group.

    Args:
        dataset: Folder of the dataset.
        group_by: Axes of tags that make the groups, separated by commas.
        check: Also align every episode, and fail if one cannot be read or a recording was never finished.
    """
    from balanced_bc.demonstrations.dataset import Dataset
    from balanced_bc.demonstrations.summary import summary, table

    opened = Dataset.open(dataset)
    print_text(aligned(table(summary(opened, axes_of(group_by)))))
    for folder in opened.unfinished:
        print_text(f"never finished, and not read: {folder}")
    if check:
        for _ in opened.demonstrations():
            pass
        if opened.unfinished:
            raise UsageError(
                f"{len(opened.unfinished)} recordings in {dataset} were never finished; they are listed above"
            )
        print_text(f"{len(opened.episodes)} episodes were read and aligned")


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


def balance(
    dataset: Path,
    output: Path,
    group_by: str = "behavior",
    balancing: OmitArgPrefixes[BalancingConfig] = BalancingConfig(),
    policy: OmitArgPrefixes[PolicyConfig] = PolicyConfig(),
    encoding: EncodingConfig = EncodingConfig(),
) -> None:
    """Find a weight for each group; write balance.yaml, balance.png and weights.parquet.

    Args:
        dataset: Folder of the dataset.
        output: Folder to write to.
        group_by: Axes of tags that make the groups, separated by commas.
        balancing: The method and its numbers.
        policy: The policy that will be trained with the weights.
        encoding: The small networks that balancing trains.
    """
    from balanced_bc.demonstrations.dataset import Dataset
    from balanced_bc.learning import balance_file
    from balanced_bc.learning.rebalance import rebalance_dataset

    runs = rebalance_dataset(Dataset.open(dataset), axes_of(group_by), output, balancing, policy, encoding)
    for _ in shown(runs, "balancing", lambda now: (now.done, now.phase)):
        pass
    found = balance_file.read(output)
    print_text(aligned(balance_file.table(found)))
    for warning in found.warnings:
        print_text(f"warning: {warning}")


def train(
    dataset: Path,
    output: Path,
    weights: Path | None = None,
    init: Path | None = None,
    policy: OmitArgPrefixes[PolicyConfig] = PolicyConfig(),
    training: OmitArgPrefixes[TrainingConfig] = TrainingConfig(),
) -> None:
    """Fit a policy, on a GPU where there is one, and write its checkpoint; after an interruption go on.

    Args:
        dataset: Folder of the dataset.
        output: Folder of the checkpoint.
        weights: balance.yaml, or its folder; without it every pair counts alike.
        init: Checkpoint to start from; without it the policy is fresh.
        policy: Architecture.
        training: Training.
    """
    from balanced_bc.demonstrations.dataset import Dataset
    from balanced_bc.learning import parallel, summary
    from balanced_bc.learning.interruption import interruption
    from balanced_bc.learning.train import train_dataset

    console.quiet = parallel.rank() > 0
    with interruption() as stop:
        runs = train_dataset(Dataset.open(dataset), output, weights, policy, training, stop, init=init)
        reports = list(shown(runs, "training", summary.reading, estimates=False))
    for last in reports[-1:]:
        print_text(summary.text(last))
        print_text(f"wrote {output}")


def evaluate(
    checkpoint: Path,
    output: Path | None = None,
    evaluation: OmitArgPrefixes[EvaluationConfig] = EvaluationConfig(),
) -> None:
    """Roll a policy out in simulation and count how often each behavior succeeds.

    Args:
        checkpoint: Folder of the policy.
        output: File to write; evaluation.yaml in the checkpoint's folder if it is not given.
        evaluation: Task, rollouts, seed, workers.
    """
    from balanced_bc.learning.evaluate import collected
    from balanced_bc.learning.evaluate import evaluate as rolled_out
    from balanced_bc.learning.evaluation import table

    runs = rolled_out(checkpoint, evaluation)
    over = list(shown(runs, "evaluating", lambda now: (now.done / now.total, f"{now.done} of {now.total}")))
    result = collected(checkpoint, evaluation, [one.rollout for one in over])
    result.write(output or checkpoint / "evaluation.yaml")
    print_text(aligned(table(result)))


def watch(config: OmitArgPrefixes[WatchConfig] = WatchConfig()) -> None:
    """Film a demonstrator or a policy, show it in a window, or draw where episodes start.

    Args:
        config: What is watched, and how.
    """
    from balanced_bc.watching.starts import draw_starts
    from balanced_bc.watching.watch import watch as seen

    runs = draw_starts(config) if config.starts else seen(config)
    for now in list(shown(runs, "watching", lambda now: (now.done / now.total, now.note))):
        print_text(now.note)
    if config.file is not None:
        print_text(f"wrote {config.file}")


def demo(config: OmitArgPrefixes[DemoConfig] = DemoConfig()) -> None:
    """Record, balance, train and deploy over ROS topics on this machine; about 10 minutes on 2 cores.

    Args:
        config: What the demo does.
    """
    from balanced_bc.demo.day import run

    run(config)


VERBS: dict[str, Callable[..., None]] = {
    verb.__name__: verb for verb in (collect, inspect, tag, balance, train, evaluate, watch, demo)
}

RESUMING = ("collect", "demo", "train")
"""Verbs that go on where they were interrupted."""


def axes_of(text: str) -> tuple[str, ...]:
    """Axes as typed, `behavior,quality`."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


def usage() -> str:
    """The verbs, a line each."""
    lines = (f"  {name:<10}{(verb.__doc__ or '').splitlines()[0]}" for name, verb in VERBS.items())
    return "\n".join(
        (
            f"balanced-bc {__version__}: teach a robot every behavior that its demonstrations hold.",
            "",
            *lines,
            "",
            "balanced-bc VERB --help lists the options of a verb.",
            FROM_FILE,
        )
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one verb; exit with 0 only when all of it was done."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in ("-h", "--help"):
        print_text(usage())
        sys.exit(0 if words else 2)
    if words[0] == "--version":
        print_text(__version__)
        return
    try:
        run_verb(words[0], words[1:])
    except (BalancedBCError, OSError) as error:
        Console(stderr=True).print(f"balanced-bc {words[0]}: {error}", markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        again = "; the same command goes on where it stopped" if words[0] in RESUMING else ""
        Console(stderr=True).print(f"balanced-bc {words[0]}: interrupted{again}", highlight=False)
        sys.exit(130)


def run_verb(name: str, arguments: Sequence[str]) -> None:
    """Parse the options of a verb and run it."""
    if name not in VERBS:
        raise UsageError(f"there is no such verb; there are {', '.join(VERBS)}")
    about = f"{(VERBS[name].__doc__ or '').splitlines()[0]} {FROM_FILE}"
    tyro.cli(VERBS[name], args=expanded(arguments), prog=f"balanced-bc {name}", description=about)


if __name__ == "__main__":
    main()
