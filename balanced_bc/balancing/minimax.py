r"""Method `minimax`: data weights that are good for every target group, judged on held-out demonstrations.

Equation 12 raises the weight of the behavior that is farthest from its reference, as if that lowered its loss. On
held-out demonstrations it need not: a noisy group may be learned best from clean data. So the groups that data is
drawn from and the groups that must be learned are kept apart:

.. math::
    \alpha = \arg\min_a \; \kappa \, \mathrm{KL}(\alpha^0 \,\|\, a) + \tfrac18 \max_i z_i(a)^2, \quad
    z_i(a) = \frac{\mathcal{L}_i(a) - \mathcal{L}_i^\mathrm{ref}}{\mathrm{SE}_i(a)}, \quad
    \mathcal{L}_i^\mathrm{ref} = \min_a \mathcal{L}_i(a)

with :math:`\mathcal{L}_i(a)` the held-out loss of group i after training on weights a, and :math:`\alpha^0` the prior.
Where the problem tells the `skill` of a policy, that is the loss: a likelihood with one learned sigma takes less noise
in other groups for more skill in this one, and so speaks for data that does harm.
It is measured in a few lanes around the prior, whose number is linear in k, and interpolated in between (`surrogate`).
Standard errors are those of differences between two lanes, paired over demonstrations. A group that was measured on one
demonstration has none, and no say. Without evidence the answer is the prior.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from balanced_bc.balancing.measured import Measured, accidents, known_errors, measure_lanes, moments
from balanced_bc.balancing.repetition import Repetition
from balanced_bc.balancing.result import Run
from balanced_bc.balancing.surrogate import SparseSurrogate, Surrogate, through
from balanced_bc.balancing.work import blocks, together

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
        floor: Smallest squared standard errors: what the accidents of training leave, which the demonstrations of a
            fold share, (k,), [nat^2].
        slack: How far the reference is above that lane's loss, (k,), [nat].
    """

    surrogate: Surrogate | SparseSurrogate
    difference: Tensor
    group: Tensor
    number: Tensor
    reference: Tensor
    floor: Tensor
    slack: Tensor

    @classmethod
    def of(cls, lanes: Tensor, parts: list[Measured]) -> Evidence:
        """Sum up repetitions of lanes, (1 + m, k), the first of them the prior's."""
        surrogate, measured = through(lanes[0], lanes[1:]), Measured.pooled(parts)
        number = torch.bincount(measured.group, minlength=lanes.shape[1])
        zero = torch.zeros(lanes.shape[1], len(lanes) - 1, dtype=lanes.dtype)
        difference = measured.losses[1:] - measured.losses[0]
        blank = cls(surrogate, difference, measured.group, number, zero, zero[:, 0], zero[:, 0])
        tried = surrogate.mixture(lanes)
        means, squares = blank._moments(tried @ difference)
        floor = accidents(parts, lanes.shape[1]) if len(parts) > 1 else squares[1:].mean(dim=0)
        return blank._replace(reference=tried[means.argmin(dim=0)], floor=floor)

    def difference_of(self, coefficients: Tensor) -> tuple[Tensor, Tensor]:
        """Mean over the demonstrations of each group, and its squared standard error, (k,) each.

        Args:
            coefficients: Of the lanes, one row for each group, (k, m).
        """
        return self._moments((coefficients[self.group] * self.difference.T).sum(dim=1))

    def losses(self, measured: Measured, coefficients: Tensor) -> tuple[Tensor, Tensor]:
        """Loss of each group for coefficients as of `difference_of`, and its standard error, (k,) each, [nat]."""
        mean, square = self._moments(measured.losses[0] + (coefficients[self.group] * self.difference.T).sum(dim=1))
        return mean, known_errors(square, self.number)

    def excess(self, weights: Tensor, at_reference: Tensor | None = None) -> Tensor:
        r"""Standard errors by which each group is above its reference, :math:`z(a)`, (k,) to (k,).

        Args:
            weights: a, (k,).
            at_reference: What `at_reference` gives, for whoever asks often.
        """
        values = self.surrogate.mixture(weights) @ self.difference
        mean, square = self._moments(values - (self.at_reference() if at_reference is None else at_reference))
        error = torch.maximum(square, self.floor).clamp_min(1e-12).sqrt()
        return (mean - self.slack) / torch.where(self.number > 1, error, torch.inf)

    def at_reference(self) -> Tensor:
        """Difference of each demonstration with the coefficients of its group's reference, (d,)."""
        return (self.reference @ self.difference).gather(0, self.group[None])[0]

    def _moments(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Mean over the demonstrations of each group, and its squared standard error, (..., d) to two of (..., k)."""
        return moments(values, self.group, self.number)

    def transfer(self, factor: float) -> tuple[Tensor, Tensor]:
        """How the loss of group i changes when the odds of group j grow by a factor, and its standard error, (k, k)."""
        prior = self.surrogate.prior
        rows = [self.surrogate.mixture(shifted(prior, j, factor)) for j in range(len(prior))]
        means, squares = self._moments(torch.stack(rows) @ self.difference)
        return means.T, known_errors(squares, self.number).T


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
    weights, judged = design(repetition.prior), repetition.wanted.rows()
    if repetition.is_crowded:
        return (yield from measure_crowd(repetition, weights, judged))
    lanes = torch.cat((weights, judged))
    pieces = [
        lambda _, cut=cut: measure_lanes(repetition, lanes[cut.start : cut.stop], PHASE)
        for cut in blocks(len(lanes), repetition.config.lanes_at_once)
    ]
    parts: list[Measured] = yield from together(repetition.work, PHASE, pieces)
    return parts[0]._replace(losses=torch.cat([part.losses for part in parts]))


def measure_crowd(repetition: Repetition, weights: Tensor, judged: Tensor) -> Run[Measured]:
    """The same for many groups: a block has its own batches, so its lanes are compared with a prior's lane of its own.

    Args:
        repetition: Network, fold and batches.
        weights: Of the lanes, as `design` orders them, (1 + 4 k, k).
        judged: Weights of judged policies, (j, k); their lanes learn from all groups.
    """
    each, most = len(SHIFTS), repetition.config.lanes_at_once
    cut = [(repetition.among(own), weights[1 + each * own.start : 1 + each * own.stop]) for own in repetition.cut(each)]
    beside = [(repetition, judged[part.start : part.stop]) for part in blocks(len(judged), most)]
    pieces = [
        lambda _, where=where, rows=rows: measure_lanes(where, torch.cat((weights[:1], rows)), PHASE)
        for where, rows in (*cut, *beside)
    ]
    parts: list[Measured] = yield from together(repetition.work, PHASE, pieces)
    prior = torch.stack([part.losses[0] for part in parts[: len(cut)]]).mean(dim=0)
    moved = [part.losses[1:] - part.losses[0] + prior for part in parts]
    return parts[0]._replace(losses=torch.cat([prior[None], *moved]))


def choose(evidence: Evidence, stiffness: float) -> Tensor:
    r"""Find the weights that stay near the prior unless a group is far above its reference, (k,).

    Args:
        evidence: What the lanes say.
        stiffness: :math:`\kappa`.
    """
    prior = evidence.surrogate.prior
    log_weights = prior.log().clone().requires_grad_()
    optimizer = torch.optim.Adam([log_weights], lr=RATE)
    best, least, there = prior, float("inf"), evidence.at_reference()
    for _ in range(DESCENTS):
        weights = torch.softmax(log_weights, dim=0)
        cost = stiffness * (prior * (prior / weights).log()).sum() + objection(evidence.excess(weights, there))
        if cost.item() < least:
            best, least = weights.detach(), cost.item()
        optimizer.zero_grad()
        torch.autograd.backward(cost)
        optimizer.step()
    return best


def objection(excess: Tensor) -> Tensor:
    r"""What the group that is farthest above its reference has against the weights, :math:`\tfrac18 \max_i z_i^2`."""
    return excess.clamp_min(0).max().square() / 8
