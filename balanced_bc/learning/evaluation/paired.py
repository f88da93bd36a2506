"""Whether one policy succeeds more often than another on the same starts. Pure functions of counts."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb, sqrt
from typing import NamedTuple

from balanced_bc.learning.errors import LearningError
from balanced_bc.learning.evaluation.intervals import Interval, wilson


class Paired(NamedTuple):
    """Starts, counted by which of two policies succeeded.

    Attributes:
        both: Both did.
        first: Only the first did.
        second: Only the second did.
        neither: Neither did.
    """

    both: int
    first: int
    second: int
    neither: int

    @classmethod
    def of(cls, outcomes: Sequence[tuple[bool, bool]]) -> Paired:
        """Count outcomes of the first and the second policy at each start."""
        cells = ((True, True), (True, False), (False, True), (False, False))
        return cls(*(sum(outcome == cell for outcome in outcomes) for cell in cells))

    @property
    def starts(self) -> int:
        """Number of starts, n."""
        return sum(self)

    @property
    def rates(self) -> tuple[float, float]:
        """Success of the first and of the second policy."""
        return (self.both + self.first) / self.starts, (self.both + self.second) / self.starts

    @property
    def difference(self) -> float:
        """Success of the first policy less that of the second."""
        return (self.first - self.second) / self.starts


def difference_interval(counts: Paired, confidence: float = 0.95) -> Interval:
    r"""Newcombe's interval of the difference of two paired rates (his method 10, 1998).

    It joins Wilson's intervals :math:`(l_i, u_i)` of both rates, and counts their correlation as less than it looks.

    .. math::
        \delta^2 = (p_1 - l_1)^2 - 2 \phi (p_1 - l_1)(u_2 - p_2) + (u_2 - p_2)^2, \quad
        \epsilon^2 = (u_1 - p_1)^2 - 2 \phi (u_1 - p_1)(p_2 - l_2) + (p_2 - l_2)^2

    Args:
        counts: n >= 1 starts.
        confidence: Share of such intervals that cover the true difference.

    Returns:
        :math:`(p_1 - p_2 - \delta, \; p_1 - p_2 + \epsilon)`.
    """
    if counts.starts < 1 or min(counts) < 0:
        raise LearningError(f"{counts} has no interval; it wants at least one start, and no count below 0")
    p, q = counts.rates
    low_p, high_p = wilson(counts.both + counts.first, counts.starts, confidence)
    low_q, high_q = wilson(counts.both + counts.second, counts.starts, confidence)
    phi = correlation(counts)
    down = _joined(p - low_p, high_q - q, phi)
    up = _joined(high_p - p, q - low_q, phi)
    return Interval(counts.difference - down, counts.difference + up)


def correlation(counts: Paired) -> float:
    r"""Newcombe's :math:`\phi` of two outcomes, 0 where one of them never varies.

    .. math:: \phi = \frac{c(ad - bc)}{\sqrt{(a + b)(c + d)(a + c)(b + d)}}

    :math:`c(x)` takes n / 2 from a positive x, but not below 0.
    """
    a, b, c, d = counts
    margins = (a + b) * (c + d) * (a + c) * (b + d)
    covariance = float(a * d - b * c)
    if covariance > 0:
        covariance = max(covariance - counts.starts / 2, 0.0)
    return covariance / sqrt(margins) if margins else 0.0


def mcnemar(counts: Paired) -> float:
    r"""McNemar's exact p: how likely so uneven a split of the discordant starts is if both policies are as good.

    .. math:: p = \min \Bigl(1, \; 2^{1 - n} \sum_{i=0}^{\min(b, c)} \binom{n}{i} \Bigr), \quad n = b + c
    """
    discordant, fewer = counts.first + counts.second, min(counts.first, counts.second)
    tail = sum(comb(discordant, i) for i in range(fewer + 1))
    return min(1.0, 2 * tail / (1 << discordant))


def _joined(one: float, other: float, phi: float) -> float:
    return sqrt(max(0.0, one * one - 2 * phi * one * other + other * other))
