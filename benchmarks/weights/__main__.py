"""How weights fare that the methods find: the honesty tables of docs/weights.md.

python -m benchmarks.weights measure --results RESULTS.jsonl [--workers 2]    hours; goes on where it was interrupted
python -m benchmarks.weights tables --results RESULTS.jsonl                   writes the tables into docs/weights.md
"""

from __future__ import annotations

import json
import multiprocessing
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.weights.answers import DEFAULT_WEIGHTS, USUAL, apart, told
from benchmarks.weights.measure import (
    CONFIGURATION,
    GRIDS,
    TRAININGS,
    Configuration,
    Measure,
    Question,
    answer,
    configuration,
)
from benchmarks.weights.mixtures import (
    BEHAVIORS,
    IMBALANCED,
    KINDS,
    MISLEADING,
    MOSTLY_NOISY,
    NUMBERS,
    PERTURBED,
    TELLING,
    Mixture,
)
from benchmarks.weights.rows import (
    ABLATIONS,
    BUDGETS,
    FASTER_ADAM,
    INNER_STEPS,
    LEARNED_SIGMA,
    LENGTHS,
    METHODS,
    OF_BEHAVIORS,
    REPLICATED,
    ROWS,
    TRAINED,
    WITH_HEADS,
)
from benchmarks.weights.tables import write

Results = dict[str, dict[str, Any]]


def read(path: Path) -> Results:
    """What was measured so far, by question."""
    lines = path.read_text().splitlines() if path.exists() else []
    return {found["key"]: found for found in map(json.loads, lines)}


def stages(seeds: int) -> Iterator[tuple[str, list[Question]]]:
    """Questions in the order of their importance, those about the same demonstrations one after another."""
    mixtures = [Mixture(task, kind, seed) for seed in range(seeds) for task in NUMBERS for kind in KINDS]
    yield "methods", [Question("weights", mixture, row.name) for mixture in mixtures for row in METHODS]
    yield "success", [Question("success", mixture, row.name) for mixture in mixtures for row in TRAINED]
    yield "optimal alone", [Question("success", mixture, "optimal alone", (1.0, 0.0)) for mixture in mixtures]
    imbalanced = [Mixture(task, BEHAVIORS, seed) for seed in range(seeds) for task in IMBALANCED]
    useful = [mixture for mixture in mixtures if mixture.kind != MISLEADING]
    yield "replications", [Question("replication", mixture, row.name) for mixture in useful for row in REPLICATED]
    both: tuple[Measure, ...] = ("weights", "success")
    for one in both:
        rows = [row for row in OF_BEHAVIORS if one == "success" or not row.borrows]
        yield f"{one} of behaviors", [Question(one, mixture, row.name) for mixture in imbalanced for row in rows]
    own = [of for of in GRIDS if of.startswith(LEARNED_SIGMA)]
    yield "achievable", [Question("achievable", mixture, of) for mixture in mixtures for of in own]
    yield "ablations", [Question("weights", mixture, row.name) for mixture in mixtures for row in ABLATIONS]
    yield "heads", [Question("weights", mixture, row.name) for mixture in mixtures for row in WITH_HEADS]
    others = [of for of in GRIDS if of not in own]
    yield "achievable with heads", [Question("achievable", mixture, of) for mixture in mixtures for of in others]
    told = [mixture for mixture in mixtures if mixture.kind in TELLING]
    yield "budgets", [Question("weights", mixture, row.name) for mixture in told for row in BUDGETS]
    stepped = [mixture for mixture in mixtures if mixture.kind in (*TELLING, PERTURBED)]
    yield "step sizes", [Question("weights", mixture, row.name) for mixture in stepped for row in FASTER_ADAM]
    mostly = [Mixture(task, MOSTLY_NOISY, seed) for seed in range(seeds) for task in NUMBERS]
    yield "mostly noisy", [Question("weights", mixture, row.name) for mixture in mostly for row in METHODS]
    yield "inner steps", [Question("weights", mixture, row.name) for mixture in told for row in INNER_STEPS]
    yield "lengths", [Question("weights", mixture, row.name) for mixture in told for row in LENGTHS]


def measure(asked: Namespace) -> None:
    """Answer all questions that have no answer yet; each is written when it is there."""
    asked.results.parent.mkdir(parents=True, exist_ok=True)
    with multiprocessing.get_context("spawn").Pool(asked.workers, torch.set_num_threads, (1,)) as pool:
        for name, questions in stages(asked.seeds):
            if asked.stages and name not in asked.stages:
                continue
            known = read(asked.results)
            asking = [_with_weights(one, known) for one in questions if not asked.rows or one.of in asked.rows]
            new = require_same(asking, known, asked.results)
            missing = [one for one in asking if not _is_answered(one, known)]
            with asked.results.open("a") as file:
                file.writelines(map(_line, new))
            for number, found in enumerate(pool.imap(answer, missing), start=1):
                with asked.results.open("a") as file:
                    file.write(_line(found))
                sys.stdout.write(f"{name} {number} of {len(missing)}: {found['key']} in {found['seconds']} s\n")
                sys.stdout.flush()


def _line(found: dict[str, Any]) -> str:
    """An answer as text, without blanks."""
    return json.dumps(found, separators=(",", ":")) + "\n"


def require_same(questions: Sequence[Question], known: Results, path: Path) -> list[dict[str, Any]]:
    """Configurations that no line tells yet, as lines; answers of different configurations must not be mixed.

    Raises:
        SystemExit: A line tells another configuration; options that only one of them has are not compared.
    """
    new = {one.told: configuration(one) for one in (DEFAULT_WEIGHTS, *questions)}
    for key, now in new.items():
        if key in known and (other := _changed(told(known, key), now)):
            raise SystemExit(
                f"{path} has answers of another configuration, {key}: {'; '.join(other)}. Measure into another file."
            )
    usual = new.pop(USUAL)
    lines = {USUAL: usual, **{key: apart(now, usual) for key, now in new.items()}}
    return [{"key": key, CONFIGURATION: now} for key, now in lines.items() if key not in known]


def _changed(before: Configuration, now: Configuration) -> list[str]:
    """Options that two configurations both have, with other values."""
    return [
        f"{part}.{name} is {before[part][name]!r} there and {value!r} now"
        for part in before.keys() & now.keys()
        for name, value in now[part].items()
        if before[part].get(name, value) != value
    ]


def _is_answered(question: Question, known: Results) -> bool:
    """Whether there is an answer, about success: with the weights that the row has now."""
    return question.key in known and tuple(known[question.key].get("weights", ())) == question.weights


def _with_weights(question: Question, known: Results) -> Question:
    """A question about success knows the weights that its row has found."""
    if question.measure not in TRAININGS or question.weights:
        return question
    found = known[Question("weights", question.mixture, ROWS[question.of].source).key]
    return question._replace(weights=tuple(found["alpha"]))


def tables(asked: Namespace) -> None:
    """Write the tables."""
    write(read(asked.results), asked.document)


def main() -> None:
    """Read the command line and run a verb."""
    parser = ArgumentParser(description=__doc__)
    verbs = parser.add_subparsers(required=True)
    for verb in (measure, tables):
        one = verbs.add_parser(verb.__name__, help=verb.__doc__)
        one.set_defaults(verb=verb)
        one.add_argument("--results", type=Path, required=True, help="a line of JSON for each measurement")
        if verb is measure:
            one.add_argument("--workers", type=int, default=2, help="processes, each with one thread")
            one.add_argument("--seeds", type=int, default=5)
            one.add_argument("--stages", nargs="*", help="which; all if none is named")
            one.add_argument("--rows", nargs="*", help="which; all if none is named")
        else:
            one.add_argument("--document", type=Path, default=Path("docs/weights.md"))
    asked = parser.parse_args()
    asked.verb(asked)


if __name__ == "__main__":
    main()
