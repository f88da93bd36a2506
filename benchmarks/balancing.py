"""What balancing costs: a step of the meta-gradient in all its forms, and whole runs beside one training.

    python -m benchmarks.balancing forms                      one step of k references, beside what a user would write
    python -m benchmarks.balancing whole --output FOLDER      methods beside one training of the final policy
    python -m benchmarks.balancing crowds                     methods for 64 to 512 groups

Each prints a table, its goals, and one line of JSON. TorchOpt and higher are measured where they can be imported, else
named with the reason; docs/balancing_speed.md says how to install them. Times are processor time of one thread on a
CPU, wall time on a GPU.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import torch

from balanced_bc.balancing.config import BalancingConfig
from balanced_bc.balancing.methods import LEARNED
from balanced_bc.demonstrations.dataset import Dataset
from balanced_bc.demonstrations.tags import parse_axes
from balanced_bc.learning.config import EncodingConfig
from balanced_bc.learning.device import keep_freed_memory
from balanced_bc.learning.gathering import load_pairs
from balanced_bc.policies.config import PolicyConfig
from balanced_bc.tables import aligned
from benchmarks.rivals import balancing_whole, meta_cases, meta_rivals, meta_steps
from benchmarks.rivals.meta_steps import Claim, Cost
from benchmarks.training import as_json, dataset_of, devices, say


def forms(asked: Namespace) -> None:
    """One meta-gradient step of k references, by form."""
    say(*meta_rivals.absent())
    found = list[Cost]()
    for device in map(torch.device, devices()):
        for workload in meta_cases.workloads():
            if workload.name not in asked.workloads:
                continue
            say(f"{device.type}, {workload.name}: {meta_cases.parameters_of(workload)} parameters")
            for groups in asked.groups:
                if groups > workload.largest:
                    say(f"k = {groups} is skipped for the {workload.name}: it would take minutes")
                    continue
                costs = list(meta_steps.costs(workload, groups, asked.pairs, device, asked.rounds, asked.compile))
                say(aligned(meta_steps.rows(costs)), "")
                found += costs
    claims = list(meta_steps.claims(found))
    judge(claims)
    say(as_json({"costs": [one._asdict() for one in found], "claims": [one._asdict() for one in claims]}))


def whole(asked: Namespace) -> None:
    """Whole runs."""
    dataset = Dataset.open(dataset_of(asked))
    balancing = BalancingConfig(**({} if asked.repeats is None else {"repeats": asked.repeats}))
    found = list[balancing_whole.Whole]()
    for kind in asked.policies:
        policy = replace(PolicyConfig(), policy=kind)
        pairs = load_pairs(dataset, parse_axes(asked.group_by), policy)
        for one in balancing_whole.wholes(pairs, policy, balancing, asked.share):
            say(f"{one.policy}, {one.name}: {one.seconds:.1f} s")
            found.append(one)
    say(aligned(balancing_whole.rows(found)), "")
    claims = list(balancing_whole.claims(found))
    judge(claims)
    say(as_json({"runs": [one._asdict() for one in found], "claims": [one._asdict() for one in claims]}))


def crowds(asked: Namespace) -> None:
    """One repetition of methods for many groups."""
    found = list[tuple[int, balancing_whole.Whole]]()
    for groups in asked.groups:
        pairs = balancing_whole.crowd(groups)
        for method in asked.methods:
            config = BalancingConfig(method=method, repeats=1, compare="none", conflicts=False)
            one = balancing_whole.balanced(pairs, PolicyConfig(policy="state"), config, EncodingConfig())
            say(f"{groups} groups, {method}: {one.seconds:.1f} s")
            found.append((groups, one))
    say(aligned(balancing_whole.rows_of_crowds(found)), "")
    claims = list(balancing_whole.claims_of_crowds(found)) if len(asked.groups) > 1 else []
    judge(claims)
    runs = [{"groups": groups, **one._asdict()} for groups, one in found]
    say(as_json({"runs": runs, "claims": [one._asdict() for one in claims]}))


def judge(claims: Iterable[Claim]) -> None:
    """Print goals and whether they are met."""
    lines: list[tuple[str, ...]] = [("claim", "measured", "goal", "")]
    for text, ratio, goal, most in claims:
        met = "holds" if Claim(text, ratio, goal, most).holds else "FAILS"
        lines.append((text, f"{ratio:.2f}", f"{'at most' if most else 'at least'} {goal:g}", met))
    say(aligned(lines), "")


def parsed() -> Namespace:
    """What is asked for."""
    parser = ArgumentParser(description=(__doc__ or "").splitlines()[0])
    verbs = parser.add_subparsers(required=True)
    one = verbs.add_parser("forms", help=forms.__doc__)
    one.add_argument("--groups", type=int, nargs="+", default=[2, 5, 8, 16, 64], help="numbers of groups")
    one.add_argument("--pairs", type=int, default=64, help="pairs in a batch, of all groups together")
    one.add_argument("--rounds", type=int, default=5, help="measurements of each, one after another")
    names = [workload.name for workload in meta_cases.workloads()]
    one.add_argument("--workloads", nargs="+", choices=names, default=names, help="what is learned")
    one.add_argument("--compile", action="store_true", help="torch.compile beside them: a minute for each k")
    one.set_defaults(run=forms)
    one = verbs.add_parser("whole", help=whole.__doc__)
    one.add_argument("--output", type=Path, required=True, help="folder for the dataset")
    one.add_argument("--dataset", type=Path, help="ours; one of 63 picking demonstrations is collected if not given")
    one.add_argument("--workers", type=int, default=2, help="processes that collect")
    one.add_argument("--group-by", default="behavior", help="axes of tags that make the groups")
    one.add_argument("--policies", nargs="+", choices=["state", "image"], default=["state", "image"], help="policies")
    one.add_argument("--repeats", type=int, help="repetitions of a method; the default's if not given")
    one.add_argument("--share", type=float, default=1.0, help="share of all steps, for a quick look")
    one.set_defaults(run=whole)
    one = verbs.add_parser("crowds", help=crowds.__doc__)
    one.add_argument("--groups", type=int, nargs="+", default=[64, 128, 256, 512], help="numbers of groups, rising")
    one.add_argument("--methods", nargs="+", choices=list(LEARNED), default=["minimax"], help="methods")
    one.set_defaults(run=crowds)
    return parser.parse_args()


def main() -> None:
    """Measure what is asked for."""
    asked = parsed()
    torch.set_num_threads(1)
    keep_freed_memory()
    asked.run(asked)


if __name__ == "__main__":
    main()
