"""The four steps of the day: record, balance, train, deploy. A step whose result exists is not done again."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

import yaml
from rich.console import Console

from balanced_bc.demo import report
from balanced_bc.demo.config import DemoConfig
from balanced_bc.demo.errors import DemoError
from balanced_bc.demo.processes import ENDING, Nodes, Value
from balanced_bc.demonstrations.dataset import Dataset
from balanced_bc.demonstrations.durable import write_yaml
from balanced_bc.demonstrations.tags import BEHAVIOR
from balanced_bc.watching.config import WatchConfig
from balanced_bc.watching.players import PolicyPlayer
from balanced_bc.watching.watch import play

DOMAINS = 101
"""ROS domains from 1 to this one are safe on Linux: their ports do not collide with those of other programs."""
UNSEEN = 100_000
"""Seeds of rollouts begin here, far from those of the demonstrations."""
NAMES = ("plain", "balanced")
"""The two policies that are compared."""

console = Console(emoji=False)


def run(config: DemoConfig) -> None:
    """Do the day and print the table.

    Raises:
        DemoError: The folder holds another demo, or a node failed.
    """
    begun = time.monotonic()
    remember(config)
    with interruptible(), Nodes(config.output / "logs", domain=1 + os.getpid() % DOMAINS) as nodes:
        record(config, nodes)
        balance(config, nodes)
        for name in NAMES:
            train(config, nodes, name)
        for name in NAMES:
            deploy(config, nodes, name)
    show(config)
    report.write(config, NAMES)
    console.print(report.text(config, NAMES), markup=False, highlight=False, soft_wrap=True)
    console.print(f"{(time.monotonic() - begun) / 60:.1f} minutes")


def remember(config: DemoConfig) -> None:
    """Begin a folder, or see that an existing one is this demo's."""
    path, plain = config.output / "demo.yaml", {**asdict(config), "output": str(config.output)}
    if not path.exists():
        if config.output.exists() and any(config.output.iterdir()):
            raise DemoError(f"{config.output} exists and is no demo; choose another folder with --output")
        config.output.mkdir(parents=True, exist_ok=True)
        write_yaml(path, plain)
        return
    earlier = {**yaml.safe_load(path.read_text(encoding="utf-8")), "output": str(config.output)}
    if earlier != plain:
        changed = sorted(key for key in plain if plain[key] != earlier.get(key))
        raise DemoError(f"{config.output} holds a demo with other {changed}; remove it or choose another --output")
    console.print(f"Continuing in {config.output}. To start afresh, remove that folder.")


def record(config: DemoConfig, nodes: Nodes) -> None:
    """Record scripted demonstrations over topics."""
    step("Record", f"{config.slider} x slider and {config.drawer} x drawer, over ROS topics")
    dataset, wanted = config.output / "dataset", {"slider": config.slider, "drawer": config.drawer}
    if dataset.exists() and Dataset.open(dataset).counts(BEHAVIOR) == wanted:
        return
    counts = ",".join(f"{behavior}={count}" for behavior, count in wanted.items())
    nodes.start("simulator", {"task": "opening", "real_time_factor": 0.0})
    nodes.start("demonstrator", {"use_sim_time": True, "quality": "optimal"})
    nodes.start("recorder", {"use_sim_time": True, "dataset": dataset, "autostart": True, "tags": ["quality=optimal"]})
    takes: dict[str, Value] = {
        "actor": "demonstrator",
        "counts": counts,
        "results": config.output / "takes.yaml",
        "seed": config.seed,
    }
    nodes.run("conductor", {"use_sim_time": True, **takes})
    nodes.stop()


def balance(config: DemoConfig, nodes: Nodes) -> None:
    """Find weights of the two behaviors."""
    step("Balance", f"method {config.method}, groups by behavior")
    output = config.output / "weights"
    if (output / "balance.yaml").exists():
        return
    sources: dict[str, Value] = {"dataset": config.output / "dataset", "output": output, "group_by": ["behavior"]}
    nodes.run("balancer", {**sources, "method": config.method, "seed": config.seed})


def train(config: DemoConfig, nodes: Nodes, name: str) -> None:
    """Train one policy."""
    step("Train", f"the {name} policy")
    output = config.output / name
    if output.exists():
        return
    weights = {"weights": config.output / "weights" / "balance.yaml"} if name == "balanced" else {}
    sources = {"dataset": config.output / "dataset", "output": output, **weights}
    nodes.run("trainer", {**sources, "steps": config.steps, "seed": config.seed})


def deploy(config: DemoConfig, nodes: Nodes, name: str) -> None:
    """Drive the simulated arm with one policy, from the same starts as the other."""
    step("Deploy", f"the {name} policy, {config.rollouts} rollouts of each behavior")
    forget_others(config, name)
    counts, done = f"slider={config.rollouts},drawer={config.rollouts}", report.outcomes(config, name)
    if all(len(done.get(behavior, ())) >= config.rollouts for behavior in ("slider", "drawer")):
        return
    nodes.start("simulator", {"task": "opening", "real_time_factor": 0.0})
    nodes.start("policy", {"use_sim_time": True, "autostart": False, "checkpoint": config.output / name})
    results, seed = report.results_of(config, name), UNSEEN + config.seed
    takes: dict[str, Value] = {"actor": "policy", "counts": counts, "results": results, "seed": seed}
    nodes.run("conductor", {"use_sim_time": True, **takes})
    nodes.stop()


def forget_others(config: DemoConfig, name: str) -> None:
    """Remove rollouts of a policy that was trained anew since."""
    from balanced_bc.policies.checkpoint import fingerprint

    results = report.results_of(config, name)
    if results.exists() and report.checkpoint_of(config, name) != fingerprint(config.output / name):
        results.unlink()
        console.print(f"{results} was of another {name} policy and is removed")


def show(config: DemoConfig) -> None:
    """Film the balanced policy: of each behavior the first rollout that succeeded, or the first one if none did."""
    takes = []
    for behavior, successes in report.outcomes(config, "balanced").items():
        takes.append((behavior, UNSEEN + config.seed + (successes.index(True) if any(successes) else 0)))
    if not (config.output / "rollout.gif").exists():
        picture = WatchConfig(task="opening", output=config.output / "rollout.gif", view="static", horizon=120)
        for _ in play(PolicyPlayer(config.output / "balanced"), takes, picture):
            pass


def step(title: str, text: str) -> None:
    """Print the head of a step."""
    console.print(f"[bold]{title}[/bold]: {text}")


@contextmanager
def interruptible() -> Iterator[None]:
    """Let SIGTERM and a closed terminal end the demo as Ctrl+C does, so that no process is left behind."""

    def on_signal(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    previous = [(kind, signal.signal(kind, on_signal)) for kind in ENDING]
    try:
        yield
    finally:
        for kind, handler in previous:
            signal.signal(kind, handler)
