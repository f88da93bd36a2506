"""What it changes in the weights that balancing of image policies trains its networks on a frozen encoder's features.

    python -m benchmarks.encoders --output FOLDER

A way is how the networks of balancing see. frozen: on the features of an encoder that is trained once per fold, what
`balanced-bc balance` does. shared: every network begins with that encoder and trains it on. own: every network trains
an encoder of its own from the start. Optimal and other demonstrations, 20 + 10 of opening, 60 + 30 of picking. Results
are kept beside the datasets, line by line; what is there already is not measured again.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from time import process_time
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.func import functional_call

from balanced_bc.balancing.config import BalancingConfig
from balanced_bc.balancing.methods import balance
from balanced_bc.balancing.problem import Fold, Held, NegativeLogLikelihood, Parameters, Problem, Sampler
from balanced_bc.demonstrations.contract import RobotContract
from balanced_bc.demonstrations.dataset import Dataset
from balanced_bc.learning.config import EncodingConfig
from balanced_bc.learning.device import keep_freed_memory
from balanced_bc.learning.gathering import load_pairs
from balanced_bc.learning.pairs import Pairs
from balanced_bc.learning.rebalancing.encoded import encoded, encoder_of, train_encoder
from balanced_bc.learning.rebalancing.formulation import problem_of
from balanced_bc.learning.rebalancing.held_out import FOLDS, Split, split_of
from balanced_bc.learning.sampling import Members
from balanced_bc.learning.training.learner import fresh
from balanced_bc.policies.batch import Batch
from balanced_bc.policies.cloning import CloningPolicy
from balanced_bc.policies.config import PolicyConfig
from balanced_bc.policies.likelihood import masked_mean
from balanced_bc.policies.policy import loss_of
from balanced_bc.simulation.collect import collect
from balanced_bc.simulation.tasks import behaviors_of
from balanced_bc.tables import aligned
from benchmarks.weights.measure import ended
from benchmarks.weights.mixtures import KINDS, NUMBERS, OPTIMAL

WAYS = ("frozen", "shared", "own")
METHODS = ("ours", "remix", "minimax")
POLICY = PolicyConfig(image_size=32)
"""Small images, so that networks with encoders can be trained by the dozen."""
ENCODING = EncodingConfig()
ENCODER = "encoders."
"""What names of an encoder's parameters begin with."""
EVALUATED = 128
"""Pairs on which losses are measured: a quarter of the default, for all ways."""


def pairs_of(folder: Path, task: str, kind: str, seed: int) -> Pairs:
    """Demonstrations with images; those that are missing are collected."""
    many, few = (number // len(behaviors_of(task)) for number in NUMBERS[task])
    counts = {f"{name}+{OPTIMAL}": many for name in behaviors_of(task)}
    counts |= {f"{name}+{kind}": few for name in behaviors_of(task)}
    dataset = Dataset.open_or_create(folder / f"{task}-{kind}-{seed}", RobotContract())
    for _ in collect(dataset, task, counts, seed=seed):
        pass
    return load_pairs(dataset, ("quality",), POLICY)


def weights(pairs: Pairs, way: str, config: BalancingConfig) -> Iterator[Tensor]:
    """Weights that are found with each fold held out, (k,)."""
    split = split_of(pairs, config)
    for fold, index in enumerate(split.training):
        learned = ended(train_encoder(pairs, index, POLICY, ENCODING, config.seed + fold))
        one = Split(split.name, (index,), (split.measuring[fold],))
        if way == "frozen":
            features = encoded(pairs, POLICY, encoder_of(pairs, index, POLICY, ENCODING, learned), None)
            problem = problem_of(pairs, one, [features], ENCODING.policy(POLICY))
        else:
            problem = whole(pairs, one, learned if way == "shared" else {})
        *_, last = balance(problem, replace(config, seed=config.seed + fold, repeats=1))
        assert last.result is not None, "balancing ends with an answer"
        yield last.result.weights


def whole(pairs: Pairs, split: Split, learned: Parameters) -> Problem:
    """The problem with whole image policies, whose encoders begin as `learned` if there is one."""
    (train,), (measure,) = split.training, split.measuring
    policy = fresh(pairs, ENCODING.policy(POLICY), train, 0)
    assert isinstance(policy, CloningPolicy), "the policy is ours"

    def initialize(generator: Generator) -> dict[str, Tensor]:
        seed = int(torch.randint(2**31, (1,), generator=generator))
        new = dict(fresh(pairs, ENCODING.policy(POLICY), train, seed).named_parameters())
        return {name: learned[name].clone() if name in learned and ENCODER in name else new[name] for name in new}

    def drawing(index: Tensor) -> Sampler:
        members = Members.of(pairs.group, len(pairs.groups), index)
        return lambda groups, generator: pairs.batch(members.draw(groups, generator))

    counted = problem_of(pairs, None, (), ENCODING.policy(POLICY))
    held = Held(pairs.batch, pairs.group[measure], pairs.demonstration[measure], measure)
    return replace(
        counted,
        negative_log_likelihood=loss_of(policy),
        initialize=initialize,
        folds=(Fold(drawing(train), drawing(measure), held),),
        skill=skill_of(policy),
        pull=None,
    )


class Skilled(nn.Module):
    """The error of the action that a policy would choose, as `FeaturePolicy.skill` has it."""

    def __init__(self, policy: CloningPolicy) -> None:
        super().__init__()
        self.policy = policy

    def forward(self, batch: Batch) -> Tensor:
        """(B,)."""
        policy = self.policy
        features = policy.features(batch.images, batch.state, batch.scene)
        twist = (batch.action[..., :6] - policy.twist_mean) / policy.twist_deviation
        error = 0.5 * (twist - policy.decoder.head.mode(features)).square().sum(dim=-1)
        return masked_mean(error, batch.mask) + policy.decoder.of_gripper(features, batch.action[..., 6], batch.mask)


def skill_of(policy: CloningPolicy) -> NegativeLogLikelihood:
    """`Skilled` as a pure function of the policy's parameters and a batch."""
    skilled = Skilled(policy)

    def skill(parameters: Parameters, batch: Batch) -> Tensor:
        result: Tensor = functional_call(
            skilled, {f"policy.{name}": each for name, each in parameters.items()}, (batch,)
        )
        return result

    return skill


def measure(asked: Namespace) -> None:
    """Measure what is missing."""
    results = asked.output / "encoders.jsonl"
    known = {line["key"] for line in read(results)}
    for seed, method, way in product(range(asked.seeds), asked.methods, asked.ways):
        key = f"{asked.task}|{asked.kind}|{seed}|{method}|{way}"
        if key in known:
            continue
        pairs, begun = pairs_of(asked.output, asked.task, asked.kind, seed), process_time()
        config = BalancingConfig(
            method=method,
            proportions="demonstrations",
            seed=seed,
            repeats=FOLDS,
            evaluation=EVALUATED,
            steps=asked.steps,
            compare="none",
            conflicts=False,
        )
        found = [one[pairs.groups.index(OPTIMAL)].item() for one in weights(pairs, way, config)]
        line = {"key": key, "weight": [round(one, 4) for one in found], "seconds": round(process_time() - begun)}
        with results.open("a") as file:
            file.write(json.dumps(line) + "\n")
        sys.stdout.write(f"{json.dumps(line)}\n")
        sys.stdout.flush()


def read(path: Path) -> list[dict[str, Any]]:
    """What was measured."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def main() -> None:
    """Measure, and print a table."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--task", default="opening", choices=NUMBERS)
    parser.add_argument("--kind", default="noisy", choices=KINDS)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--steps", type=int, default=BalancingConfig().steps)
    parser.add_argument("--ways", nargs="*", default=WAYS, choices=WAYS)
    parser.add_argument("--methods", nargs="*", default=METHODS, choices=METHODS)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()
    measure(asked)
    lines = [("task", "data", "seed", "method", "way", "weight of the optimal group, each fold", "seconds")]
    lines += [
        (*one["key"].split("|"), " ".join(f"{value:.2f}" for value in one["weight"]), str(one["seconds"]))
        for one in read(asked.output / "encoders.jsonl")
    ]
    sys.stdout.write(aligned(lines) + "\n")


if __name__ == "__main__":
    main()
