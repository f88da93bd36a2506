"""Where weights begin, what they lean to, between which bounds they stay, and what trust makes of them."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from balanced_bc.balancing.bounds import Bounds, bounds_of, stated_prior
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

    They are shares or equal weights, moved to what was stated of single groups and tags, within bounds. Trust is not
    in them: it is a word about the answer, see `trusted`.
    """
    kind = kind_of(problem, config)
    prior = equal(len(problem.groups)) if kind == "equal" else shares(problem, config)
    prior = alike(prior, problem.behaviors) if kind == "behaviors" else prior
    return confined(problem, config, stated_prior(problem.groups, prior, config.prior_weights))


def trusted(weights: Tensor, trust: Tensor, bounds: Bounds) -> Tensor:
    r"""Take trust into weights that a method found, within their bounds.

    .. math:: \alpha_i' = \tau_i \alpha_i / \textstyle\sum_j \tau_j \alpha_j

    Were trust a part of the prior, a method that trains with little of a group at first would find the group far from
    its reference for just that reason, and raise it: less trust could give more weight.

    Args:
        weights: :math:`\alpha`, (k,).
        trust: :math:`\tau` > 0, (k,).
        bounds: Of the weights.
    """
    if bool((trust == 1).all()):
        return weights
    return bounds.confine(weights * trust / (weights * trust).sum())


def kind_of(problem: Problem, config: BalancingConfig) -> Kind:
    """What the prior is before anything is stated of groups: behaviors alike, equal weights, or shares."""
    if config.prior != "auto":
        return config.prior
    return "behaviors" if config.method == "minimax" and problem.behaviors else "proportions"


def shares(problem: Problem, config: BalancingConfig) -> Tensor:
    r"""Count :math:`\rho` by pairs or by demonstrations, (k,)."""
    return proportions(problem.pairs if config.proportions == "pairs" else problem.demonstrations)
