"""Random shifts: what a policy sees may be a little off."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from balanced_bc.policies.batch import Batch


def shifted(batch: Batch, pixels: int, generator: Generator) -> Batch:
    """Shift the images of each pair by their own random offset, those of one camera and one history alike.

    Args:
        batch: Pairs.
        pixels: Largest offset in each direction, [px]; 0 leaves the batch as it is.
        generator: Source of the offsets, on the CPU.
    """
    if pixels == 0:
        return batch
    images: dict[str, Tensor] = {}
    for name, values in batch.images.items():
        offsets = torch.randint(-pixels, pixels + 1, (2, len(values)), generator=generator)
        offsets = offsets.repeat_interleave(values.shape[1], dim=1).to(values.device)
        images[name] = shift(values.flatten(0, 1), offsets).view_as(values)
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
