"""From a configuration to a policy: ours, or a class that somebody else wrote."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

from balanced_bc.policies.answers import blamed
from balanced_bc.policies.cloning import CloningPolicy
from balanced_bc.policies.config import PolicyConfig
from balanced_bc.policies.errors import PolicyError
from balanced_bc.policies.normalization import Normalization
from balanced_bc.policies.policy import Policy

WANTED = sorted(Policy.__abstractmethods__)
"""Methods that a policy of somebody else must have."""


def make(config: PolicyConfig, cameras: Sequence[str], normalization: Normalization | None = None) -> Policy:
    """Make a policy that has learned nothing yet of what it is for.

    Args:
        config: Architecture; `plugin` names a class other than ours.
        cameras: Names of the robot's cameras.
        normalization: Units; None leaves everything as it is.

    Raises:
        PolicyError: There is no such class, it is no `Policy`, it fails, or what it begins with cannot be read.
    """
    policy = built(config, cameras, normalization)
    with blamed(type(policy), config.plugin, "begin"):
        policy.begin()
    return policy


def built(config: PolicyConfig, cameras: Sequence[str], normalization: Normalization | None = None) -> Policy:
    """Make a policy as `make` does, but leave what it begins with to a checkpoint."""
    found = policy_class(config.plugin)
    with blamed(found, config.plugin, "__init__"):
        return found(config, cameras, normalization)


def policy_class(plugin: str) -> type[Policy]:
    """The class that `module:Class` names; ours if it is empty.

    Raises:
        PolicyError: The module cannot be imported, it has no such class, or the class is no `Policy` or lacks a method.
    """
    if not plugin:
        return CloningPolicy
    module, _, name = plugin.partition(":")
    try:
        found = getattr(import_module(module), name)
    except Exception as error:  # importing runs the whole module: anything may go wrong in it
        raise PolicyError(
            f"there is no policy {plugin!r} ({type(error).__name__}: {error}); it is written module:Class, and Python "
            "must find the module"
        ) from error
    if not (isinstance(found, type) and issubclass(found, Policy)):
        raise PolicyError(f"{plugin} is {found!r}; it must be a subclass of {Policy.__module__}.{Policy.__name__}")
    if missing := sorted(found.__abstractmethods__):
        raise PolicyError(f"{plugin} lacks {' and '.join(missing)}; a policy has {' and '.join(WANTED)}")
    return found
