"""What torchvision lacks beside a torch that was built for another device."""

from __future__ import annotations

import sys
from functools import cache
from importlib import import_module
from typing import Any

import torch

NMS = "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


@cache
def import_torchvision() -> Any:
    """Import torchvision, also beside another build of torch than it was compiled for.

    Its compiled operators do not load then, and one of them is named at import; without it, timm and LeRobot could not
    be imported either. Their networks use nothing compiled of it; who does is told that there is no such operator.

    Raises:
        ImportError: It is not installed.
        RuntimeError: It cannot be imported for another reason.

    Returns:
        What must be kept alive.
    """
    try:
        return import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]
    library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    library.define(NMS)  # type: ignore[no-untyped-call]
    import_module("torchvision")
    return library
