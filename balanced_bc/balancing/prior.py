"""Where weights begin, what they lean to, and between which bounds they stay."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from balanced_bc.balancing.bounds import Bounds, bounds_of, stated_prior, trust_of
from balanced_bc.balancing.config import BalancingConfig
from balanced_bc.balancing.errors import BalancingError
from balanced_bc.balancing.problem import Problem
from balanced_bc.balancing.proportions import alike, equal, proportions
from balanced_bc.words import listed

Kind = Literal["behaviors", "proportions", "equal"]
LISTED = 10
"""Groups that an error names, at most."""


def limits(problem: Problem, config: BalancingConfig) -> Bounds:
    """Bounds of the weights of a problem's groups."""
    share = proportions(problem.pairs)
    return bounds_of(problem.groups, share, config.repeat_cap, config.floors, config.caps)


def confined(problem: Problem, config: BalancingConfig, weights: Tensor) -> Tensor:
    """Find the weights nearest to some, (k,), within the bounds.

    Raises:
        BalancingError: No weights keep all bounds; options and groups are named.
    """
    bounds = limits(problem, config)
    try:
        return bounds.confine(weights)
    except BalancingError as error:
        options = {"--floors": config.floors, "--caps": config.caps, "--repeat-cap": (f"{config.repeat_cap:g}",)}
        given = [f"{name} {' '.join(texts)}" for name, texts in options.items() if texts and texts != ("inf",)]
        between = zip(problem.groups, bounds.low.tolist(), bounds.high.clamp_max(1).tolist())
        allowed = [f"{name} from {low:.3g} to {high:.3g}" for name, low, high in between]
        raise BalancingError(
            f"no weights that add up to 1 keep {' and '.join(given)} together; one by one they leave "
            f"{listed(allowed, LISTED)}"
        ) from error


def prior_of(problem: Problem, config: BalancingConfig) -> Tensor:
    """Weights at the start and what the weights lean to, (k,).

    They are shares or equal weights, moved to what was stated of single groups and tags, times trust, within bounds.
    """
    kind = kind_of(problem, config)
    prior = equal(len(problem.groups)) if kind == "equal" else shares(problem, config)
    prior = alike(prior, problem.behaviors) if kind == "behaviors" else prior
    prior = stated_prior(problem.groups, prior, config.prior_weights)
    trusted = prior * trust_of(problem.groups, config.trust)
    return confined(problem, config, trusted / trusted.sum())


def kind_of(problem: Problem, config: BalancingConfig) -> Kind:
    """What the prior is before anything is stated of groups: behaviors alike, equal weights, or shares."""
    if config.prior != "auto":
        return config.prior
    return "behaviors" if config.method == "minimax" and problem.behaviors else "proportions"


def shares(problem: Problem, config: BalancingConfig) -> Tensor:
    r"""Count :math:`\rho` by pairs or by demonstrations, (k,)."""
    return proportions(problem.pairs if config.proportions == "pairs" else problem.demonstrations)
