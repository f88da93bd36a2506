"""conductor: one take after another, without a person.

Actor demonstrator: reset the world, start the recorder, let the expert act, save what succeeded, until every behavior
has its number of demonstrations. Actor policy: reset, activate the policy, watch task/success, deactivate, note it.
An interrupted run is continued: the dataset and the file of results say what is left. Exit code 0 when all is done.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy

from balanced_bc.demonstrations.contract import VELOCITY_COMMAND
from balanced_bc.demonstrations.stamps import seconds
from balanced_bc.demonstrations.tags import parse_counts
from balanced_bc.nodes.asking import until, within
from balanced_bc.nodes.bars import Bars
from balanced_bc.nodes.diagnosis import Condition, Diagnosis
from balanced_bc.nodes.errors import NodeError
from balanced_bc.nodes.parameters import declared
from balanced_bc.nodes.run import main_of
from balanced_bc.nodes.stage import DEMONSTRATOR, POLICY, RECORDER, SIMULATOR, Stage
from balanced_bc.nodes.states import BUSY, FAULT, RECORDING
from balanced_bc.nodes.takes import Ledger, Take

INTERRUPTED = 1
"""Exit code of a run that was interrupted."""
SETTLING = 0.5
"""How long the last word on success may be on its way, [s]."""


@dataclass(frozen=True, kw_only=True)
class ConductorConfig:
    """Which takes are wanted."""

    counts: str
    """Number of takes of each behavior, as in slider=6,drawer=20."""
    results: Path
    """YAML file of what was done, take by take; continued if it exists."""
    actor: Literal["demonstrator", "policy"] = "demonstrator"
    """demonstrator: record demonstrations until the dataset has that many. policy: roll the policy out that often."""
    seed: int = field(default=0, metadata={"range": (0, 2**31 - 1)})
    """Seed of the first take of each behavior; the next takes count up."""
    keep_failures: bool = False
    """Whether demonstrations that did not succeed are saved, tagged success=false, and counted."""
    attempts: int = field(default=10, metadata={"range": (1, 1000)})
    """Failures of the demonstrator in a row after which the conductor gives up."""
    limit: float = field(default=4.0, metadata={"range": (0.1, 3600.0)})
    """Simulated time that a rollout of the policy has, [s]."""
    patience: float = field(default=30.0, metadata={"range": (1.0, 3600.0)})
    """How long another node may take to answer, [s]."""

    def __post_init__(self) -> None:
        parse_counts(self.counts)


class Conductor(Node):
    """Walks through the takes."""

    def __init__(self) -> None:
        super().__init__("conductor")
        self.exit_code: int | None = None
        self.config = declared(self, ConductorConfig)
        self.counts = parse_counts(self.config.counts)
        self.ledger = Ledger(self.config.results, self.config.actor)
        self.stage = Stage(self, self.config.patience)
        self.bars = Bars(self)
        self.diagnosis = Diagnosis(self, self.condition)
        self.begin = self.create_timer(0.0, self.on_begin, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def on_begin(self) -> None:
        """Start as a task: as a callback it would block every other callback of its group."""
        self.begin.cancel()
        assert self.executor is not None
        self.executor.create_task(self.conduct)

    async def conduct(self) -> None:
        """Do everything, one behavior after another."""
        await self.prepare()
        for behavior in self.counts:
            self.show(behavior)
        self.say_if_idle()
        for behavior, count in self.counts.items():
            while self.done(behavior) < count:
                await self.take(behavior)
        self.exit_code = 0

    async def prepare(self) -> None:
        """Wait for the others."""
        if self.config.actor == DEMONSTRATOR:
            await until(self, lambda: self.stage.coverage is not None, self.config.patience, "recorder/coverage")
            await self.tidy_up()
        elif not await self.stage.settle(POLICY):
            raise NodeError("the policy could not be configured; its own log says why")
        else:
            await until(self, lambda: bool(self.stage.checkpoint), self.config.patience, "policy/checkpoint")
            self.ledger.require(self.stage.checkpoint)

    async def tidy_up(self) -> None:
        """Discard a take that an interrupted run has left open."""
        states = self.stage.states[RECORDER]
        await until(self, lambda: bool(states), self.config.patience, "recorder/state")
        if states[-1].startswith(RECORDING):
            self.get_logger().warning(f"a take was left open: {states[-1]}; it goes to the trash")
            await self.stage.call(RECORDER, "discard")

    async def take(self, behavior: str) -> None:
        """Do one take and note it."""
        seed = self.ledger.next_seed(behavior, self.config.seed)
        await self.stage.set_parameters(SIMULATOR, behavior=behavior, seed=seed)
        await self.stage.call(SIMULATOR, "reset")
        await until(self, lambda: self.ready(behavior), self.config.patience, f"task/behavior to be {behavior}")
        act = self.demonstrate if self.config.actor == DEMONSTRATOR else self.roll_out
        self.ledger.add(await act(behavior, seed))
        self.show(behavior)

    def ready(self, behavior: str) -> bool:
        """Whether the world is reset."""
        return self.stage.behavior == behavior and not self.stage.success

    async def demonstrate(self, behavior: str, seed: int) -> Take:
        """Record one demonstration; keep it if it succeeded."""
        await self.stage.set_parameters(DEMONSTRATOR, seed=seed, listeners=self.listeners())
        await self.stage.insist(RECORDER, "start")
        begun, states = self.now(), self.stage.states[DEMONSTRATOR]
        states.clear()
        await self.stage.insist(DEMONSTRATOR, "demonstrate")
        await until(
            self, lambda: BUSY in states and states[-1] != BUSY, self.config.patience, "the demonstration to end"
        )
        ended, end = self.now(), states[-1]
        success = await within(self, lambda: self.stage.success, SETTLING)
        saved = (success or self.config.keep_failures) and await self.save(behavior)
        if not saved:
            await self.stage.call(RECORDER, "discard")
        self.refuse_endless_failure(behavior, saved)
        return Take(behavior, seed, success and saved, ended - begun, end)

    def listeners(self) -> int:
        """Who listens to the demonstrator's commands and can be connected to it."""
        found = self.get_subscriptions_info_by_topic(VELOCITY_COMMAND)
        return sum(one.qos_profile.durability != DurabilityPolicy.TRANSIENT_LOCAL for one in found)

    async def save(self, behavior: str) -> bool:
        """Save the take; whether the recorder did, because a stream may have been silent."""
        before = self.done(behavior)
        try:
            await self.stage.call(RECORDER, "save")
        except NodeError as error:
            self.get_logger().warning(str(error))
            return False
        await until(self, lambda: self.done(behavior) > before, self.config.patience, "recorder/coverage to grow")
        return True

    async def roll_out(self, behavior: str, seed: int) -> Take:
        """Let the policy act once."""
        if not await self.stage.activate(POLICY):
            raise NodeError("the policy refused to be activated; its own log says why")
        begun = self.now()
        await until(self, lambda: self.is_over(begun), self.config.patience + self.config.limit, "the rollout to end")
        success, ended, end = self.stage.success, self.now(), self.stage.states[POLICY][-1]
        await self.stage.deactivate(POLICY)
        if end.startswith(FAULT):
            await self.stage.call(POLICY, "reset_fault")
        return Take(behavior, seed, success, ended - begun, end)

    def is_over(self, begun: float) -> bool:
        """Whether a rollout has succeeded, failed, or used up its time."""
        stopped = self.stage.states[POLICY][-1:] and self.stage.states[POLICY][-1].startswith(FAULT)
        return self.stage.success or bool(stopped) or self.now() - begun >= self.config.limit

    def refuse_endless_failure(self, behavior: str, success: bool) -> None:
        """Give up when nothing can be saved again and again."""
        if not success and self.ledger.failures(behavior) + 1 >= self.config.attempts:
            raise NodeError(f"{behavior} failed {self.config.attempts} times in a row; see {self.config.results}")

    def say_if_idle(self) -> None:
        """Say that everything is there already, if it is."""
        if all(self.done(behavior) >= count for behavior, count in self.counts.items()):
            where = "the dataset" if self.config.actor == DEMONSTRATOR else self.config.results
            has = ", ".join(f"{self.done(behavior)} of {count} {behavior}" for behavior, count in self.counts.items())
            self.get_logger().info(f"nothing to do: {where} has {has}")

    def done(self, behavior: str) -> int:
        """Takes of a behavior that count."""
        if self.config.actor == DEMONSTRATOR:
            return (self.stage.coverage or {}).get(behavior, 0)
        return self.ledger.count(behavior)

    def condition(self) -> Condition:
        """How the node is doing: takes of each behavior."""
        done = {behavior: f"{self.done(behavior)} of {count}" for behavior, count in self.counts.items()}
        return Condition(f"takes of the {self.config.actor}", done)

    def show(self, behavior: str) -> None:
        """Move a behavior's progress bar."""
        done, total = self.done(behavior), self.counts[behavior]
        note = f"{self.ledger.successes(behavior)} of {self.ledger.count(behavior)} succeeded"
        self.bars.show(behavior, done, total, f"{done} of {total}", note)

    def now(self) -> float:
        """Time of the node's clock, [s]."""
        return seconds(self.get_clock().now().nanoseconds)

    def close(self) -> None:
        """Leave the terminal as it was; an interrupted run has not done everything."""
        self.bars.close()
        if self.exit_code is None:
            self.exit_code = INTERRUPTED


main = main_of(Conductor)

if __name__ == "__main__":
    main()
