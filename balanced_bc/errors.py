"""The root of every error that this package raises on purpose."""


class BalancedBCError(Exception):
    """What came, what was wanted, and what exists. Each room has one child of it."""
