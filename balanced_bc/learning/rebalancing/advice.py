"""What to do about weights, in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite, nan
from statistics import NormalDist

from balanced_bc.balancing.bounds import members, trust_of
from balanced_bc.balancing.comparison import LOST
from balanced_bc.learning.rebalancing import readings
from balanced_bc.learning.rebalancing.balance_file import BalanceFile
from balanced_bc.learning.rebalancing.readings import Compared
from balanced_bc.learning.rebalancing.row import Row
from balanced_bc.words import listed

MANY = 3.0
"""A group that is used this many times as often as in plain cloning is worth a word."""
OFTEN = 1.5
"""A group that is used this many times as often, and is not learned better for it, too."""
LESS = 0.8
"""Share of the weight that the method began with below which a group has lost some."""
AT_SHARE = 0.02
"""How far alpha / rho may be from 1 where a group is at its share."""
CHANCE = 0.02
"""Chance that of groups which nothing harms one is called harmed."""
FEW = 10
"""Demonstrations of a group below which they are few."""
WORSE = 1.5
"""A group whose held-out loss is this many times the mean of the others is worst off."""
WORST = "is worst off"
"""How it begins that a group has a higher loss than the others."""
NOISE = "First watch some (`balanced-bc watch`): a high loss may be noisy labels, which more of them do not mend."
"""What else a high loss may be."""
TOLD = 5
"""Sentences of one kind at most."""


def advice(content: BalanceFile) -> tuple[str, ...]:
    """Whether to use the weights, what they cannot do, and who is in whose way.

    Weights that nobody should use are followed by no advice about them.
    """
    losing = list(_losing(content))
    of_weights = () if losing else (_left_out(content), _worse(content), _lowered(content), _repeated(content))
    kinds = (
        losing,
        *of_weights,
        _beyond(content, used=not losing),
        _harming(content),
        _opposed(content),
    )
    return tuple(sentence for kind in kinds for sentence in limited(list(kind)))


def limited(sentences: list[str]) -> list[str]:
    """The first few, and how many more there are."""
    more = len(sentences) - TOLD
    return [*sentences[:TOLD], f"(and {more} more)"] if more > 0 else sentences


PRIORS = {
    "behaviors": "behaviors alike",
    "equal": "equal weights",
    "proportions": "shares of the {}",
}
"""What the weights leaned to, and what shares count."""
TOLD_OF_GROUPS = ("trust", "floors", "caps", "success_loss")
"""Options that say something of single groups, beside the prior weights."""


def said(content: BalanceFile) -> tuple[str, str]:
    """Where the weights come from, and what is left of the data with them."""
    run, pairs = content.run, content.dataset["pairs"]
    share = content.effective_sample_size / pairs
    return (
        f"Weights of {len(content.groups)} groups by {', '.join(content.group_by)}, found by {content.method} "
        f"(seed {run.seed}, {run.repeats} repetitions of {run.steps} steps{_begun(content)}).{_told(content)}",
        f"With them the {pairs} pairs tell as much as {content.effective_sample_size:.0f} pairs that all count alike "
        f"({share:.0%}).",
    )


def _begun(content: BalanceFile) -> str:
    """What the weights leaned to; nothing for methods that only count."""
    known = PRIORS.get(content.run.prior)
    if known is None or all(row.prior is None for row in content.groups.values()):
        return ""
    stated = _given(content, "prior_weights")
    within = ", each by shares of the {}" if content.run.prior == "behaviors" and len(content.group_by) > 1 else ""
    begun = f"{known}{within}".format(content.run.proportions or "dataset")
    return f", from {begun}" + (f" moved to {stated}" if stated else "")


def _told(content: BalanceFile) -> str:
    """What a person said of single groups."""
    parts = [f"{name.replace('_', ' ')} {given}" for name in TOLD_OF_GROUPS if (given := _given(content, name))]
    return f" Told: {'; '.join(parts)}." if parts else ""


def _given(content: BalanceFile, option: str) -> str:
    """Values of an option of balancing."""
    return ", ".join(content.configuration["balancing"].get(option, ()))


def wanted(row: Row, content: BalanceFile) -> int:
    """Demonstrations that would give a group its weight by their number, the others staying as they are."""
    length = row.pairs / row.demonstrations
    others = content.dataset["pairs"] - row.pairs
    pairs: float = others * row.alpha / max(1 - row.alpha, 1e-9)
    return max(1, round((pairs - row.pairs) / length))


def _losing(content: BalanceFile) -> Iterator[str]:
    if any(warning.startswith(LOST) for warning in content.warnings):
        yield (
            "Train without these weights: they lose to plain cloning on held-out demonstrations (the warning on top "
            "says where)."
        )


def _left_out(content: BalanceFile) -> Iterator[str]:
    for name, row in content.groups.items():
        if row.alpha == 0:
            yield f"{name} is left out: a policy trained with these weights never sees it."


def _worse(content: BalanceFile) -> Iterator[str]:
    """Groups that pay for what others gain, and how each could be kept at its share."""
    for name, (difference, error) in _paying(content).items():
        held = "caps" if content.groups[name].alpha_over_rho > 1 else "floors"
        yield (
            f"{name} is learned worse with these weights than by plain cloning, beyond chance ({difference:+.3f} +- "
            f"{error:.3f} on held-out demonstrations), though the groups are learned better on average. If it "
            f"matters, keep it at its share with --{held} {name}=1x."
        )


def _paying(content: BalanceFile) -> dict[str, tuple[float, float]]:
    """By how much trusted groups are learned worse, and the standard error of that; the worst first.

    Of more groups more seem worse by chance. Weights that lose altogether have a warning of their own; of groups at
    their share, and of those that somebody holds, nothing is said.
    """
    own = next((one for one in readings.comparison(content) if one.method == content.method), None)
    if own is None:
        return {}
    silent = _doubted(content) | _held(content, "floors") | _held(content, "caps")
    asked = {name for name, row in content.groups.items() if row.alpha and abs(row.alpha_over_rho - 1) > AT_SHARE}
    sure = NormalDist().inv_cdf(1 - CHANCE / max(len(own.difference), 1))
    found = {
        name: (difference, own.standard_error.get(name, nan))
        for name, difference in own.difference.items()
        if name in asked - silent and difference > sure * own.standard_error.get(name, nan)
    }
    return dict(sorted(found.items(), key=lambda one: -one[1][0]))


def _held(content: BalanceFile, option: str) -> set[str]:
    """Groups for which somebody gave floors or caps."""
    names = tuple(content.groups)
    told = content.configuration["balancing"].get(option, ())
    masks = [members(text.rpartition("=")[0].strip(), names) for text in told]
    return {name for number, name in enumerate(names) if any(mask[number] for mask in masks)}


def _lowered(content: BalanceFile) -> Iterator[str]:
    """Groups that lose weight, for a reason that may be their value; not those for which a floor was given."""
    silent = _held(content, "floors") | _paying(content).keys()
    for name, row in content.groups.items():
        if row.prior and row.alpha and _lower(row) and name not in silent:
            error = f" (+- {row.alpha_standard_error / row.prior:.0%})" if row.alpha_standard_error else ""
            yield (
                f"{name} has {row.alpha / row.prior:.0%}{error} of the weight that {content.method} began with. No "
                "loss tells bad demonstrations from good recoveries from disturbances: if these are good, keep them "
                f"with --floors {name}={row.prior:.2g}."
            )


def _lower(row: Row) -> bool:
    """Whether a group has lost some of the weight that the method began with."""
    return row.prior is not None and row.alpha < LESS * row.prior


def _repeated(content: BalanceFile) -> Iterator[str]:
    for name, row in sorted(content.groups.items(), key=lambda item: -item[1].alpha_over_rho):
        if row.alpha_over_rho >= MANY:
            more = wanted(row, content)
            yield (
                f"{name} is used {row.alpha_over_rho:.1f} times as often as it was recorded. Weights repeat its "
                f"{row.demonstrations} demonstrations and add nothing to them: weights cannot fix this. Record more of "
                f"{name}; {more} more would do without weights."
            )


def _beyond(content: BalanceFile, used: bool) -> Iterator[str]:
    """Groups in need that no weights which were compared surely help, those with the highest loss first.

    What the weights repeat is in need, too, if the weights are to be `used`.
    Nobody asks for more of what is not trusted, or of what the method takes weight from.
    """
    plain, *others = readings.comparison(content) or (None,)
    if plain is None or not others:
        return
    losses = {name: loss for name, loss in others[0].losses.items() if isfinite(loss) and content.groups[name].alpha}
    doubted = _doubted(content)
    wanted_more = {name for name in losses if name not in doubted and not _lower(content.groups[name])}
    for name in sorted(losses, key=lambda name: -losses[name]):
        row = content.groups[name]
        needs, best = _needs(row, name, losses, used), _most_helpful(name, others)
        if name in wanted_more and needs and best and row.alpha_over_rho < MANY and not _surely_lower(name, others):
            error = best.standard_error.get(name, nan)
            change = f"{best.difference[name]:+.3f}" + (f" +- {error:.3f}" if isfinite(error) else "")
            yield (
                f"{name} {listed(needs)}. No weights that were compared surely lower its held-out loss (at best "
                f"{change}, {best.method}): do not count on weights. Record more of {name}; {_as_many(name, content)}."
                + (f" {NOISE}" if any(why.startswith(WORST) for why in needs) else "")
            )


def _doubted(content: BalanceFile) -> set[str]:
    """Groups that are not fully trusted."""
    trust = trust_of(tuple(content.groups), content.configuration["balancing"].get("trust", ())).tolist()
    return {name for name, value in zip(content.groups, trust) if value < 1}


def _needs(row: Row, name: str, losses: dict[str, float], used: bool) -> list[str]:
    """Why a group should be learned better; its loss beside that of the others."""
    others = [loss for other, loss in losses.items() if other != name]
    ratio = losses[name] * len(others) / sum(others) if others and sum(others) > 0 else 1.0
    found = {
        f"is used {row.alpha_over_rho:.1f} times as often as it was recorded": used and row.alpha_over_rho >= OFTEN,
        f"has {row.demonstrations} demonstrations": row.demonstrations < FEW,
        f"{WORST}, with {ratio:.1f} times the held-out loss of the others": (
            losses[name] == max(losses.values()) and ratio >= WORSE
        ),
    }
    return [why for why, holds in found.items() if holds]


def _surely_lower(name: str, methods: list[Compared]) -> bool:
    """Whether weights of any method surely lower the held-out loss of a group."""
    known = [one for one in methods if name in one.difference]
    return any(one.difference[name] < -readings.SURE * one.standard_error.get(name, float("inf")) for one in known)


def _most_helpful(name: str, methods: list[Compared]) -> Compared | None:
    """Whose weights lower the held-out loss of a group most."""
    known = [one for one in methods if name in one.difference]
    return min(known, key=lambda one: one.difference[name], default=None)


def _as_many(name: str, content: BalanceFile) -> str:
    """How many more demonstrations make as many as of the group with most, or twice as many."""
    number = {other: row.demonstrations for other, row in content.groups.items() if row.alpha}
    most = max(number, key=number.__getitem__)
    if number[most] > number[name]:
        return f"{number[most] - number[name]} more make as many as of {most}"
    return f"{number[name]} more make twice as many"


def _harming(content: BalanceFile) -> Iterator[str]:
    names = list(content.groups)
    for i, j in readings.mutual_harm(content):
        yield (
            f"{names[i]} and {names[j]} harm each other: they act differently in the same situations, or share too "
            "little. If one of them is wrong, no loss can tell which; say it with --trust."
        )


def _opposed(content: BalanceFile) -> Iterator[str]:
    found, names = readings.conflict(content), list(content.groups)
    for i, j in readings.opposed(content):
        assert found is not None, "opposed groups come from it"
        yield (
            f"{names[j]} and {names[i]} want opposite things on states that they share (cosine {found.values[i][j]:.2f}"
            f" +- {found.errors[i][j]:.2f}; {readings.shared(content, i, j):.0%} of the pairs of {names[i]} have a "
            f"neighbor in {names[j]}, {readings.shared(content, j, i):.0%} the other way): watch both with "
            "`balanced-bc watch` before you trust the weights."
        )
