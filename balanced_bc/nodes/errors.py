"""What can be wrong around a node."""

from balanced_bc.errors import BalancedBCError


class NodeError(BalancedBCError):
    """A parameter, a topic or a service is not what the node was promised."""


class NotYet(NodeError):  # noqa: N818
    """Something is missing that may still come; a node that brings itself up tries again while its patience lasts."""
