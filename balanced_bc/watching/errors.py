"""What can be wrong with watching."""

from balanced_bc.errors import BalancedBCError


class WatchingError(BalancedBCError):
    """Something cannot be filmed or shown."""
