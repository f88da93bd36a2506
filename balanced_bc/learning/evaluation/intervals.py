"""How sure a success rate is."""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist
from typing import NamedTuple

from balanced_bc.learning.errors import LearningError


class Interval(NamedTuple):
    """An interval that covers a rate."""

    low: float
    high: float


def wilson(successes: int, trials: int, confidence: float = 0.95) -> Interval:
    r"""Wilson's score interval of a success rate.

    .. math:: \frac{\hat p + z^2 / 2n \pm z \sqrt{\hat p (1 - \hat p) / n + z^2 / 4 n^2}}{1 + z^2 / n}

    Args:
        successes: :math:`n \hat p`, 0 to n.
        trials: n >= 1.
        confidence: Share of such intervals that cover the true rate.
    """
    if trials < 1 or not 0 <= successes <= trials:
        raise LearningError(f"{successes} successes of {trials} trials have no interval")
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    rate, shrinkage = successes / trials, 1 + z * z / trials
    center = (rate + z * z / (2 * trials)) / shrinkage
    reach = z * sqrt(rate * (1 - rate) / trials + (z / (2 * trials)) ** 2) / shrinkage
    return Interval(max(0.0, center - reach), min(1.0, center + reach))
