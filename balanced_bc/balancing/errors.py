"""What can be wrong with a balancing problem."""

from balanced_bc.errors import BalancedBCError


class BalancingError(BalancedBCError):
    """A method, a group or a loss is not what balancing can work with."""
