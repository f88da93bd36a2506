"""How far an answer that is found from all folds at once would be another with other demonstrations."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from balanced_bc.balancing.measured import Measured

Answer = Callable[[list[Measured]], Tensor]
"""What is found from some repetitions, (k,)."""


def jackknife(answer: Answer, parts: list[Measured]) -> Tensor | None:
    r"""Estimate the standard error of an answer from what it would be without each of n folds, (k,).

    .. math:: \mathrm{SE}^2 = \frac{n - 1}{n} \sum_{f=1}^n (a_{(f)} - \bar a)^2

    with :math:`a_{(f)}` the answer without fold f. Folds hold out different demonstrations and have networks of their
    own, so this holds the spread of demonstrations and the accidents of training. Where all repetitions measure the
    same demonstrations, each of them counts as a fold, and it holds the accidents of training only.

    Args:
        answer: What is found from some repetitions.
        parts: What was measured, one for each repetition.

    Returns:
        None where there is one fold and one repetition.
    """
    kept = [[part for part, own in zip(parts, folds_of(parts)) if own != fold] for fold in sorted(set(folds_of(parts)))]
    if len(kept) < 2:
        return None
    answers = torch.stack([answer(some) for some in kept])
    return ((len(kept) - 1) * answers.var(dim=0, correction=0)).sqrt()


def folds_of(parts: list[Measured]) -> list[int]:
    """Number the fold of each repetition, known by its demonstrations; where there is one fold, the repetitions."""
    seen = list[Tensor]()
    numbers = []
    for names in (part.demonstration for part in parts):
        known = next((number for number, other in enumerate(seen) if torch.equal(names, other)), len(seen))
        seen += [names] if known == len(seen) else []
        numbers.append(known)
    return numbers if len(seen) > 1 else list(range(len(parts)))
