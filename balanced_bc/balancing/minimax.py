r"""Method `minimax`: data weights that are good for every target group, judged on held-out demonstrations.

Equation 12 raises the weight of the behavior that is farthest from its reference, as if that lowered its loss. On
held-out demonstrations it need not: a noisy group may be learned best from clean data. So the groups that data is
drawn from and the groups that must be learned are kept apart:

.. math::
    \alpha = \arg\min_a \; \kappa \, \mathrm{KL}(\alpha^0 \,\|\, a) + \tfrac18 \max_i z_i(a)^2, \quad
    z_i(a) = \frac{\mathcal{L}_i(a) - \mathcal{L}_i^\mathrm{ref}}{\mathrm{SE}_i(a)}, \quad
    \mathcal{L}_i^\mathrm{ref} = \min_a \mathcal{L}_i(a)

with :math:`\mathcal{L}_i(a)` the held-out loss of group i after training on weights a, and :math:`\alpha^0` the prior.
It is measured in a few lanes around the prior, whose number is linear in k, and interpolated in between (`surrogate`).
Standard errors are those of differences between two lanes, paired over demonstrations. Without evidence the answer is
the prior.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from balanced_bc.balancing.measured import Measured, accidents, measure_lanes, moments
from balanced_bc.balancing.repetition import Repetition
from balanced_bc.balancing.result import Run
from balanced_bc.balancing.surrogate import Surrogate

PHASE = "lanes"
"""Name of this phase in the progress."""
SHIFTS = (-3.0, -1.5, 1.5, 3.0)
"""Lanes beside the prior: the odds of one group times the exponential of these."""
DESCENTS, RATE = 400, 0.03
"""Steps and step size of the search for the best weights on the surrogate."""


class Evidence(NamedTuple):
    r"""What lanes say of each target group.

    Attributes:
        surrogate: Interpolates between lanes.
        difference: Loss of each demonstration in each lane minus that in the prior's lane, (m, d), [nat].
        group: Group of each demonstration, (d,).
        number: Demonstrations of each group, (k,).
        reference: Coefficients of the lane that each group is learned best in, (k, m).
        floor: Added to squared standard errors: what the accidents of training leave, which the demonstrations of a
            fold share, (k,), [nat^2].
        slack: How far the reference is above that lane's loss, (k,), [nat].
    """

    surrogate: Surrogate
    difference: Tensor
    group: Tensor
    number: Tensor
    reference: Tensor
    floor: Tensor
    slack: Tensor

    @classmethod
    def of(cls, lanes: Tensor, parts: list[Measured]) -> Evidence:
        """Sum up repetitions of lanes, (1 + m, k), the first of them the prior's."""
        surrogate, measured = Surrogate.through(lanes[0], lanes[1:]), Measured.pooled(parts)
        number = torch.bincount(measured.group, minlength=lanes.shape[1])
        zero = torch.zeros(lanes.shape[1], len(lanes) - 1, dtype=lanes.dtype)
        difference = measured.losses[1:] - measured.losses[0]
        blank = cls(surrogate, difference, measured.group, number, zero, zero[:, 0], zero[:, 0])
        tried = surrogate.mixture(lanes)
        means, squares = map(torch.stack, zip(*(blank.difference_of(row.expand_as(zero)) for row in tried)))
        floor = accidents(parts, lanes.shape[1]) if len(parts) > 1 else squares[1:].mean(dim=0)
        return blank._replace(reference=tried[means.argmin(dim=0)], floor=floor)

    def difference_of(self, coefficients: Tensor) -> tuple[Tensor, Tensor]:
        """Mean over the demonstrations of each group, and its squared standard error, (k,) each.

        Args:
            coefficients: Of the lanes, one row for each group, (k, m).
        """
        return moments((coefficients[self.group] * self.difference.T).sum(dim=1), self.group, self.number)

    def losses(self, measured: Measured, coefficients: Tensor) -> tuple[Tensor, Tensor]:
        """Loss of each group for coefficients as of `difference_of`, and its standard error, (k,) each, [nat]."""
        values = measured.losses[0] + (coefficients[self.group] * self.difference.T).sum(dim=1)
        mean, square = moments(values, self.group, self.number)
        return mean, square.sqrt()

    def excess(self, weights: Tensor) -> Tensor:
        r"""Standard errors by which each group is above its reference, :math:`z(a)`, (k,) to (k,)."""
        mean, square = self.difference_of(self.surrogate.mixture(weights) - self.reference)
        return (mean - self.slack) / (square + self.floor).clamp_min(1e-12).sqrt()

    def transfer(self, factor: float) -> tuple[Tensor, Tensor]:
        """How the loss of group i changes when the odds of group j grow by a factor, and its standard error, (k, k)."""
        prior = self.surrogate.prior
        rows = [self.surrogate.mixture(shifted(prior, j, factor)) for j in range(len(prior))]
        means, squares = zip(*(self.difference_of(row.expand_as(self.reference)) for row in rows))
        return torch.stack(means, dim=1), torch.stack(squares, dim=1).sqrt()


def shifted(prior: Tensor, group: int, factor: float) -> Tensor:
    """Weights with the odds of one group multiplied; the others keep their proportions, (k,)."""
    share = torch.sigmoid(torch.logit(prior[group]) + torch.tensor(factor, dtype=prior.dtype).log())
    rest = torch.where(torch.arange(len(prior)) == group, 0.0, prior)
    return torch.where(torch.arange(len(prior)) == group, share, rest * (1 - share) / rest.sum())


def design(prior: Tensor) -> Tensor:
    """Weights of the lanes: the prior, then each group with less and with more, (1 + 4 k, k); (5, 2) for two groups."""
    moved = range(len(prior)) if len(prior) > 2 else range(1)
    factors = torch.tensor(SHIFTS).exp().tolist()
    return torch.stack([prior, *(shifted(prior, group, factor) for group in moved for factor in factors)])


def measure(repetition: Repetition) -> Run[Measured]:
    """Measure the held-out demonstrations in a lane of each row of the design, then of each judged policy."""
    lanes = torch.cat((design(repetition.prior), repetition.wanted.rows()))
    return (yield from measure_lanes(repetition, lanes, PHASE))


def choose(evidence: Evidence, stiffness: float) -> Tensor:
    r"""Find the weights that stay near the prior unless a group is far above its reference, (k,).

    Args:
        evidence: What the lanes say.
        stiffness: :math:`\kappa`.
    """
    prior = evidence.surrogate.prior
    log_weights = prior.log().clone().requires_grad_()
    optimizer = torch.optim.Adam([log_weights], lr=RATE)
    best, least = prior, float("inf")
    for _ in range(DESCENTS):
        weights = torch.softmax(log_weights, dim=0)
        cost = stiffness * (prior * (prior / weights).log()).sum() + objection(evidence.excess(weights))
        if cost.item() < least:
            best, least = weights.detach(), cost.item()
        optimizer.zero_grad()
        torch.autograd.backward(cost)
        optimizer.step()
    return best


def objection(excess: Tensor) -> Tensor:
    r"""What the group that is farthest above its reference has against the weights, :math:`\tfrac18 \max_i z_i^2`."""
    return excess.clamp_min(0).max().square() / 8
