"""Load-and-train samples per second: our loop, and the same network fed by others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from balanced_bc.demonstrations.dataset import Dataset
from balanced_bc.demonstrations.tags import BEHAVIOR
from balanced_bc.learning.config import DeviceName, TrainingConfig
from balanced_bc.learning.device import choose
from balanced_bc.learning.gathering import load_pairs
from balanced_bc.policies.config import Kind, PolicyConfig
from benchmarks.rivals.clock import Contender, Round, rounds
from benchmarks.rivals.hdf5 import File, export
from benchmarks.rivals.learner import AbsentError, Same, Setting, Source, cached, compared, fed_by, lanes, ours
from benchmarks.rivals.videos import Videos

OURS, CACHED = "ours", "cached batches"
LANES = "lanes"
AV1, H264, HDF5, SEQUENCES = "LeRobot AV1", "LeRobot H.264", "robomimic cached", "robomimic cached sequences"
CODECS = {AV1: "libsvtav1", H264: "h264"}
FLOAT = " float32"
LOADERS = 4
"""Loader processes by default in LeRobot's training."""


class Line(NamedTuple):
    """What was measured of a contender.

    Attributes:
        name: Contender.
        rate: Pairs per second of wall time, in the median round.
        best: The same in the quickest round.
        cpu: Pairs per second of processor time, in the median round.
    """

    name: str
    rate: float
    best: float
    cpu: float

    @classmethod
    def of(cls, name: str, found: Sequence[Round], size: int) -> Line:
        """Summarize a contender's rounds of batches of this size."""
        walls = [one.wall for one in found]
        return cls(name, size / median(walls), size / min(walls), size / median(one.cpu for one in found))


class Ratio(NamedTuple):
    """Our speed over a rival's.

    Attributes:
        name: What is compared.
        wall: By wall time, the median over rounds of both measured one after another.
        cpu: By processor time.
        goal: What wall should be at least; None where nothing is asked for.
    """

    name: str
    wall: float
    cpu: float
    goal: float | None


class Cost(NamedTuple):
    """What many seeds at once cost.

    Attributes:
        policy: image or state.
        seeds: Number of lanes.
        wall: A step of all lanes over a step of one training, by wall time, the median over rounds.
        cpu: By processor time.
    """

    policy: str
    seeds: int
    wall: float
    cpu: float


class Loading(NamedTuple):
    """All that was measured on one device.

    Attributes:
        device: What computed.
        lines: Contenders.
        ratios: Ours over theirs.
        same: How alike the pairs are that rivals read.
        absent: Rivals that could not be measured, and why.
    """

    device: str
    lines: tuple[Line, ...]
    ratios: tuple[Ratio, ...]
    same: Mapping[str, Same]
    absent: tuple[str, ...]


def measured(
    dataset: Path, folder: Path, device: DeviceName, number: int, steps: int, size: int | None = None
) -> Loading:
    """Measure all contenders on one device.

    Args:
        dataset: Our dataset.
        folder: Where the rivals' datasets are kept.
        device: Where to compute.
        number: Rounds.
        steps: Steps in a round.
        size: Rows and columns of images; the policy's default if None.
    """
    opened = Dataset.open(dataset)
    policy = PolicyConfig() if size is None else PolicyConfig(image_size=size)
    setting = Setting(load_pairs(opened, (BEHAVIOR,), policy), policy, TrainingConfig(device=device))
    folder.mkdir(parents=True, exist_ok=True)
    sources, same, absent = _sources(setting, folder, opened.contract.rate)
    contenders = tuple(_contenders(setting, sources, steps))
    found = list(rounds(contenders, number, steps))
    by_name = {each.name: [one for one in found if one.name == each.name] for each in contenders}
    lines = tuple(Line.of(name, ones, setting.training.batch_size) for name, ones in by_name.items())
    described = choose(setting.training.device, setting.training.precision)
    return Loading(described.description, lines, tuple(_ratios(by_name, device)), same, absent)


def _sources(setting: Setting, folder: Path, rate: float) -> tuple[dict[str, Source], dict[str, Same], tuple[str, ...]]:
    """Rivals' datasets of the same pairs, how alike they are, and which are missing."""
    pixels, pairs = setting.policy.image_size, setting.pairs
    makers: dict[str, Callable[[], Source]] = {
        name: lambda codec=codec: Videos(pairs, folder / f"lerobot-{codec}-{pixels}", codec, rate)  # type: ignore[misc]
        for name, codec in CODECS.items()
    }
    exported = folder / f"robomimic-{pixels}.hdf5"
    makers[HDF5] = lambda: File(pairs, export(pairs, exported))
    makers[SEQUENCES] = lambda: File(pairs, export(pairs, exported), sequences=True)
    sources: dict[str, Source] = {}
    same: dict[str, Same] = {}
    absent: list[str] = []
    for name, make in makers.items():
        try:
            source = make()
            same[name] = compared(pairs, source)
            sources[name] = source
        except AbsentError as error:
            absent.append(f"{name} is not measured: {error}")
    return sources, same, tuple(absent)


def _contenders(setting: Setting, sources: Mapping[str, Source], steps: int) -> Iterator[Contender]:
    """Everything that is timed; rivals in float32 too, in which their own programs train."""
    single = setting.computed_in("float32")
    yield ours(OURS, setting, steps)
    yield cached(CACHED, setting)
    yield ours(OURS + FLOAT, single, steps)
    yield cached(CACHED + FLOAT, single)
    for name, source in sources.items():
        for workers in (0, LOADERS) if name in CODECS else (0,):
            yield fed_by(f"{name}, {workers} loaders", setting, source, workers)
            yield fed_by(f"{name}, {workers} loaders{FLOAT}", single, source, workers)


def _ratios(found: Mapping[str, Sequence[Round]], device: DeviceName) -> Iterator[Ratio]:
    """Ours over each contender, in the same precision and over what rivals compute in."""
    for name, rounds_of in found.items():
        if name.startswith(OURS):
            continue
        precise = name.endswith(FLOAT)
        goal = _goal(name, device)
        if precise:
            yield _ratio(f"ours float32 / {name}", found[OURS + FLOAT], rounds_of, goal)
        if not precise or not name.startswith(CACHED):
            yield _ratio(f"ours / {name}", found[OURS], rounds_of, goal)


def _ratio(name: str, mine: Sequence[Round], theirs: Sequence[Round], goal: float | None) -> Ratio:
    wall = median(other.wall / one.wall for one, other in zip(mine, theirs))
    return Ratio(name, wall, median(other.cpu / one.cpu for one, other in zip(mine, theirs)), goal)


def _goal(name: str, device: DeviceName) -> float | None:
    """What our speed over a contender's should be at least."""
    on_cpu, on_gpu = {"LeRobot": 3.0, HDF5: 1.7, CACHED: 0.95}, {"LeRobot": 10.0, CACHED: 0.9}
    goals = on_gpu if device == "cuda" else on_cpu
    return next((goal for start, goal in goals.items() if name.startswith(start)), None)


def lane_costs(dataset: Path, device: DeviceName, number: int, steps: int, seeds: int) -> Iterator[Cost]:
    """Measure trainings of many seeds at once beside one of a single seed; arguments as of `measured`."""
    kinds: tuple[Kind, ...] = ("image", "state")
    for kind in kinds:
        policy = PolicyConfig(policy=kind)
        setting = Setting(load_pairs(Dataset.open(dataset), (BEHAVIOR,), policy), policy, TrainingConfig(device=device))
        contenders = (ours(OURS, setting, steps), lanes(LANES, setting, seeds, steps))
        found = list(rounds(contenders, number, steps))
        one, many = ([each for each in found if each.name == name] for name in (OURS, LANES))
        cost = _ratio(kind, one, many, None)
        yield Cost(kind, seeds, cost.wall, cost.cpu)


def rows(lines: Sequence[Line]) -> list[tuple[str, ...]]:
    """Contenders as text."""
    body = [(one.name, f"{one.rate:.0f}", f"{one.best:.0f}", f"{one.cpu:.0f}") for one in lines]
    return [("load and train", "pairs/s", "quickest round", "per s of processor"), *body]


def ratio_rows(ratios: Sequence[Ratio]) -> list[tuple[str, ...]]:
    """Ratios as text."""
    goals = ["-" if one.goal is None else f"{one.goal:.2f}" for one in ratios]
    body = [(one.name, f"{one.wall:.2f}", f"{one.cpu:.2f}", goal) for one, goal in zip(ratios, goals)]
    return [("ratio", "wall", "processor", "goal"), *body]


def plain(loading: Loading) -> dict[str, Any]:
    """All of it, for JSON."""
    return {
        "device": loading.device,
        "lines": {one.name: one._asdict() for one in loading.lines},
        "ratios": {one.name: one._asdict() for one in loading.ratios},
        "same": {name: one._asdict() for name, one in loading.same.items()},
        "absent": list(loading.absent),
    }
