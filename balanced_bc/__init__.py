"""Balanced behavior cloning: teach a robot every behavior that its demonstrations hold.

Importing this package is light. torch, pybullet and rclpy are loaded by the rooms that use them.
"""

from balanced_bc.errors import BalancedBCError

__all__ = ["BalancedBCError", "__version__"]
__version__ = "0.1.0"
