"""The verb `demo`: the whole day over ROS topics."""

from __future__ import annotations

from tyro.conf import OmitArgPrefixes

from balanced_bc.demo.config import DemoConfig


def demo(config: OmitArgPrefixes[DemoConfig] = DemoConfig()) -> None:
    """Record, balance, train and deploy over ROS topics on this machine; about 10 minutes on 2 cores.

    Args:
        config: What the demo does.
    """
    from balanced_bc.demo.day import run

    run(config)
