"""What a training is judged by: behaviors, where they are told apart, whatever groups its weights are about."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from balanced_bc.learning.pairs import Pairs


class Judged:
    r"""Losses and weights of behaviors, from those of the groups that are parts of them.

    The loss of a behavior is what is trained on of it, the mean over its groups by their weights:
    :math:`\ell_b = \sum_{g \in b} w_g \ell_g / \sum_{g \in b} w_g`.

    Attributes:
        names: Behaviors, sorted; the groups where nobody tells behaviors apart.
        weights: Weight of each of them.
    """

    def __init__(self, pairs: Pairs, weight: Tensor) -> None:
        """Take the parts together.

        Args:
            pairs: What is trained on.
            weight: Weight of each group in training, w, (k,).
        """
        self._weight = dict(zip(pairs.groups, weight.tolist()))
        self._behavior = dict(zip(pairs.groups, pairs.judged))
        self.names = tuple(sorted(set(pairs.judged)))
        self.weights = {name: sum(self._weight[group] for group in self._parts(name)) for name in self.names}

    def losses(self, of_groups: Mapping[str, float]) -> dict[str, float]:
        """Losses of behaviors, then of groups that are parts of them; what has no loss or no weight is left out."""
        of_behaviors = {}
        for name in self.names:
            parts = {group: self._weight[group] for group in self._parts(name) if group in of_groups}
            if (total := sum(parts.values())) > 0:
                of_behaviors[name] = sum(of_groups[group] * weight for group, weight in parts.items()) / total
        return {**of_behaviors, **of_groups}

    def _parts(self, behavior: str) -> list[str]:
        return [group for group, whole in self._behavior.items() if whole == behavior]
