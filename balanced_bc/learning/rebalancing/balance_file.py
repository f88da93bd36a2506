"""balance.yaml and weights.parquet: what weights were found, how, and for which dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import torch
from torch import Tensor

from balanced_bc.balancing.config import BalancingConfig
from balanced_bc.balancing.methods import CLOSED, beginning
from balanced_bc.balancing.prior import kind_of
from balanced_bc.balancing.proportions import effective_sample_size
from balanced_bc.balancing.result import Balance, Compared
from balanced_bc.demonstrations.durable import read_yaml, write_bytes, write_yaml
from balanced_bc.learning.config import EncodingConfig, FeedbackConfig
from balanced_bc.learning.errors import LearningError
from balanced_bc.learning.pairs import Pairs
from balanced_bc.learning.rebalancing import idleness, matrices, parquet
from balanced_bc.learning.rebalancing.formulation import counted
from balanced_bc.learning.rebalancing.held_out import demonstrations
from balanced_bc.learning.rebalancing.row import Row, about, check_keys, read_as
from balanced_bc.policies.config import PolicyConfig

FORMAT = 2
"""Version of balance.yaml that is written and read. See `read` for its history."""
NAME = "balance.yaml"
"""Name of the file in its folder; weights.parquet and balance.png lie beside it."""
WEIGHTS = "weights.parquet"
PICTURE = "balance.png"
FINGERPRINT = "fingerprint"
"""What tells the dataset from others, under this name in balance.yaml and in the metadata of Parquet files."""
COUNTED = {FINGERPRINT, "pairs", "demonstrations"}
"""What is told of the dataset."""


@dataclass(frozen=True)
class Run:
    """What a person wants to know first of how weights were found."""

    seed: int
    """Seed of everything that was drawn."""
    repeats: int
    """Repetitions."""
    steps: int
    """Descent steps of each network."""
    split: str
    """Pairs that losses were measured on: `held-out` or `training`."""
    prior: str = ""
    """What the weights leaned to: `behaviors`, `equal` or `proportions`."""
    proportions: str = ""
    """What the shares of the dataset count."""


@dataclass(frozen=True)
class BalanceFile:
    """The content of balance.yaml."""

    method: str
    """Method that found the weights."""
    group_by: tuple[str, ...]
    """Axes of tags whose product makes the groups."""
    groups: Mapping[str, Row]
    """Each group by name."""
    effective_sample_size: float
    """Equally weighted pairs that would carry as much information as all pairs with these weights (Kish)."""
    warnings: tuple[str, ...]
    """What a person should know before using the weights."""
    dataset: Mapping[str, Any]
    """Fingerprint (of the recordings and their tags on `group_by`), pairs and demonstrations of the dataset."""
    run: Run
    """How it was run."""
    configuration: Mapping[str, Any]
    """Every number of the run: balancing, policy, encoding."""
    diagnostics: Mapping[str, Any]
    """Further results, such as the weights that teach each group best; rows and columns in the order of the groups."""
    comparison: tuple[Mapping[str, Any], ...]
    """The weights beside those of others on held-out demonstrations, see `balancing.result.Compared`: method, and lists
    weights, losses, difference from plain cloning and its standard_error (NaN for a single demonstration) in the order
    of the groups. Plain cloning comes first, then these weights. Empty where nothing was compared."""

    @property
    def alpha(self) -> dict[str, float]:
        """Weight of each group by name."""
        return {name: row.alpha for name, row in self.groups.items()}

    @classmethod
    def of(
        cls,
        answer: Balance,
        pairs: Pairs,
        fingerprint: str,
        config: BalancingConfig,
        policy: PolicyConfig,
        encoding: EncodingConfig,
        feedback: FeedbackConfig | None = None,
        period: float | None = None,
    ) -> BalanceFile:
        """Collect what a run found; `period` is the time between two pairs, [s], None where nobody knows it."""
        counts, number, problem = pairs.counts(), demonstrations(pairs), counted(pairs)
        every = len(torch.unique(pairs.demonstration))
        content = {"fingerprint": fingerprint, "pairs": len(pairs), "demonstrations": every}
        split = next((reference.split for reference in answer.references if reference), config.split)
        measured = None if period is None else idleness.lengths(pairs, period)
        idle = () if measured is None else idleness.warnings(pairs.groups, measured.idle)
        answer = answer._replace(warnings=answer.warnings + idle)
        named = about(pairs.groups, answer.warnings)
        prior = None if config.method in CLOSED else beginning(problem, config)
        rows = {
            name: Row.of(answer, counts, number, index, named[name], prior) for index, name in enumerate(pairs.groups)
        }
        if measured is not None and period is not None:
            rows = {name: row.timed(measured, index, period) for index, (name, row) in enumerate(rows.items())}
        return cls(
            method=answer.method,
            group_by=pairs.axes,
            groups=rows,
            effective_sample_size=effective_sample_size(answer.weights, counts),
            warnings=answer.warnings,
            dataset=content,
            run=Run(config.seed, config.repeats, config.steps, split, kind_of(problem, config), config.proportions),
            configuration={
                "balancing": asdict(config),
                "policy": policy.to_dict(),
                "encoding": _listed(asdict(encoding)),
                "feedback": (feedback or FeedbackConfig()).to_dict(),
            },
            diagnostics={name: _rounded(values.tolist()) for name, values in answer.diagnostics.items()},
            comparison=tuple(map(_plain, answer.comparison)),
        )

    def check(self, fingerprint: str, groups: Sequence[str], of_all_tags: str | None = None) -> None:
        """Refuse weights of another dataset or another grouping.

        Args:
            fingerprint: Of the dataset that is to be weighed, with its tags on the axes of the groups.
            groups: Groups that it has.
            of_all_tags: Its fingerprint with all tags, which earlier versions wrote; None where there is none.

        Raises:
            LearningError: The groups or the fingerprint differ.
        """
        if set(self.groups) != set(groups):
            raise LearningError(
                f"these weights are for the groups {sorted(self.groups)} (by {', '.join(self.group_by)}); the dataset "
                f"has {sorted(groups)}"
            )
        if self.dataset["fingerprint"] not in (fingerprint, of_all_tags or fingerprint):
            raise LearningError(
                f"these weights were made for a dataset with fingerprint {self.dataset['fingerprint']} and "
                f"{self.dataset['demonstrations']} demonstrations; this one has {fingerprint}. A fingerprint covers "
                f"all recordings and their tags on {', '.join(self.group_by)}; some are others now: balance it again"
            )


def read(path: Path) -> BalanceFile:
    """Read balance.yaml; `path` may be the file or its folder.

    Versions:
        1: without comparison. No longer read.
        2: the weights beside plain cloning and others on held-out demonstrations.

    Raises:
        LearningError: There is no such file, it is of another format, or something in it is missing, unknown, or of
            another type.
    """
    path = path / NAME if path.is_dir() else path
    if not path.is_file():
        raise LearningError(f"there are no weights at {path}; `balanced-bc balance` writes {NAME}")
    plain = read_yaml(path)
    if plain.get("format") != FORMAT:
        raise LearningError(
            f"{path} has format {plain.get('format')!r}; this version of balanced_bc reads format {FORMAT}: balance "
            "the dataset again"
        )
    del plain["format"]
    check_keys(plain, BalanceFile, str(path))
    run = read_as(Run, plain["run"], f"run of {path}") if isinstance(plain["run"], dict) else plain["run"]
    content = read_as(BalanceFile, {**plain, "groups": _rows(plain["groups"], path), "run": run}, str(path))
    if missing := COUNTED - set(content.dataset):
        raise LearningError(f"{path}: dataset lacks {sorted(missing)}; it has {sorted(content.dataset)}")
    known = {**content.diagnostics, **matrices.read(path.parent, len(content.groups))}
    matrices.check(known, len(content.groups), str(path))
    return replace(content, diagnostics=known)


def refuse_existing(folder: Path) -> None:
    """Refuse a folder that has weights already.

    Raises:
        LearningError: It has.
    """
    if (folder / NAME).exists():
        raise LearningError(f"{folder / NAME} exists; name another folder, or remove it first")


def require_writable(folder: Path) -> None:
    """Refuse a folder that could not be written to, before anything is computed; nothing is left behind.

    Raises:
        LearningError: It is a file or below one, or its nearest parent that exists cannot be written to.
    """
    whole = folder.absolute()
    there = next(path for path in (whole, *whole.parents) if path.exists())
    if not there.is_dir():
        raise LearningError(f"weights cannot be written to {folder}, because {there} is a file; name another folder")
    try:
        with TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise LearningError(
            f"weights cannot be written to {folder}: {there} takes no file ({error.strerror}); name another folder"
        ) from error


def write(folder: Path, content: BalanceFile, weights: Tensor, picture: bytes) -> None:
    """Write weights.parquet, balance.png and, last, balance.yaml, each whole or not at all.

    Args:
        folder: Where to; made when it does not exist.
        content: What balance.yaml says.
        weights: Weight of each pair in the order of the dataset, mean 1, (N,).
        picture: PNG file.
    """
    refuse_existing(folder)
    folder.mkdir(parents=True, exist_ok=True)
    columns = {"index": torch.arange(len(weights)).numpy(), "weight": weights.numpy()}
    parquet.write(folder / WEIGHTS, columns, {FINGERPRINT: content.dataset[FINGERPRINT]})
    write_bytes(folder / PICTURE, picture)
    small, large = matrices.parted(content.diagnostics, len(content.groups))
    if large:
        parquet.write(folder / matrices.NAME, large)
    write_yaml(folder / NAME, _listed({"format": FORMAT, **asdict(replace(content, diagnostics=small))}))


def pair_weights(content: BalanceFile, pairs: Pairs) -> Tensor:
    r"""Weigh each pair, :math:`w_n = (N / N_i) \alpha_i`, mean 1, in the order of `pairs`, float64, (N,)."""
    alpha = torch.tensor([content.alpha[name] for name in pairs.groups], dtype=torch.float64)
    return (alpha / pairs.proportions())[pairs.group]


def _rows(plain: Any, path: Path) -> dict[str, Row]:
    """Each group's row, if their weights are a point on the simplex."""
    if not isinstance(plain, Mapping):
        raise LearningError(f"{path}: groups is {plain!r:.200}; it must be a row for each group's name")
    rows = {str(name): Row.read(row, f"group {name!r} of {path}") for name, row in plain.items()}
    total = sum(row.alpha for row in rows.values())
    if any(not 0 <= row.alpha <= 1 for row in rows.values()) or abs(total - 1) > 1e-6:
        raise LearningError(
            f"weights of {path} are { {name: row.alpha for name, row in rows.items()} }; they must be from 0 to 1 and "
            f"add up to 1, not {total:.6f}"
        )
    return rows


def _plain(row: Compared) -> dict[str, Any]:
    """A row of the comparison in plain types; weights in full."""
    measured = {name: _rounded(getattr(row, name).tolist()) for name in ("losses", "difference", "standard_error")}
    return {"method": row.method, "weights": row.weights.tolist(), **measured}


def _rounded(values: Any) -> Any:
    """Six digits say enough of a diagnostic."""
    return [_rounded(value) for value in values] if isinstance(values, list) else float(f"{values:.6g}")


def _listed(value: Any) -> Any:
    """Tuples as lists: plain YAML."""
    if isinstance(value, Mapping):
        return {key: _listed(item) for key, item in value.items()}
    return [_listed(item) for item in value] if isinstance(value, tuple | list) else value
