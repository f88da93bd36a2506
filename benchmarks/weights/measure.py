"""One measurement: the weights of a row, the losses that are achievable, or the success of a policy."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Generator, Iterator
from dataclasses import asdict
from functools import cache
from pathlib import Path
from time import process_time
from typing import Any, Literal, NamedTuple, TypeVar

import torch

from balanced_bc.balancing.config import BalancingConfig
from balanced_bc.balancing.measured import measure_lanes
from balanced_bc.balancing.repetition import Repetition
from balanced_bc.balancing.training import train
from balanced_bc.learning.config import EncodingConfig, EvaluationConfig, TrainingConfig
from balanced_bc.learning.evaluation.evaluate import evaluate
from balanced_bc.learning.pairs import Pairs
from balanced_bc.learning.rebalancing.encoded import encode
from balanced_bc.learning.rebalancing.formulation import problem_of
from balanced_bc.learning.rebalancing.held_out import split_of
from balanced_bc.learning.rebalancing.rebalance import rebalance
from balanced_bc.learning.training.fit import fit
from balanced_bc.policies import checkpoint
from balanced_bc.simulation.environment import CONTRACT
from balanced_bc.simulation.tasks import behaviors_of
from benchmarks.weights.mixtures import Mixture, pairs_of
from benchmarks.weights.rows import CHOSEN, FAST, FASTER, HEADS, LEARNED_SIGMA, LITERAL, ROWS, Row, policy_of

Answer = TypeVar("Answer")
Measure = Literal["weights", "achievable", "success", "replication"]
"""A replication is success again, of another network on other batches."""
GRID = tuple(i / 10 for i in range(11))
"""Weights of the optimal group with which networks are trained to see what losses are achievable."""
ON_GRID = torch.tensor([(one, 1 - one) for one in GRID], dtype=torch.float64)
"""Weights of both groups, (m, 2)."""
GRIDS = (
    *(f"{head}, {what}" for head in HEADS for what in ("held-out", f"held-out, {CHOSEN}", "training")),
    f"{LEARNED_SIGMA}, training, {FAST}",
)
"""What is achievable: head, split, and quantity or step size."""
Configuration = dict[str, dict[str, Any]]
"""Values of options by part and name."""
TRAININGS: tuple[Measure, ...] = ("success", "replication")
"""Measures of trained policies."""
AGAIN = 1000
"""What is added to the seed of a training that is done again."""
CONFIGURATION = "configuration"
"""What keys of lines begin with that tell a configuration."""
FIRST_START = 1_000_000
"""Seed of the first start of rollouts; starts of demonstrations have random seeds of 31 bits."""


class Question(NamedTuple):
    """What is measured.

    Attributes:
        measure: Weights, achievable losses, or success, once or again.
        mixture: On which demonstrations.
        of: Row whose weights are meant; for achievable losses the head, the split and, where it is not the likelihood,
            what is measured.
        weights: Weights of the groups that a policy is trained with; none where none is.
    """

    measure: Measure
    mixture: Mixture
    of: str
    weights: tuple[float, ...] = ()

    @property
    def key(self) -> str:
        """What tells it from all others."""
        return "|".join((self.measure, *map(str, self.mixture), self.of))

    @property
    def told(self) -> str:
        """Under what its configuration is told."""
        return f"{CONFIGURATION}|{self.measure}|{self.of}"


def configuration(question: Question) -> Configuration:
    """Every number that an answer depends on, but for the mixture and its seed, and the weights that are trained on."""
    if question.measure in TRAININGS:
        training, policy = _training(ROWS.get(question.of), 0), policy_of(LEARNED_SIGMA)
        parts = {"training": asdict(training), "policy": asdict(policy)}
    else:
        row = ROWS.get(question.of)
        balancing = row.config(0) if row else of_grid(question.of, 0)
        policy = policy_of(row.head if row else question.of.split(", ")[0])
        parts = {"encoding": asdict(EncodingConfig()), "balancing": asdict(balancing), "policy": asdict(policy)}
    plain: Configuration = json.loads(json.dumps(parts))
    return plain


def answer(question: Question) -> dict[str, Any]:
    """Measure, in one thread; the time is the processor's, [s]."""
    torch.set_num_threads(1)
    begun = process_time()
    measures = {"weights": _weights, "achievable": _achievable, "success": _success, "replication": _success}
    found = measures[question.measure](question)
    return {"key": question.key, **found, "seconds": round(process_time() - begun, 1), "code": _code()}


def _weights(question: Question) -> dict[str, Any]:
    """Weights, references and losses of a row; `inside`: weights in the meta-gradient run of each group, (k, k)."""
    row, mixture = ROWS[question.of], question.mixture
    policy = policy_of(row.head)
    *_, last = rebalance(pairs_of(mixture, policy), row.config(mixture.seed), policy, EncodingConfig())
    assert last.result is not None, "balancing ends with an answer"
    found, losses = last.result, last.result.diagnostics.get("losses")
    inside = last.result.diagnostics.get("meta_weights")
    return {
        "alpha": _plain(found.weights),
        "alpha_error": None if found.standard_error is None else _plain(found.standard_error),
        "reference": [round(one.loss, 4) for one in found.references if one is not None],
        "loss": None if losses is None else _plain(losses),
        **({} if inside is None else {"inside": [_plain(row) for row in inside]}),
    }


def _achievable(question: Question) -> dict[str, Any]:
    """Lowest loss of each group over a grid of fixed weights, and the weight of the optimal group that reached it."""
    head, *what = question.of.split(", ")
    pairs = pairs_of(question.mixture, policy_of(head))
    lowest = _lowest_errors if CHOSEN in what else _lowest_losses
    repetitions = _repetitions(pairs, head, of_grid(question.of, question.mixture.seed))
    found = torch.stack([lowest(repetition) for repetition in repetitions])
    losses = found.mean(dim=0)
    return {
        "loss": _plain(losses.amin(dim=0)),
        "at": [GRID[i] for i in losses.argmin(dim=0).tolist()],
        "grid": [_plain(row, 2) for row in losses],
    }


def of_grid(of: str, seed: int) -> BalancingConfig:
    """How networks are trained on a grid of weights, by Adam: as in the min-max step of the methods on the same split.

    Meta-gradient runs of `ours, literal` and its like descend plainly instead.
    """
    _, split, *what = of.split(", ")
    if split == "held-out":
        return BalancingConfig(seed=seed)
    steps, rate = LITERAL.options["steps"], FASTER if FAST in what else LITERAL.options["learning_rate"]
    return BalancingConfig(seed=seed, split="training", steps=steps, learning_rate=rate)


def _training(row: Row | None, seed: int) -> TrainingConfig:
    """How policies are trained on the weights of a row; None for weights that no row found."""
    return TrainingConfig(seed=seed, device="cpu", **(row.training if row else {}))


def _repetitions(pairs: Pairs, head: str, config: BalancingConfig) -> Iterator[Repetition]:
    """All repetitions of networks that are trained on the grid."""
    policy, encoding, split = policy_of(head), EncodingConfig(), split_of(pairs, config)
    encoded = [ended(encode(pairs, index, policy, encoding, config.seed)) for index in split.training]
    problem = problem_of(pairs, split, encoded, encoding.policy(policy))
    for number in range(config.repeats):
        yield Repetition.of(problem, config, number)


def _lowest_losses(repetition: Repetition) -> torch.Tensor:
    """Lowest loss over time of each group on the grid, (m, 2)."""
    return ended(train(repetition, ON_GRID, "lanes"))[0].amin(dim=0)


def _lowest_errors(repetition: Repetition) -> torch.Tensor:
    """The same of the error of the chosen action, (m, 2)."""
    return ended(measure_lanes(repetition, ON_GRID, "lanes")).means(2)


def _success(question: Question) -> dict[str, Any]:
    """Success of a policy that is trained with these weights, about 100 rollouts in all."""
    mixture, policy = question.mixture, policy_of(LEARNED_SIGMA)
    pairs = pairs_of(mixture, policy)
    alpha = dict(zip(pairs.groups, question.weights))
    seed = mixture.seed + (AGAIN if question.measure == "replication" else 0)
    *_, last = fit(pairs, policy, _training(ROWS.get(question.of), seed), alpha)
    behaviors = behaviors_of(mixture.task)
    config = EvaluationConfig(mixture.task, rollouts=-(-100 // len(behaviors)), seed=FIRST_START)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "policy"
        checkpoint.save(path, last.policy, CONTRACT)
        rollouts = [done.rollout for done in evaluate(path, config)]
    won = {name: [one.success for one in rollouts if one.behavior == name] for name in behaviors}
    return {"weights": question.weights, "won": {name: sum(ones) for name, ones in won.items()}, "of": config.rollouts}


@cache
def _code() -> str:
    """Which commit measured, as far as git tells."""
    command = ("git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty")
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    return told.stdout.strip() or "unknown"


def ended(run: Generator[object, None, Answer]) -> Answer:
    """What a run answers at its end."""
    while True:
        try:
            next(run)
        except StopIteration as end:
            answer: Answer = end.value
            return answer


def _plain(values: torch.Tensor, digits: int = 4) -> list[float]:
    return [round(float(value), digits) for value in values]
