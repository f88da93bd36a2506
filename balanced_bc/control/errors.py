"""What can be wrong with a command or with the limits on it."""

from balanced_bc.errors import BalancedBCError


class ControlError(BalancedBCError):
    """A command is malformed, or limits make no sense."""
