"""What is watched, and how."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from balanced_bc.ranges import out_of_range
from balanced_bc.simulation.kinds.kinds import Quality
from balanced_bc.simulation.worlds import WorldName
from balanced_bc.watching.errors import WatchingError

View = Literal["both", "static", "gripper"]
FILMS = (".gif", ".mp4")
"""What a film can be written as."""
PICTURE = ".png"
"""What a picture of starts is written as."""


@dataclass(frozen=True)
class WatchConfig:
    """A film or a window of demonstrations or rollouts, or a picture of starts."""

    task: str = "opening"
    """Task of the world: opening or picking."""
    world: WorldName = "tabletop"
    """World that is simulated: ours, or the paper's, which its users install themselves."""
    behavior: str = ""
    """Behavior to watch; each of the task's, one after another, if it is not given."""
    quality: Quality = "optimal"
    """Kind of demonstrator; not used with a checkpoint."""
    checkpoint: Path | None = None
    """Folder of a policy, which acts instead of a demonstrator."""
    seed: int = field(default=0, metadata={"range": (0, 2**31 - 1)})
    """Seed of the first start; those after it count up."""
    takes: int = field(default=1, metadata={"range": (1, 1000)})
    """How many of each behavior."""
    horizon: int = field(default=150, metadata={"range": (1, 10**5)})
    """Ticks after which one is over, done or not."""
    output: Path | None = None
    """File to write: .gif or .mp4, or .png for starts. If neither it nor --window is given, TASK_BEHAVIOR.gif."""
    window: bool = False
    """Open a window and show it there in real time; needs a screen."""
    view: View = "both"
    """Which cameras the film shows."""
    size: int = field(default=300, metadata={"range": (32, 1080)})
    """Height and width of each camera in the film, or of each start in the picture, [px]."""
    starts: int = field(default=0, metadata={"range": (0, 1000)})
    """Draw a picture of this many starts of each behavior, instead of a film."""

    def __post_init__(self) -> None:
        if wrong := out_of_range(self):
            raise WatchingError(wrong)
        kinds = (PICTURE,) if self.starts else FILMS
        if self.output is not None and self.output.suffix.lower() not in kinds:
            what = "a picture of starts" if self.starts else "a film"
            raise WatchingError(f"{self.output} cannot be written: {what} is a file that ends in {' or '.join(kinds)}")
        if self.starts and self.window:
            raise WatchingError("starts are drawn into a picture, not shown in a window; leave --window out")

    @property
    def file(self) -> Path | None:
        """File that is written, if one is."""
        if self.output is not None or self.window:
            return self.output
        what = "starts" if self.starts else (self.behavior or "all")
        return Path(f"{self.task}_{what}{PICTURE if self.starts else FILMS[0]}")


@dataclass(frozen=True)
class ReplayConfig:
    """Pictures of the rollouts of an evaluation."""

    failures: Path | None = None
    """PNG to write: start and end of rollouts that failed."""
    most: int = field(default=24, metadata={"range": (1, 1000)})
    """Most failures that are drawn, those of each behavior in turn."""
    film: Path | None = None
    """GIF or MP4 to write: rollouts from the first starts of each behavior; of two policies side by side."""
    film_starts: int = field(default=1, metadata={"range": (1, 100)})
    """Starts of each behavior that are filmed."""
    picture_size: int = field(default=200, metadata={"range": (32, 1080)})
    """Height and width of each picture, [px]."""

    def __post_init__(self) -> None:
        if wrong := out_of_range(self):
            raise WatchingError(wrong)
        for what, path, kinds in (("failures", self.failures, (PICTURE,)), ("film", self.film, FILMS)):
            if path is not None and path.suffix.lower() not in kinds:
                raise WatchingError(f"{path} cannot be written: {what} wants a file that ends in {' or '.join(kinds)}")
