"""The verb `collect`: scripted demonstrations into a dataset."""

from __future__ import annotations

from pathlib import Path

from tyro.conf import OmitArgPrefixes

from balanced_bc.printing import print_text, shown
from balanced_bc.simulation.config import CollectConfig
from balanced_bc.simulation.kinds.kinds import Kinds
from balanced_bc.verbs.inspect import inspect


def collect(
    output: Path,
    config: OmitArgPrefixes[CollectConfig] = CollectConfig(),
    kinds: Kinds = Kinds(),
) -> None:
    """Record scripted demonstrations in simulation; those that the dataset has already are not recorded again.

    Args:
        output: Folder of the dataset; one that exists grows. After an interruption the same command goes on.
        config: What is recorded.
        kinds: How strong the flaws are.
    """
    from balanced_bc.demonstrations.contract import RobotContract
    from balanced_bc.demonstrations.dataset import Dataset
    from balanced_bc.simulation.collect import jobs_of, performed

    jobs = jobs_of(config, kinds)
    runs = performed(Dataset.open_or_create(output, RobotContract()), jobs, config.workers)
    added = len(list(shown(runs, "collecting", lambda now: (now.done / now.total, now.note))))
    print_text(f"added {added} demonstrations" if added else f"nothing to do: {output} has {config.counts} already")
    inspect(output)
