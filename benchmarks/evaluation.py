"""Rollouts per minute: one by one, side by side in one process, and in two processes.

Run: `python benchmarks/evaluation.py [state|image] ...`. The policies are untrained, so that every rollout goes on to
the horizon. The start of the processes and the making of the worlds count; importing torch in this process does not.
Each number is the best of some rounds, which take turns; the ratios say little while other programs keep cores busy.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from time import perf_counter, process_time
from typing import NamedTuple, cast

import torch

from balanced_bc.learning.config import EvaluationConfig
from balanced_bc.learning.evaluation import forking
from balanced_bc.learning.evaluation.evaluate import jobs_of, played_out
from balanced_bc.learning.evaluation.rollout import Job, perform
from balanced_bc.policies import checkpoint
from balanced_bc.policies.actor import ChunkedActor
from balanced_bc.policies.config import Kind, PolicyConfig
from balanced_bc.policies.making import make
from balanced_bc.policies.policy import Policy
from balanced_bc.simulation.environment import CONTRACT, DeskEnv
from balanced_bc.simulation.environment import make as make_world

ROLLOUTS = {"state": 40, "image": 20}
"""Rollouts of each of picking's three behaviors that are timed."""
ROUNDS = 2
"""Measurements; the quickest counts."""
WORKERS = 2

Call = Callable[[Path, EvaluationConfig], None]


class Speed(NamedTuple):
    """How fast rollouts are.

    Attributes:
        per_minute: Rollouts per minute of wall time.
        cpu: Processor time of this process for each rollout, [ms]; that of workers is not in it.
    """

    per_minute: float
    cpu: float


def untrained(kind: Kind, folder: Path) -> Path:
    """Checkpoint of a policy that has learned nothing."""
    torch.manual_seed(0)
    policy = make(PolicyConfig(policy=kind), [camera.name for camera in CONTRACT.cameras])
    checkpoint.save(folder / kind, policy, CONTRACT)
    return folder / kind


def one_by_one(path: Path, config: EvaluationConfig) -> None:
    """One world, and a call of the policy for each look."""
    policy = checkpoint.load(path).policy
    world = make_world(config.task, config.world, render_images=False, horizon=config.horizon)
    for job in jobs_of(config):
        rollout(world, policy, job, config.horizon)
    world.close()


def rollout(world: DeskEnv, policy: Policy, job: Job, horizon: int) -> None:
    """Let a policy act alone."""
    performance = perform(world, ChunkedActor(policy), job, horizon, bool(policy.cameras))
    seen = next(performance)
    while True:
        try:
            seen = performance.send(policy.act([seen])[0])
        except StopIteration:
            return


def side_by_side(path: Path, config: EvaluationConfig) -> None:
    """Several worlds in this process."""
    list(played_out(path, config, jobs_of(config)))


def shared(path: Path, config: EvaluationConfig) -> None:
    """Several worlds in each of several processes."""
    list(played_out(path, EvaluationConfig(**{**vars(config), "workers": WORKERS}), jobs_of(config)))


WAYS: Mapping[str, Call] = {"one by one": one_by_one, "side by side": side_by_side, f"{WORKERS} workers": shared}


def speed(call: Call, path: Path, config: EvaluationConfig) -> Speed:
    """Time one way of doing rollouts."""
    wall, cpu, number = perf_counter(), process_time(), len(jobs_of(config))
    call(path, config)
    return Speed(60 * number / (perf_counter() - wall), 1000 * (process_time() - cpu) / number)


def measured(kind: Kind, folder: Path) -> dict[str, Speed]:
    """The best of each way, all of them in turn."""
    path, config = untrained(kind, folder), EvaluationConfig(task="picking", rollouts=ROLLOUTS[kind])
    rounds = [{name: speed(call, path, config) for name, call in WAYS.items()} for _ in range(ROUNDS)]
    return {name: max(found[name] for found in rounds) for name in WAYS}


def main() -> None:
    """Print a table for each kind of policy, and all of it as one line of JSON."""
    kinds: list[Kind] = [cast(Kind, word) for word in sys.argv[1:]] or ["state", "image"]
    forking.start()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        found = {kind: measured(kind, Path(folder)) for kind in kinds}
    lines, plain = list[str](), dict[str, object]()
    for kind, ways in found.items():
        base = ways["one by one"].per_minute
        lines += [f"{kind} policy, {3 * ROLLOUTS[kind]} rollouts of picking"]
        lines += [
            f"{name:<14}{one.per_minute:>8.0f} /min{one.cpu:>8.0f} ms cpu here{one.per_minute / base:>8.2f} times"
            for name, one in ways.items()
        ]
        plain[kind] = {name: {**one._asdict(), "ratio": one.per_minute / base} for name, one in ways.items()}
    load = os.getloadavg()[0]
    lines.append(f"{len(os.sched_getaffinity(0))} cores, load {load:.1f} in the last minute")
    sys.stdout.write("\n".join((*lines, json.dumps({**plain, "load": load}), "")))


if __name__ == "__main__":
    main()
