"""What is collected in simulation."""

from __future__ import annotations

from dataclasses import dataclass, field

from balanced_bc.ranges import out_of_range
from balanced_bc.simulation.errors import SimulationError
from balanced_bc.simulation.kinds.kinds import Quality
from balanced_bc.simulation.worlds import WorldName


@dataclass(frozen=True)
class CollectConfig:
    """Demonstrations that a dataset is to have."""

    task: str = "opening"
    """Task of the world: opening or picking."""
    world: WorldName = "tabletop"
    """World that is simulated: ours, or the paper's, which its users install themselves."""
    counts: str = "slider=6,drawer=20"
    """Demonstrations of this seed, by behavior or by behavior+quality, as in left=27,middle=9,right+noisy=18."""
    quality: Quality = "optimal"
    """Kind of demonstrator where counts name only a behavior. suboptimal draws noisy, detour, hesitant or wrong-first
    for each demonstration; misleading never succeeds."""
    seed: int = field(default=0, metadata={"range": (0, 2**31 - 1)})
    """Seed of the starts and of the demonstrators."""
    workers: int = field(default=1, metadata={"range": (1, 1024)})
    """Processes that share the work; the dataset does not depend on their number."""
    keep_failures: bool = False
    """Keep each demonstration as it comes, tagged success=false if it failed; else it is tried until it succeeds."""

    def __post_init__(self) -> None:
        if wrong := out_of_range(self):
            raise SimulationError(wrong)
