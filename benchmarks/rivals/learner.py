"""The image policy of this package, trained on batches that somebody else loads."""

from __future__ import annotations

import random
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from itertools import cycle
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from balanced_bc.learning.config import Precision, TrainingConfig
from balanced_bc.learning.device import choose
from balanced_bc.learning.pairs import Pairs
from balanced_bc.learning.training.feed import moved
from balanced_bc.learning.training.fit import fit
from balanced_bc.learning.training.lanes import fit_lanes
from balanced_bc.learning.training.learner import Learner, fresh
from balanced_bc.learning.training.parallel import ALONE
from balanced_bc.policies.batch import Batch
from balanced_bc.policies.config import PolicyConfig
from benchmarks.rivals.clock import Contender, Train

Batches = Generator[Batch, None, None]
CACHED = 8
"""Batches of the contender that loads nothing."""


class AbsentError(Exception):
    """A rival that cannot be measured here, and why."""


class Setting(NamedTuple):
    """What all contenders train.

    Attributes:
        pairs: The data, at the policy's size.
        policy: Architecture.
        training: Batch size, precision, device.
    """

    pairs: Pairs
    policy: PolicyConfig
    training: TrainingConfig

    def computed_in(self, precision: Precision) -> Setting:
        """The same in another precision."""
        return self._replace(training=replace(self.training, precision=precision))


class Source(Protocol):
    """A rival's dataset of the same pairs."""

    def at(self, index: Sequence[int]) -> Batch:
        """The pairs with these numbers, through the rival's own reading and collating."""
        ...

    def batches(self, size: int, workers: int) -> Batches:
        """Batches without end, drawn uniformly as the rival's training draws them."""
        ...


class Fed:
    """Our training's learner, fed by somebody: the same network, loss, precision, optimizer and moving average.

    Args:
        setting: What is trained.
    """

    def __init__(self, setting: Setting) -> None:
        config = setting.training
        self.device = choose(config.device, config.precision)
        policy = fresh(setting.pairs, setting.policy, torch.arange(len(setting.pairs)), config.seed)
        self.learner, self.steps = Learner(policy, config, self.device, ALONE), 0

    def train(self, batches: Batches, steps: int) -> None:
        """Descend on so many batches."""
        for _ in range(steps):
            self.learner.descend(self.learner.loss(self.there(next(batches))).mean(), self.steps)
            self.steps += 1
        finish(self.device.device)

    def there(self, batch: Batch) -> Batch:
        """The batch on the device."""
        return batch if self.device.device.type == "cpu" else moved(batch, self.device.device)


def finish(device: torch.device) -> None:
    """Wait until a device has computed everything."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def ours(name: str, setting: Setting, steps: int) -> Contender:
    """Our loop: pairs in memory, weighted sampling, random shift.

    Args:
        name: What it is called.
        setting: What is trained.
        steps: Steps of a round and of the warm-up; it trains in such strides.
    """
    config, equal = striding(setting, steps), dict.fromkeys(setting.pairs.groups, 1.0)
    return strides(name, fit(setting.pairs, setting.policy, config, equal), steps, config)


def lanes(name: str, setting: Setting, number: int, steps: int) -> Contender:
    """Our loop for so many seeds at once; arguments as of `ours`."""
    config = striding(setting, steps)
    reports = fit_lanes(setting.pairs, setting.policy, config, seeds=range(number))
    return strides(name, reports, steps, config)


def striding(setting: Setting, steps: int) -> TrainingConfig:
    """A training without end that reports once a stride."""
    return replace(setting.training, steps=10**6, report_every=steps)


def strides(name: str, reports: Iterator[object], steps: int, config: TrainingConfig) -> Contender:
    """A training that goes on from round to round; one report is one stride."""
    device = choose(config.device, config.precision).device

    def train(wanted: int) -> None:
        for _ in range(wanted // steps):
            next(reports)
        finish(device)

    @contextmanager
    def opened() -> Iterator[Train]:
        yield train

    return Contender(name, opened, steps)


def cached(name: str, setting: Setting) -> Contender:
    """Batches that are in memory as they are used: nothing is loaded, drawn or shifted."""
    learner, size = Fed(setting), setting.training.batch_size
    index = torch.randint(len(setting.pairs), (CACHED, size), generator=torch.Generator().manual_seed(0))
    kept = [learner.there(copied(setting.pairs.batch(each))) for each in index]
    return fed(name, learner, lambda: (batch for batch in cycle(kept)))


def copied(batch: Batch) -> Batch:
    """The same batch with images in the layout in which the network wants them."""
    return batch._replace(images={name: pixels.contiguous() for name, pixels in batch.images.items()})


def fed(name: str, learner: Fed, batches: Callable[[], Batches], warm_up: int = 2) -> Contender:
    """The same network, fed by somebody; a round begins with a fresh iterator and ends its processes."""

    @contextmanager
    def opened() -> Iterator[Train]:
        with closing(batches()) as feed:
            yield partial(learner.train, feed)

    return Contender(name, opened, warm_up)


def fed_by(name: str, setting: Setting, source: Source, workers: int) -> Contender:
    """The same network, fed by a rival's loader with so many processes."""
    size = setting.training.batch_size
    # torch's loader keeps 2 batches a process ready; steps are timed once these are used up.
    return fed(name, Fed(setting), lambda: source.batches(size, workers), 2 + 3 * workers)


class Same(NamedTuple):
    """How far what a rival reads is from our pairs.

    Attributes:
        numbers: Largest difference of states, actions and masks.
        images: Mean difference of a color, of 255.
        neighbors: The same from the images of the ticks before and after.
    """

    numbers: float
    images: float
    neighbors: float


def compared(pairs: Pairs, source: Source, number: int = 64) -> Same:
    """Read some pairs, the last of demonstrations among them, and compare them with ours.

    Raises:
        AbsentError: They are other pairs: numbers differ, or images are nearer to those of another tick.
    """
    ends = pairs.demonstration.diff().nonzero().flatten()[:4].tolist()
    index = torch.tensor(sorted({*random.Random(0).sample(range(1, len(pairs) - 1), number), *ends}))
    mine, theirs = pairs.batch(index), source.at(index.tolist())
    given = mine.mask[..., None]
    numbers = max(_apart(mine.state, theirs.state), _apart(mine.mask, theirs.mask))
    numbers = max(numbers, _apart(mine.action * given, theirs.action * given))
    images, before, after = (_images_apart(pairs.batch(index + step), theirs) for step in (0, -1, 1))
    found = Same(numbers, images, min(before, after))
    if found.numbers > 1e-5 or found.images >= found.neighbors:
        raise AbsentError(f"what it reads are not the same pairs: {found}")
    return found


def _images_apart(one: Batch, other: Batch) -> float:
    apart = [(one.images[name].float() - other.images[name].float()).abs().mean() for name in one.images]
    return float(sum(apart)) / len(apart)


def _apart(one: Tensor, other: Tensor) -> float:
    return float((one - other).abs().max())
