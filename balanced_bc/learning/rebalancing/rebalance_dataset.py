"""From a dataset to files of weights, by runs that go on where they were interrupted and share their work."""

from __future__ import annotations

import atexit
import json
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

from balanced_bc.balancing.config import BalancingConfig
from balanced_bc.balancing.feedback import Judged
from balanced_bc.balancing.result import Progress
from balanced_bc.learning.config import EncodingConfig, FeedbackConfig
from balanced_bc.learning.errors import LearningError
from balanced_bc.learning.gathering import load_pairs, size_of_images
from balanced_bc.learning.pairs import Pairs
from balanced_bc.learning.rebalancing import balance_file, balance_picture, exports, report
from balanced_bc.learning.rebalancing import history as told
from balanced_bc.learning.rebalancing.balance_file import BalanceFile
from balanced_bc.learning.rebalancing.feedback import Feedback, Weighed, gather
from balanced_bc.learning.rebalancing.ledger import Files, kept
from balanced_bc.learning.rebalancing.rebalance import rebalance
from balanced_bc.learning.streaming import size_of_pairs, stream_pairs
from balanced_bc.learning.training import memory, parallel
from balanced_bc.learning.training.parallel import Team
from balanced_bc.policies.config import PolicyConfig

if TYPE_CHECKING:
    from balanced_bc.demonstrations.dataset import Dataset

SPARE = ("memory",)
"""Of the encoding's configuration: what may change when a balancing goes on, for the weights do not depend on it."""


def rebalance_dataset(
    dataset: Dataset,
    axes: Sequence[str],
    output: Path,
    config: BalancingConfig | None = None,
    policy: PolicyConfig | None = None,
    encoding: EncodingConfig | None = None,
    stop: Callable[[], bool] = lambda: False,
    feedback: FeedbackConfig | None = None,
) -> Iterator[Progress]:
    """Balance a dataset; at the end write balance.yaml and what lies beside it.

    While it runs, what is done is kept in the folder OUTPUT.balancing, and the same call goes on from there.
    Under torchrun processes share the work, and only the first one reports and writes.

    Args:
        dataset: Where the demonstrations are.
        axes: Tags that make the groups.
        output: Folder to write into.
        config: Method and its numbers.
        policy: The policy that will be trained with the weights.
        encoding: Size of the networks that balancing trains.
        stop: Asked at every progress; when true, the run ends with the weights so far and a warning. When it raises,
            what is done is kept.
        feedback: What is known of policies that were trained on it.
    """
    config, policy, encoding = config or BalancingConfig(), policy or PolicyConfig(), encoding or EncodingConfig()
    balance_file.refuse_existing(output)
    if parallel.rank() == 0:
        balance_file.require_writable(output)
    with parallel.joined() as team:
        pairs, fingerprint = load(dataset, axes, policy, encoding), dataset.fingerprint(axes)
        team.require_same(fingerprint, "dataset")
        given = feedback or FeedbackConfig()
        known = gather(given, Weighed(pairs.groups, fingerprint, dataset.fingerprint()))
        files = Files(output, _description(fingerprint, axes, config, policy, encoding, given, known))
        with kept(team, files, stop) as (work, total):
            place = _place(team, files)
            run = rebalance(pairs, config, policy, encoding, stop, known, work=work, place=place)
            last, history = yield from _told(run, total, team.leads)
            if team.leads:
                assert last.result is not None, "a run ends with its answer"
                written = BalanceFile.of(
                    *(last.result, pairs, fingerprint, config, policy, encoding), given, dataset.contract.period
                )
                with files.writing():
                    write(output, written, pairs, history)
        if team.leads:
            yield last


def _told(
    run: Iterator[Progress], total: Callable[[float], float], leads: bool
) -> Generator[Progress, None, tuple[Progress, list[Progress]]]:
    """Tell of a run by the progress of all processes, if this one leads; its last moment, and what to draw of it."""
    history, last = list[Progress](), None
    for progress in run:
        done = total(progress.done)
        last = progress if progress.result else progress._replace(done=done)
        if leads and (now := last.of_groups).weights.numel():
            history.append(now)
        if leads and last.result is None:
            yield last
    if last is None or last.result is None:
        raise LearningError("balancing ended without an answer")
    return last, history


def write(output: Path, content: BalanceFile, pairs: Pairs, history: Sequence[Progress]) -> None:
    """Write balance.yaml and what lies beside it.

    Args:
        output: Folder to write into.
        content: What balance.yaml says.
        pairs: The dataset with its groups.
        history: Progress of the whole run, without lanes.
    """
    exports.write(output, content, pairs)
    weights = balance_file.pair_weights(content, pairs)
    told.write(output, told.traces(history), content.groups)
    balance_file.write(output, content, weights, balance_picture.draw(content, history))
    report.write(output / report.NAME, output)


def load(dataset: Dataset, axes: Sequence[str], policy: PolicyConfig, encoding: EncodingConfig) -> Pairs:
    """Load the pairs, into memory or mapped from the disk."""
    needed = size_of_images(dataset, policy) + size_of_pairs(dataset, policy)
    if memory.of_host(encoding.memory, needed) == "disk":
        return stream_pairs(dataset, axes, policy)
    return load_pairs(dataset, axes, policy)


def _place(team: Team, files: Files) -> Path:
    """Where this process maps features from: only the first one writes beside the output."""
    if team.leads:
        return files.folder
    folder = Path(mkdtemp(prefix="balanced-bc-"))
    atexit.register(rmtree, folder, ignore_errors=True)
    return folder


def _description(
    fingerprint: str,
    axes: Sequence[str],
    config: BalancingConfig,
    policy: PolicyConfig,
    encoding: EncodingConfig,
    given: FeedbackConfig,
    known: Feedback,
) -> dict[str, Any]:
    """What tells one balancing from every other: of feedback, what the files said when they were read."""
    small = {name: value for name, value in asdict(encoding).items() if name not in SPARE}
    judged = {f"{number} ({one.name})": _verdict(one) for number, one in enumerate(known.judged)}
    what = {
        "balancing": asdict(config),
        "policy": policy.architecture,
        "encoding": small,
        "feedback": {**given.to_dict(), "judged": judged},
    }
    return {"dataset": fingerprint, "group_by": ",".join(axes), **json.loads(json.dumps(what))}


def _verdict(one: Judged) -> dict[str, Any]:
    return {"weights": one.weights.tolist(), "good": one.good.tolist(), "bad": one.bad.tolist()}
