"""What can be wrong with learning."""

from balanced_bc.errors import BalancedBCError


class LearningError(BalancedBCError):
    """Pairs, weights, a device or an evaluation is not what was asked for."""
