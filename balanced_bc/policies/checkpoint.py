"""A policy on disk: a folder with model.safetensors and policy.yaml, and no pickle."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import torch

from balanced_bc.demonstrations.contract import RobotContract
from balanced_bc.demonstrations.durable import read_yaml, sync, write_yaml
from balanced_bc.errors import BalancedBCError
from balanced_bc.policies import features, tensors
from balanced_bc.policies.config import PolicyConfig
from balanced_bc.policies.errors import PolicyError
from balanced_bc.policies.making import built
from balanced_bc.policies.normalization import Normalization
from balanced_bc.policies.policy import Policy

FORMAT, OLDEST = 4, 3
"""Versions of the checkpoint folder: written, and the oldest that is read. See `load` for their history."""
WEIGHTS = "model.safetensors"
DESCRIPTION = "policy.yaml"
UNITS = "normalization"
"""Name of the fingerprint of the normalization beside the weights; checkpoints of older versions have none."""
MEANING = "description"
"""Name of the fingerprint of architecture, cameras and robot beside the weights; likewise."""


class Checkpoint(NamedTuple):
    """A policy, the robot it was made for, and where it comes from."""

    policy: Policy
    contract: RobotContract
    provenance: dict[str, Any]


def save(
    path: str | Path, policy: Policy, contract: RobotContract, provenance: Mapping[str, Any] | None = None
) -> None:
    """Write a checkpoint folder: all of it or nothing.

    Args:
        path: Folder to write; refused if it exists.
        policy: What to save.
        contract: Robot that the demonstrations came from.
        provenance: Plain values: dataset, weights used, configuration, seed, losses.

    Raises:
        PolicyError: The folder exists.
    """
    path = Path(path)
    if path.exists():
        raise PolicyError(f"{path} exists; a checkpoint is never overwritten: remove it or choose another folder")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{uuid4().hex[:8]}")
    partial.mkdir()
    try:
        beside = {UNITS: policy.normalization.fingerprint, MEANING: _meaning(policy, contract)}
        tensors.write(partial / WEIGHTS, policy.state_dict(), beside)
        write_yaml(partial / DESCRIPTION, _describe(policy, contract, provenance or {}))
        partial.rename(path)
        sync(path.parent)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def load(path: str | Path, device: str | torch.device = "cpu") -> Checkpoint:
    """Read a checkpoint folder.

    Versions:
        1: policy.yaml with format, policy, cameras, normalization, contract, provenance. No longer read.
        2: the policy has a decoder; its configuration names head, history, ensembling and plugin. No longer read.
        3: a state policy is also told closeness, waves, and a grasp's yaw modulo a quarter turn; the configuration
            names the backbone.
        4: `execution` says how chunks are executed; before, `ensemble` said whether they were averaged.

    Raises:
        PolicyError: There is no checkpoint, its format is another, or its parts do not fit.
    """
    path = Path(path)
    for name in (DESCRIPTION, WEIGHTS):
        if not (path / name).is_file():
            exists = sorted(child.name for child in path.iterdir()) if path.is_dir() else "no folder"
            raise PolicyError(f"{path} is no checkpoint: {name} is missing; there is {exists}")
    description = _read(path / DESCRIPTION)
    policy, units, contract = _build(description, path)
    try:
        weights, beside = tensors.read(path / WEIGHTS)
        policy.load_state_dict(weights)
    except OSError as error:
        raise PolicyError(f"{path / WEIGHTS} cannot be read: {error}") from error
    except ValueError as error:
        raise PolicyError(f"{path / WEIGHTS} is damaged: {error}") from error
    except Exception as error:
        raise PolicyError(f"{path / WEIGHTS} does not fit {path / DESCRIPTION}: {error}") from error
    if beside.get(UNITS, units.fingerprint) != units.fingerprint:
        raise PolicyError(
            f"{path / DESCRIPTION} is damaged: its normalization is not the one that {WEIGHTS} was saved with"
        )
    if beside.get(MEANING, meant := _meaning(policy, contract)) != meant:
        raise PolicyError(
            f"{path / DESCRIPTION} is damaged: its policy, cameras or contract are not what {WEIGHTS} was saved with"
        )
    return Checkpoint(policy.to(device).eval(), contract, description["provenance"])


def fingerprint(path: str | Path) -> str:
    """What tells the policy of a checkpoint folder from every other one: 16 digits of a hash of its files."""
    digest = sha256()
    for name in (DESCRIPTION, WEIGHTS):
        digest.update((Path(path) / name).read_bytes())
    return digest.hexdigest()[:16]


def require_contract(checkpoint: RobotContract, robot: RobotContract, name: str) -> None:
    """Refuse a robot for which a policy was not made.

    Args:
        checkpoint: Contract of the checkpoint ("here").
        robot: Contract of the robot, simulator or dataset ("there").
        name: What the checkpoint is called in the error.

    Raises:
        PolicyError: They differ; every difference is listed.
    """
    if differences := checkpoint.differences(robot):
        listed = "\n".join(f"  {difference}" for difference in differences)
        raise PolicyError(
            f"checkpoint {name} was made for another robot (here: the checkpoint, there: the robot):\n{listed}"
        )


def _meaning(policy: Policy, contract: RobotContract) -> str:
    """What tells an architecture, its cameras and its robot from all others; how a policy acts may be changed."""
    said = [policy.config.architecture, list(policy.cameras), contract.to_dict()]
    return sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


def _describe(policy: Policy, contract: RobotContract, provenance: Mapping[str, Any]) -> dict[str, Any]:
    """policy.yaml: everything but the weights."""
    return {
        "format": FORMAT,
        "policy": policy.config.to_dict(),
        "cameras": list(policy.cameras),
        "normalization": policy.normalization.to_dict(),
        "contract": contract.to_dict(),
        "provenance": dict(provenance),
    }


def _read(path: Path) -> dict[str, Any]:
    """policy.yaml of the format that is understood."""
    description = read_yaml(path)
    if (found := description.get("format")) not in range(OLDEST, FORMAT + 1):
        raise PolicyError(f"{path} has format {found}; this version of balanced_bc reads formats {OLDEST} to {FORMAT}")
    wanted = {"policy", "cameras", "normalization", "contract", "provenance"}
    if missing := wanted - set(description):
        raise PolicyError(f"{path} lacks {sorted(missing)}; it has {sorted(description)}")
    return description


def _of_format_3(policy: Any) -> Any:
    """What policy.yaml of format 3 says of a policy, in the words of today."""
    if not isinstance(policy, Mapping) or "ensemble" not in policy:
        return policy
    if not isinstance(policy["ensemble"], bool):
        raise PolicyError(f"ensemble is {policy['ensemble']!r}; it must be true or false")
    said = {name: value for name, value in policy.items() if name != "ensemble"}
    return {**said, **({"execution": "ensemble", "execute": 0} if policy["ensemble"] else {"execution": "chunks"})}


def _build(description: Mapping[str, Any], path: Path) -> tuple[Policy, Normalization, RobotContract]:
    """A policy with fresh weights as policy.yaml describes it, its units, and its robot."""
    try:
        said = description["policy"]
        config = PolicyConfig.from_dict(said if description["format"] == FORMAT else _of_format_3(said))
        units = Normalization.from_dict(description["normalization"], features.size(config))
        if not isinstance(description["provenance"], Mapping):
            raise ValueError(f"provenance is {description['provenance']!r}; it must be a mapping")
        if not isinstance(weights := description["provenance"].get("weights") or {}, Mapping):
            raise ValueError(f"weights of its provenance are {weights!r}; they must be a mapping")
        contract = RobotContract.from_dict(description["contract"])
        return built(config, description["cameras"], units), units, contract
    except (BalancedBCError, TypeError, ValueError, AttributeError, KeyError) as error:
        raise PolicyError(f"{path / DESCRIPTION} describes no policy: {error}") from error
