"""Where a policy is trained, and with which precision."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import NamedTuple, TypeVar

import torch

from balanced_bc.learning.config import DeviceName, Precision
from balanced_bc.learning.errors import LearningError

T = TypeVar("T")


class Device(NamedTuple):
    """Where to compute.

    Attributes:
        device: torch's device.
        bfloat16: Whether convolutions and matrix products are computed in bfloat16.
        description: What was chosen and why, for people.
    """

    device: torch.device
    bfloat16: bool
    description: str

    def precision(self) -> AbstractContextManager[None]:
        """What convolutions and matrix products are computed in, while it lasts."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16)


def choose(name: DeviceName, precision: Precision) -> Device:
    """Choose a device.

    Raises:
        LearningError: CUDA is asked for, and torch finds none.
    """
    cuda = torch.cuda.is_available()
    if name == "cuda" and not cuda:
        raise LearningError(f"device cuda is asked for, but torch {torch.__version__} finds no CUDA; use auto or cpu")
    device, reason = torch.device("cpu"), " (torch finds no CUDA)" if name == "auto" and not cuda else ""
    if cuda and name != "cpu":
        try:
            # With its number: threads do not share the current device, and cuda is not equal to cuda:0.
            device = torch.device("cuda", torch.cuda.current_device())
            torch.zeros(1, device=device)
        except RuntimeError as error:  # full, or held by another process
            if name == "cuda":
                raise LearningError(f"device cuda cannot be used: {error}") from error
            device, reason = torch.device("cpu"), f" (CUDA cannot be used: {error})"
    fast = _computes_bfloat16(device)
    bfloat16 = fast if precision == "auto" else precision == "bfloat16"
    return Device(device, bfloat16, _describe(device, bfloat16, reason))


@contextmanager
def reproducible(wanted: bool) -> Iterator[None]:
    """While it lasts, torch uses only algorithms that give the same bits each time, and refuses where it has none."""
    if not wanted:
        yield
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS asks for it
    before, benchmark = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
        torch.backends.cudnn.benchmark = benchmark


@contextmanager
def one_thread(wanted: bool = True) -> Iterator[None]:
    """Compute on one thread.

    Networks on features are so small that threads wait for each other most of the time, and sums over parts that
    depend on the number of threads have other last bits.
    """
    before = torch.get_num_threads()
    if not wanted or before == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def within(context: Callable[[], AbstractContextManager[None]], run: Iterator[T]) -> Iterator[T]:
    """Advance a run inside a context that is left whenever the caller has the word."""
    try:
        while True:
            with context():
                try:
                    now = next(run)
                except StopIteration:
                    return
            yield now
    finally:
        if isinstance(run, Generator):
            run.close()


def keep_freed_memory() -> None:
    """Ask glibc to keep freed memory for the next step, which makes training on a CPU faster.

    By default a large tensor is mapped afresh, and its pages are zeroed, each time. Does nothing without glibc.
    """
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return
    trim_threshold, top_pad, mmap_max = -1, -2, -4
    mallopt(mmap_max, 0)
    mallopt(trim_threshold, 2**31 - 1)
    mallopt(top_pad, 64 * 2**20)


def _computes_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 is computed by the hardware and not emulated."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # Older versions of torch cannot tell; float32 is safe everywhere.
    known: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(known.get("avx512_bf16") or known.get("amx_bf16"))


def _describe(device: torch.device, bfloat16: bool, reason: str) -> str:
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    return f"{name}{reason}, {'bfloat16' if bfloat16 else 'float32'}"
