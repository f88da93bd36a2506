"""Values that say nothing, or that no robot can mean."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from balanced_bc.demonstrations.tags import spelled
from balanced_bc.learning.pairs import Pairs

LOOKED_AT = 64
"""Images of each camera that are compared to see whether it shows anything but one picture."""
MEASURED = 10_000
"""Pairs that tell how large values are."""
MIDDLE = (0.25, 0.75)
"""Quantiles between which half of all values lies: whole demonstrations that are far off do not move them."""
FAR = 50.0
"""Half widths of this half from the median, beyond which no value is meant."""
LEAST = 0.2
"""Half width of what hardly ever changes, in its unit (rad, m/s, rad/s, m): a move of it by less than 10 is usual."""
GRIPPER = 7, 6
"""Number of the gripper in a state and in an action."""
JOINTS = tuple(f"joint {number}" for number in range(1, 8))
TWIST = tuple(f"{kind} velocity {axis}" for kind in ("linear", "angular") for axis in "xyz")


class _Column(NamedTuple):
    """One number of all pairs, (N,), and what it is."""

    name: str
    values: Tensor


def warnings(pairs: Pairs) -> tuple[str, ...]:
    """Say what never changes, and which values are far off all others."""
    return (*never_changing(pairs), *half_a_gripper(pairs), *far_off(pairs))


def never_changing(pairs: Pairs) -> tuple[str, ...]:
    """A state, single joints and cameras that are always the same."""
    joints = [one.name for one in _joints(pairs) if _is_constant(one.values)]
    still = ["the state"] if _is_constant(pairs.state) else joints
    cameras = [name for name, images in pairs.images.items() if _is_constant(_some(images, LOOKED_AT).flatten(1))]
    told = (*still, *(f"what {name} shows" for name in cameras))
    return tuple(f"{name} never changes: a policy learns nothing from it" for name in told)


def half_a_gripper(pairs: Pairs) -> tuple[str, ...]:
    """A gripper that does what it is never told, or never what it is told: half of it was not recorded.

    Where no command was recorded, the state is the label: it changes, and command and state are equal at every tick.
    """
    state, command = pairs.state[:, GRIPPER[0]], pairs.action[:, 0, GRIPPER[1]]
    look = "look whether its topics were recorded"
    same = pairs.demonstration.diff() == 0
    if copied := _moved(pairs, same) - set(pairs.demonstration[state != command].tolist()):
        episodes = spelled(pairs.episodes[one] for one in copied)
        return (f"the gripper's command is its state at every tick of episode {episodes}: {look}",)
    if _is_constant(command):
        told, against = ("open", "closed") if command[0] > 0 else ("close", "open")
        if bool((state.diff() * command[0] * same < 0).any()) or bool((state * command < 0).all()):
            return (f"the gripper is always told to {told}, and it is or gets {against}: {look}",)
    elif _is_constant(state) and not _is_constant(pairs.state):
        return (f"the gripper is told to open and to close, and its state never changes: {look}",)
    return ()


def _moved(pairs: Pairs, same: Tensor) -> set[int]:
    """Demonstrations in which the gripper opens or closes."""
    changes = (pairs.state[:, GRIPPER[0]].diff() != 0) & same
    return set(pairs.demonstration[1:][changes].tolist())


def far_off(pairs: Pairs) -> tuple[str, ...]:
    """Values that lie far from the middle ones, with the episodes that they are in."""
    twist = [_Column(name, values) for name, values in zip(TWIST, pairs.action[:, 0].unbind(-1))]
    scene = [_Column(f"number {at} of the scene", values) for at, values in enumerate(pairs.scene.unbind(-1))]
    return tuple(said for one in (*_joints(pairs), *twist, *scene) if (said := _far(one, pairs)))


def _joints(pairs: Pairs) -> list[_Column]:
    return [_Column(name, values) for name, values in zip(JOINTS, pairs.state.unbind(-1))]


def _far(column: _Column, pairs: Pairs) -> str:
    """What is far off in a column; nothing, if nothing is."""
    name, values = column
    measured = _some(values, MEASURED)
    low, high = (float(measured.quantile(at)) for at in MIDDLE)
    middle, reach = float(measured.median()), FAR * max((high - low) / 2, LEAST)
    if max(float(values.max()) - middle, middle - float(values.min())) <= reach:
        return ""
    where = ((values - middle).abs() > reach).nonzero().flatten()
    worst = float(values[where][(values[where] - middle).abs().argmax()])
    episodes = spelled(pairs.episodes[one] for one in torch.unique(pairs.demonstration[where]).tolist())
    return (
        f"{name} is {worst:.3g} in episode {episodes} ({len(where)} of {len(values)} pairs are that far off; half of "
        f"all lie from {low:.3g} to {high:.3g}): look at what was recorded"
    )


def _some(values: Tensor, number: int) -> Tensor:
    return values[:: max(1, len(values) // number)]


def _is_constant(values: Tensor) -> bool:
    return bool((values == values[0]).all())
