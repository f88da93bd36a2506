"""What can go wrong in the demo."""

from balanced_bc.errors import BalancedBCError


class DemoError(BalancedBCError):
    """A node ended before its work was done; the message names its log."""
