"""Whether what a policy of somebody else answers can be learned from and acted on."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from balanced_bc.demonstrations.observation import ACTION_SIZE
from balanced_bc.errors import BalancedBCError
from balanced_bc.policies.batch import Batch
from balanced_bc.policies.errors import PolicyError

if TYPE_CHECKING:
    from balanced_bc.policies.policy import Policy


def require_sound(policy: Policy, batch: Batch, precision: AbstractContextManager[Any]) -> None:
    """Try a policy before it is trained: its loss as in training and as in evaluation, and its actions.

    Args:
        policy: Is left in evaluation; buffers may have changed.
        batch: A few pairs; not as many as a chunk has actions, so that the two cannot be taken for each other.
        precision: What losses are computed in.

    Raises:
        PolicyError: Something fails or is not as wanted; names the class, what came and what was wanted.
    """
    with precision:
        loss = finite(policy.train(), "negative_log_likelihood", losses_of(policy, batch))
        if not loss.requires_grad:
            raise PolicyError(f"the loss of {name_of(policy)} depends on no parameter that learns; nothing to train")
        with torch.no_grad():
            finite(policy.eval(), "negative_log_likelihood", losses_of(policy, batch))
    with torch.inference_mode():
        finite(policy, "best", actions_of(policy, batch.images, batch.state, batch.scene))


def losses_of(policy: Policy, batch: Batch) -> Tensor:
    """Loss of each pair, (B,).

    Raises:
        PolicyError: It fails, or answers something else.
    """
    with blamed(type(policy), policy.config.plugin, "negative_log_likelihood"):
        loss = policy(batch)
    return _shaped(policy, "negative_log_likelihood", loss, (len(batch.state),), "the loss of each pair")


def actions_of(policy: Policy, images: Mapping[str, Tensor], state: Tensor, scene: Tensor) -> Tensor:
    """Best next actions, (B, C, 7); arguments as in `Batch`.

    Raises:
        PolicyError: It fails, or answers something else.
    """
    with blamed(type(policy), policy.config.plugin, "best"):
        actions = policy.best(images, state, scene)
    wanted = (len(state), policy.config.chunk, ACTION_SIZE)
    return _shaped(policy, "best", actions, wanted, "pairs, actions of a chunk, numbers of an action")


@contextmanager
def blamed(found: type[Policy], plugin: str, what: str) -> Iterator[None]:
    """Name a policy of somebody else, and its line, in what goes wrong there; ours keep their tracebacks.

    Args:
        found: Its class.
        plugin: Its name, `module:Class`; empty for ours.
        what: What is called.

    Raises:
        PolicyError: Anything but our own errors, and a lack of memory, was raised.
    """
    try:
        yield
    except (BalancedBCError, torch.cuda.OutOfMemoryError):
        raise
    except Exception as error:
        if not plugin:
            raise
        raise PolicyError(f"{plugin}: {what} failed{_line(error, found)}: {type(error).__name__}: {error}") from error


def finite(policy: Policy, what: str, values: Tensor) -> Tensor:
    """The values, if all of them are finite.

    Raises:
        PolicyError: Some are not.
    """
    if not bool(values.isfinite().all()):
        raise PolicyError(
            f"{name_of(policy)}: {what} answered {values.tolist()} to the first pairs, before anything was learned; "
            "wanted are finite numbers"
        )
    return values


def name_of(policy: Policy) -> str:
    """What a policy is called in errors."""
    return policy.config.plugin or type(policy).__name__


def _shaped(policy: Policy, what: str, found: object, wanted: tuple[int, ...], meaning: str) -> Tensor:
    """What was answered, if it is a tensor of floats of this shape."""
    if isinstance(found, Tensor) and found.is_floating_point() and found.shape == wanted:
        return found
    came = f"{found.dtype} {tuple(found.shape)}" if isinstance(found, Tensor) else f"{type(found).__name__}"
    raise PolicyError(f"{name_of(policy)}: {what} answered {came}; wanted are floats {wanted}: {meaning}")


def _line(error: Exception, found: type) -> str:
    """Where in the class's file something went wrong, or else where at all."""
    try:
        file = inspect.getsourcefile(found)
    except TypeError:
        file = None
    frames = traceback.extract_tb(error.__traceback__)
    of_class = [frame for frame in frames if frame.filename == file]
    return f" at {(of_class or frames)[-1].filename}:{(of_class or frames)[-1].lineno}"
