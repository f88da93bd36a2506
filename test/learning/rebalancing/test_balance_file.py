"""balance.yaml, the weights of each pair beside it, and what is wrong with those that were damaged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
import yaml
from numpy.typing import NDArray

from balanced_bc.balancing.config import BalancingConfig
from balanced_bc.balancing.result import Balance
from balanced_bc.demonstrations.dataset import Dataset
from balanced_bc.learning.config import EncodingConfig
from balanced_bc.learning.errors import LearningError
from balanced_bc.learning.pairs import Pairs
from balanced_bc.learning.rebalancing import balance_file, balance_picture
from balanced_bc.learning.rebalancing.balance_file import BalanceFile
from balanced_bc.learning.rebalancing.balanced_sampler import BalancedSampler
from balanced_bc.learning.rebalancing.rebalance import rebalance
from balanced_bc.policies.config import PolicyConfig

QUICK = BalancingConfig(method="ours", steps=12, batch=8, repeats=2, evaluate_every=4, evaluation=64)


@pytest.fixture
def written(enough: Callable[..., Pairs], state_policy: PolicyConfig, tmp_path: Path) -> Path:
    """Folder with the weights of a short run."""
    pairs = enough(state_policy)
    moments = list(rebalance(pairs, QUICK, state_policy, EncodingConfig()))
    answer = moments[-1].result
    assert answer is not None
    content = BalanceFile.of(answer, pairs, "sha256:1", QUICK, state_policy, EncodingConfig())
    picture = balance_picture.draw(content, moments)
    balance_file.write(tmp_path / "weights", content, balance_file.pair_weights(content, pairs), picture)
    return tmp_path / "weights"


def test_balance_yaml_survives_a_round_trip(written: Path) -> None:
    content = balance_file.read(written)
    assert content == balance_file.read(written / "balance.yaml")
    assert sum(content.alpha.values()) == pytest.approx(1)
    row = content.groups["drawer"]
    assert (row.demonstrations, row.pairs) == (8, 96)
    assert row.alpha_over_rho == pytest.approx(row.alpha / row.rho)
    assert row.reference is not None
    assert row.reference.steps == QUICK.steps
    assert row.reference.quantity == "negative log-likelihood"
    assert content.configuration["balancing"]["seed"] == 0
    plain, ours, *_ = content.comparison
    assert (plain["method"], ours["method"]) == ("plain cloning", "ours")
    assert ours["weights"] == pytest.approx(list(content.alpha.values()))
    assert len(ours["difference"]) == len(ours["standard_error"]) == 2


def test_weights_of_frames_know_their_dataset(written: Path) -> None:
    assert len(BalancedSampler(written, frames=14 * 12, fingerprint="sha256:1")) == 14 * 12
    with pytest.raises(LearningError, match="of the dataset sha256:1; this one is sha256:2"):
        BalancedSampler(written, fingerprint="sha256:2")


def test_balance_yaml_says_from_which_prior_weights_were_found(
    dataset_of: Callable[..., Dataset], balanced: Callable[..., Balance], tmp_path: Path
) -> None:
    dataset = dataset_of(*["drawer"] * 5, *["slider"] * 4)
    cases = (("minimax", "behaviors", 0.5), ("ours", "proportions", 5 / 9), ("equal", "proportions", None))
    for method, prior, begun in cases:
        balanced(dataset, replace(QUICK, method=method, compare="none"), method)  # type: ignore[arg-type]
        written = balance_file.read(tmp_path / method)
        assert written.run.prior == prior
        assert written.groups["drawer"].prior == pytest.approx(begun)


def test_parquet_has_one_weight_for_each_pair_with_mean_one(written: Path) -> None:
    table = pyarrow.parquet.read_table(written / "weights.parquet")
    weight: NDArray[np.float64] = table["weight"].to_numpy()
    assert table.column_names == ["index", "weight"]
    assert table["index"].to_pylist() == list(range(14 * 12))
    assert weight.mean() == pytest.approx(1)
    share = weight[: 8 * 12].sum() / weight.sum()
    assert share == pytest.approx(balance_file.read(written).alpha["drawer"])


def test_the_picture_is_a_png(written: Path) -> None:
    assert (written / "balance.png").read_bytes().startswith(b"\x89PNG")


def test_weights_of_another_dataset_are_refused(written: Path) -> None:
    content = balance_file.read(written)
    content.check("sha256:1", ("drawer", "slider"))
    with pytest.raises(LearningError, match=r"sha256:1.*sha256:2"):
        content.check("sha256:2", ("drawer", "slider"))


def test_weights_of_other_groups_are_refused(written: Path) -> None:
    with pytest.raises(LearningError, match=r"\['drawer', 'slider'\].*\['left'\]"):
        balance_file.read(written).check("sha256:1", ("left",))


def test_weights_are_never_overwritten(written: Path) -> None:
    with pytest.raises(LearningError, match="exists"):
        balance_file.refuse_existing(written)


@pytest.mark.parametrize(
    ("key", "value", "complaint"),
    [
        ("format", 1, "format 1; .* balance the dataset again"),
        ("unknown", 1, "unknown"),
        ("groups", {"a": 1}, "group 'a'"),
        ("groups", 3, "balance.yaml: groups is 3; it must be a row for each group's name"),
        ("group_by", 3, "balance.yaml: group_by is 3; it must be a tuple, each entry text"),
        ("effective_sample_size", "all", "effective_sample_size is 'all'; it must be a number"),
        ("dataset", 3, "dataset is 3; it must be names and values"),
        ("dataset", {"pairs": 3}, r"dataset lacks \['demonstrations', 'fingerprint'\]; it has \['pairs'\]"),
        ("run", {"seed": 0, "repeats": 1, "steps": 1}, r"run of .*balance.yaml lacks \['split'\]"),
        ("run", 3, "run is 3"),
        ("diagnostics", {"transfer": [[0, 1], [1, 0]]}, "transfer_standard_error of the diagnostics must have"),
        ("diagnostics", {"conflict": [[0, 1]]}, "conflict of the diagnostics must have a number for each two of 2"),
        ("diagnostics", 3, "diagnostics is 3; it must be names and values"),
        ("comparison", [3], r"comparison is \(3,\); it must be a tuple, each entry names and values"),
    ],
)
def test_a_damaged_file_says_what_is_wrong(written: Path, key: str, value: object, complaint: str) -> None:
    path = written / "balance.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), key: value}))
    with pytest.raises(LearningError, match=complaint):
        balance_file.read(path)


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("alpha", "lots", "a number"),
        ("alpha_standard_error", "lots", "a number or nothing"),
        ("pairs", "many", "a whole number"),
        ("warnings", 3, "a tuple, each entry text"),
        ("reference", 3, "Reference or nothing"),
    ],
)
def test_a_row_with_another_type_is_refused_naming_file_group_and_field(
    written: Path, name: str, value: object, wanted: str
) -> None:
    path = written / "balance.yaml"
    plain = yaml.safe_load(path.read_text())
    plain["groups"]["drawer"][name] = value
    path.write_text(yaml.safe_dump(plain))
    with pytest.raises(LearningError, match=rf"group 'drawer' of {path}: {name} is {value!r}; it must be {wanted}"):
        balance_file.read(path)


def test_weights_that_do_not_add_up_are_refused(written: Path) -> None:
    path = written / "balance.yaml"
    plain = yaml.safe_load(path.read_text())
    plain["groups"]["drawer"]["alpha"] = 0.9999
    path.write_text(yaml.safe_dump(plain))
    with pytest.raises(LearningError, match="add up to 1"):
        balance_file.read(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(LearningError, match="there are no weights at"):
        balance_file.read(tmp_path)
