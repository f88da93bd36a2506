"""Where pairs wait until they are drawn: on the device, in the host's memory, or on the disk."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Literal

import torch

from balanced_bc.learning.config import Memory
from balanced_bc.learning.errors import LearningError
from balanced_bc.learning.pairs import Pairs

DEVICE_SHARE = 0.5
"""Share of a device's free memory that pairs may take on auto: the rest is for the policy and what it computes."""
HOST_SHARE = 0.5
"""The same for the host's memory."""
CGROUP = Path("/sys/fs/cgroup")


def of_host(memory: Memory, needed: int) -> Literal["host", "disk"]:
    """Where images are loaded to: the host's memory, or a file that is mapped.

    Args:
        memory: What was asked for.
        needed: Size of the images, [byte].
    """
    if memory == "auto":
        return "host" if needed <= HOST_SHARE * available() else "disk"
    return "disk" if memory == "disk" else "host"


def place(pairs: Pairs, device: torch.device, memory: Memory) -> tuple[Pairs, str]:
    """Move pairs to where they will wait; say where that is.

    Raises:
        LearningError: They must be on the device and do not fit.
    """
    needed = size(pairs)
    here = (
        f"images mapped from the disk ({spelled(needed)})" if pairs.mapped else f"pairs in memory ({spelled(needed)})"
    )
    if device.type == "cpu" or memory in ("host", "disk") or pairs.mapped:
        return pairs, here
    free = torch.cuda.mem_get_info(device)[0]
    if memory == "auto" and needed > DEVICE_SHARE * free:
        return pairs, f"{here}, for the device has {spelled(free)} free"
    try:
        return pairs.to(device), f"pairs on the device ({spelled(needed)})"
    except torch.cuda.OutOfMemoryError:
        if memory == "device":
            raise full(pairs, device) from None
        return pairs, f"{here}, for the device is full"


def full(pairs: Pairs, device: torch.device) -> LearningError:
    """What to say when a device has too little memory."""
    free, total = torch.cuda.mem_get_info(device)
    return LearningError(
        f"{torch.cuda.get_device_name(device)} is full: {spelled(free)} of {spelled(total)} are free, this training "
        f"took {spelled(torch.cuda.max_memory_allocated(device))} and wanted more, and the pairs alone take "
        f"{spelled(size(pairs))}. Use memory host or disk, a smaller batch_size, or device cpu"
    )


def size(pairs: Pairs) -> int:
    """What pairs take, [byte]."""
    tensors = (*pairs.images.values(), pairs.state, pairs.scene, pairs.action, pairs.mask, pairs.first)
    return sum(tensor.nbytes for tensor in tensors)


def available() -> int:
    """Memory of the host that this process may still take, [byte]; as good as endless where nothing tells."""
    free = [1 << 62]
    with suppress(OSError, StopIteration, ValueError):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        free.append(1024 * int(next(line for line in lines if line.startswith("MemAvailable")).split()[1]))
    with suppress(OSError, ValueError):  # a container may have less; its memory.max is a number or the word max
        limit, taken = (int((CGROUP / name).read_text(encoding="ascii")) for name in ("memory.max", "memory.current"))
        free.append(limit - taken)
    return min(free)


def spelled(number: float) -> str:
    """Bytes for people."""
    unit = 1e9 if number >= 1e9 else 1e6
    return f"{number / unit:.1f} {'GB' if unit == 1e9 else 'MB'}"
