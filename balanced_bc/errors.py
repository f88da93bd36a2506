"""The root of every error that this package raises on purpose."""


class BalancedBCError(Exception):
    """What came, what was wanted, and what exists. Each room has one child of it."""

    is_told: bool | None = None
    """Whether another process of a team tells people the same; None where it was raised outside a team."""
