"""Random shifts: what a policy sees may be a little off."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Generator, Tensor

from balanced_bc.policies.batch import Batch


def draw_offsets(cameras: Iterable[str], number: int, pixels: int, generator: Generator) -> dict[str, Tensor]:
    """Draw how far the images of each pair are shifted, camera to int64, (2, B); nothing if `pixels` is 0.

    Args:
        cameras: Names of the cameras; each has offsets of its own.
        number: Pairs in the batch, B.
        pixels: Largest offset in each direction, [px].
        generator: Source of the offsets, on the CPU.
    """
    if pixels == 0:
        return {}
    return {name: torch.randint(-pixels, pixels + 1, (2, number), generator=generator) for name in cameras}


def shifted(batch: Batch, offsets: Mapping[str, Tensor]) -> Batch:
    """Shift the images of each pair, those of one camera and one history alike.

    Args:
        batch: Pairs.
        offsets: From `draw_offsets`; a camera that is not in it is left as it is.
    """
    images = dict(batch.images)
    for name, offset in offsets.items():
        values = images[name]
        each = offset.repeat_interleave(values.shape[1], dim=1).to(values.device)
        images[name] = shift(values.flatten(0, 1), each).view_as(values)
    return batch._replace(images=images)


def shift(images: Tensor, offsets: Tensor) -> Tensor:
    """Move images, repeating what is at their border.

    Args:
        images: (B, 3, H, W); a view of color-last memory saves a copy.
        offsets: Rows and columns by which to move what is seen up and left, int64, (2, B).
    """
    number, colors, height, width = images.shape
    down = (torch.arange(height, device=images.device) + offsets[0, :, None]).clamp(0, height - 1)
    right = (torch.arange(width, device=images.device) + offsets[1, :, None]).clamp(0, width - 1)
    first = torch.arange(number, device=images.device)[:, None, None] * (height * width)
    source = (first + down[:, :, None] * width + right[:, None, :]).flatten()
    pixels = images.permute(0, 2, 3, 1).reshape(-1, colors).index_select(0, source)
    return pixels.view(number, height, width, colors).permute(0, 3, 1, 2)
