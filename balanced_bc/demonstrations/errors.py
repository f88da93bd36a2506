"""What can be wrong with demonstrations."""

from balanced_bc.errors import BalancedBCError


class DemonstrationError(BalancedBCError):
    """A contract, a dataset or an episode is not what was asked for."""


class StaleObservation(DemonstrationError):  # noqa: N818
    """A stream that an observation needs has no message that is recent enough."""
