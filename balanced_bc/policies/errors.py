"""What can be wrong with a policy."""

from balanced_bc.errors import BalancedBCError


class PolicyError(BalancedBCError):
    """A policy, what it is given, or its checkpoint is not what was asked for."""
