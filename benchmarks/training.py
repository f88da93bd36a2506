"""How fast training feeds and learns, beside what a user would pick instead.

    python -m benchmarks.training loading --output FOLDER    samples per second, beside LeRobot and robomimic
    python -m benchmarks.training race --output FOLDER       time to the success of robomimic's image policy; long
    python -m benchmarks.training lanes --output FOLDER      8 seeds at once, beside one training
    python -m benchmarks.training whole --output FOLDER      collect, train and evaluate, as commands

Each prints a table and one line of JSON. Rivals are measured where they can be imported, else they are named with the
reason; docs/training.md says how to install them. All in this process, ours and rivals, keeps freed memory as our
training does (`learning.device.keep_freed_memory`); loader processes are forked and inherit it. Both use all threads.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

import torch

from balanced_bc.learning.config import DeviceName, TrainingConfig
from balanced_bc.learning.device import keep_freed_memory
from balanced_bc.tables import aligned
from benchmarks.rivals import loading as loaded
from benchmarks.rivals import race as raced
from benchmarks.rivals import stock
from benchmarks.rivals import whole as wholes
from benchmarks.rivals.hdf5 import robomimic
from benchmarks.rivals.learner import AbsentError


def loading(asked: Namespace) -> None:
    """Samples per second, on the CPU and on the GPU if there is one."""
    found = {}
    for device in devices():
        one = loaded.measured(
            dataset_of(asked), asked.output / "rivals", device, asked.rounds, asked.steps, asked.image_size
        )
        say(one.device, aligned(loaded.rows(one.lines)), "", aligned(loaded.ratio_rows(one.ratios)), *one.absent)
        say(*(f"{name} reads the same pairs: {same}" for name, same in one.same.items()))
        found[device] = loaded.plain(one)
    say(as_json(found))


def race(asked: Namespace) -> None:
    """Time to success; what is there already is not done again."""
    robomimic()
    folder, dataset = asked.output / "race", dataset_of(asked)
    theirs, ours, results = folder / "robomimic", folder / "ours", folder / "results.jsonl"
    if not (ours / raced.DONE).exists():
        for reached in raced.train_ours(dataset, ours, asked.every_of_ours, TrainingConfig(seed=asked.seed)):
            say(f"ours: {reached.steps} steps in {reached.wall:.0f} s")
    for reached in raced.train_robomimic(dataset, theirs, asked.every, asked.seconds, asked.seed):
        say(f"robomimic: {reached.steps} steps in {reached.wall:.0f} s")
    sides: tuple[tuple[raced.Side, list[stock.Reached]], ...] = (
        ("ours", raced.kept_of_ours(ours)),
        ("robomimic", stock.reached(theirs)),
    )
    for side, policies in sides:
        for one in raced.judge(side, policies, "picking", asked.rollouts, asked.workers, results):
            say(f"{side}: {one.rate:.2f} of {one.number} rollouts after {one.wall:.0f} s")
    judged = [one for one in raced.read(results) if one.rollouts == asked.rollouts]
    say(aligned(raced.rows(judged)), raced.sentence(raced.result(judged)), as_json(raced.plain(judged)))


def lanes(asked: Namespace) -> None:
    """What many seeds trained at once cost, on the CPU and on the GPU if there is one."""
    found = {}
    for device in devices():
        costs = list(loaded.lane_costs(dataset_of(asked), device, asked.rounds, asked.steps, asked.seeds))
        for one in costs:
            say(f"{device}: {one.seeds} seeds as lanes cost {one.wall:.2f} single runs ({one.policy} policy)")
        found[device] = [one._asdict() for one in costs]
    say(as_json(found))


def whole(asked: Namespace) -> None:
    """Collect, train, evaluate."""
    folder = wholes.folder_in(asked.output)
    found = list(wholes.pieces(folder, asked.rollouts, asked.workers))
    reached, seconds = wholes.success(folder), sum(one.wall for one in found if one.verb != "collect")
    say(aligned(wholes.rows(found)))
    say(f"trained and evaluated in {seconds:.0f} s, goal {wholes.GOAL:.0f} s; success {reached.rate:.2f}")
    say(as_json({"pieces": {one.verb: one._asdict() for one in found}, "success": reached._asdict()}))


def devices() -> tuple[DeviceName, ...]:
    """Where to measure."""
    if torch.cuda.is_available():
        return ("cpu", "cuda")
    say("cuda is not measured: torch finds none")
    return ("cpu",)


def dataset_of(asked: Namespace) -> Path:
    """The dataset that was named, or one that is collected into the output folder; nothing is collected twice."""
    if asked.dataset is not None:
        return Path(asked.dataset)
    path = asked.output / "dataset"
    words = ("--task", "picking", "--counts", wholes.COUNTS, "--workers", str(asked.workers), "--output", str(path))
    wholes.timed("collect", *words)
    return Path(path)


def say(*lines: str) -> None:
    """Print lines now."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def as_json(value: object) -> str:
    """One line, numbers to 4 digits after the point."""
    return json.dumps(rounded(value))


def rounded(value: object) -> object:
    """The same with shorter numbers."""
    if isinstance(value, dict):
        return {key: rounded(each) for key, each in value.items()}
    if isinstance(value, list):
        return [rounded(each) for each in value]
    return round(value, 4) if isinstance(value, float) else value


def parsed() -> Namespace:
    """What is asked for."""
    parser = ArgumentParser(description=(__doc__ or "").splitlines()[0])
    shared = ArgumentParser(add_help=False)
    shared.add_argument("--output", type=Path, required=True, help="folder for datasets, policies and results")
    shared.add_argument("--dataset", type=Path, help="ours; one of 63 picking demonstrations is collected if not given")
    shared.add_argument("--workers", type=int, default=2, help="processes that collect and roll out")
    verbs = parser.add_subparsers(required=True)
    one = verbs.add_parser("loading", parents=[shared], help=loading.__doc__)
    one.add_argument("--rounds", type=int, default=5, help="measurements of each, one after another")
    one.add_argument("--steps", type=int, default=15, help="steps of a round")
    one.add_argument("--image-size", type=int, help="rows and columns, [px]; the policy's default if not given")
    one.set_defaults(run=loading)
    one = verbs.add_parser("race", parents=[shared], help=race.__doc__)
    one.add_argument("--seconds", type=float, default=2400.0, help="time that robomimic may train, [s]")
    one.add_argument("--every", type=int, default=1500, help="steps between two policies of robomimic")
    one.add_argument("--every-of-ours", type=int, default=150, help="steps between two policies of ours")
    one.add_argument("--rollouts", type=int, default=20, help="of each behavior and policy")
    one.add_argument("--seed", type=int, default=0, help="of both trainings")
    one.set_defaults(run=race)
    one = verbs.add_parser("lanes", parents=[shared], help=lanes.__doc__)
    one.add_argument("--rounds", type=int, default=5, help="measurements of each, one after another")
    one.add_argument("--steps", type=int, default=10, help="steps of a round")
    one.add_argument("--seeds", type=int, default=8, help="lanes")
    one.set_defaults(run=lanes)
    one = verbs.add_parser("whole", parents=[shared], help=whole.__doc__)
    one.add_argument("--rollouts", type=int, default=100, help="of each behavior")
    one.set_defaults(run=whole)
    return parser.parse_args()


def main() -> None:
    """Measure what is asked for."""
    asked = parsed()
    keep_freed_memory()
    try:
        asked.run(asked)
    except AbsentError as error:
        sys.exit(f"not measured: {error}")


if __name__ == "__main__":
    main()
