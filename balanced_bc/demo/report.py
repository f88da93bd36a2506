"""What the demo found: a table, report.md, and a sentence that does not flatter."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from pathlib import Path

import yaml

from balanced_bc.demo.config import DemoConfig
from balanced_bc.learning.evaluation.intervals import Interval, wilson
from balanced_bc.learning.rebalancing import balance_file
from balanced_bc.tables import aligned, markdown

Outcomes = dict[str, list[bool]]
"""Behavior to the success of each rollout, in the order of the seeds."""


def results_of(config: DemoConfig, name: str) -> Path:
    """File of a policy's rollouts."""
    return config.output / f"rollouts_{name}.yaml"


def checkpoint_of(config: DemoConfig, name: str) -> str:
    """Fingerprint of the policy whose rollouts there are."""
    return str(yaml.safe_load(results_of(config, name).read_text(encoding="utf-8")).get("checkpoint", ""))


def outcomes(config: DemoConfig, name: str) -> Outcomes:
    """Read a policy's rollouts; none where there is no file yet."""
    found: Outcomes = {}
    path = results_of(config, name)
    plain = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {"takes": ()}
    for take in plain["takes"]:
        found.setdefault(take["behavior"], []).append(take["success"])
    return found


def difference(before: list[bool], after: list[bool]) -> Interval:
    """Newcombe's 95 % interval of the difference of two success rates, after minus before."""
    p, q = sum(before) / len(before), sum(after) / len(after)
    low_p, high_p = wilson(sum(before), len(before))
    low_q, high_q = wilson(sum(after), len(after))
    low = q - p - sqrt((q - low_q) ** 2 + (high_p - p) ** 2)
    return Interval(low, q - p + sqrt((high_q - q) ** 2 + (p - low_p) ** 2))


def verdict(behavior: str, before: list[bool], after: list[bool]) -> str:
    """Whether the rollouts show a difference, in one sentence."""
    low, high = difference(before, after)
    change = sum(after) / len(after) - sum(before) / len(before)
    numbers = f"{change:+.2f} (95 % interval {low:+.2f} to {high:+.2f})"
    if low > 0:
        return f"{behavior}: the balanced policy succeeds more often, {numbers}."
    if high < 0:
        return f"{behavior}: the balanced policy succeeds LESS often, {numbers}."
    return f"{behavior}: no difference that {len(after)} rollouts can show, {numbers}."


def cell(successes: list[bool]) -> str:
    """A success rate with its number of rollouts and interval."""
    low, high = wilson(sum(successes), len(successes))
    return f"{sum(successes)}/{len(successes)} = {sum(successes) / len(successes):.2f} [{low:.2f}, {high:.2f}]"


def rows(config: DemoConfig, names: Sequence[str]) -> list[tuple[str, ...]]:
    """The table: one row a policy, one column a behavior."""
    found = {name: outcomes(config, name) for name in names}
    behaviors = list(next(iter(found.values())))
    body = [(name, *(cell(found[name][behavior]) for behavior in behaviors)) for name in names]
    return [("policy", *behaviors), *body]


def verdicts(config: DemoConfig) -> list[str]:
    """One sentence a behavior."""
    before, after = outcomes(config, "plain"), outcomes(config, "balanced")
    return [verdict(behavior, before[behavior], after[behavior]) for behavior in before]


def text(config: DemoConfig, names: Sequence[str]) -> str:
    """Table and verdicts for a terminal."""
    head = "Success in simulation: successes/rollouts = rate [95 % interval]"
    return "\n".join(
        (head, "", aligned(rows(config, names)), "", *verdicts(config), f"All of it is in {config.output}/report.md.")
    )


def write(config: DemoConfig, names: Sequence[str]) -> None:
    """Write report.md beside the results."""
    balance = balance_file.read(config.output / "weights")
    groups = [
        (name, str(row.demonstrations), str(row.pairs), f"{row.rho:.3f}", f"{row.alpha:.3f}")
        for name, row in balance.groups.items()
    ]
    sections = (
        "# Demo of balanced_bc",
        f"{config.slider} demonstrations of the slider and {config.drawer} of the drawer were recorded over ROS "
        f"topics and balanced by the method `{balance.method}`. One policy was trained with {config.steps} gradient "
        f"steps without the weights (plain), one with them (balanced). Both drove the simulated arm over ROS topics, "
        f"from the same {config.rollouts} starts of each behavior. Seed {config.seed}.",
        "## Weights",
        markdown([("group", "demonstrations", "pairs", "rho", "alpha"), *groups]),
        *(f"Warning: {warning}" for warning in balance.warnings),
        "![Weights and losses](weights/balance.png)",
        "## Success",
        "successes/rollouts = rate [95 % Wilson interval]",
        markdown(rows(config, names)),
        *verdicts(config),
        "A rollout of each behavior by the balanced policy, simulated again without ROS:",
        "![A rollout of each behavior](rollout.gif)",
    )
    (config.output / "report.md").write_text("\n\n".join(sections) + "\n", encoding="utf-8")
