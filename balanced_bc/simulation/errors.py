"""What can be wrong with a simulation."""

from balanced_bc.errors import BalancedBCError


class SimulationError(BalancedBCError):
    """A task, a behavior, a start or an action is not one that the simulated world knows."""
