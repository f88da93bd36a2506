"""Where launch/ and config/ are: in a ROS installation, in a checkout, or in a virtual environment."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from balanced_bc.nodes.errors import NodeError

PACKAGE = "balanced_bc"
MARK = Path("config") / "robots"


def share_folder() -> Path:
    """The folder that holds config/ and launch/.

    Raises:
        NodeError: It is in none of the places where an installation puts it; they are listed.
    """
    places = tuple(_places())
    for place in places:
        if (place / MARK).is_dir():
            return place
    raise NodeError(f"{MARK} of {PACKAGE} is missing; looked in {', '.join(map(str, places))}")


def _places() -> Iterator[Path]:
    yield Path(__file__).parents[2]
    yield from _ament_places()
    yield Path(sys.prefix) / "share" / PACKAGE


def _ament_places() -> Iterator[Path]:
    try:
        from ament_index_python.packages import PackageNotFoundError, get_package_share_directory
    except ImportError:
        return
    try:
        yield Path(get_package_share_directory(PACKAGE))
    except (PackageNotFoundError, LookupError, OSError):
        return
