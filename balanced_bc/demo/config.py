"""What the demo does, and how much of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from balanced_bc.balancing.config import BalancingConfig, Method
from balanced_bc.demo.errors import DemoError


@dataclass(frozen=True)
class DemoConfig:
    """Size of the demo; the defaults take about 10 minutes on 2 cores."""

    output: Path = Path("demo")
    """Folder of everything that the demo leaves; an existing one is continued."""
    slider: int = 6
    """Demonstrations of moving the slider."""
    drawer: int = 20
    """Demonstrations of opening the drawer."""
    rollouts: int = 30
    """Rollouts of each policy for each behavior."""
    steps: int = 1500
    """Gradient steps of each policy's training."""
    method: Method = "ours"
    """Method of the weights that plain cloning is compared with."""
    seed: int = 0
    """Seed of the world, the demonstrator, the weights and the training."""

    def __post_init__(self) -> None:
        BalancingConfig(method=self.method)  # refuses a method that does not exist
        for name in ("slider", "drawer", "rollouts", "steps"):
            if getattr(self, name) < 1:
                raise DemoError(f"{name} of the demo is {getattr(self, name)}; it must be at least 1")
