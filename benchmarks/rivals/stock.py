"""robomimic's stock image policy: its network, its loss and its training, on an export of our dataset."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from itertools import islice
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from balanced_bc.demonstrations.observation import Observation
from balanced_bc.learning.pairs import Pairs
from balanced_bc.policies.actor import Execution
from balanced_bc.policies.config import PolicyConfig
from balanced_bc.policies.resample import shrink
from benchmarks.rivals.hdf5 import STATE, File, export, robomimic

SIZE = 84
"""Rows and columns of images in robomimic's image experiments, [px]; its network looks at random crops of 76."""
POLICY = PolicyConfig(image_size=SIZE, chunk=1, execute=1)
"""What decides which pairs are exported: one action for each observation, as robomimic learns."""


class Reached(NamedTuple):
    """A policy on the way.

    Attributes:
        path: Where it is.
        steps: Optimizer steps until then.
        wall: Wall time of loading and training until then, [s].
        cpu: Processor time of the same, [s].
    """

    path: str
    steps: int
    wall: float
    cpu: float


def configuration(cameras: Sequence[str], seed: int) -> Any:
    """The configuration of image BC in robomimic's own experiments, with our names; everything is cached."""
    robomimic()
    with redirect_stdout(sys.stderr):
        from robomimic import algo  # noqa: F401  It registers the networks that the configuration names.
        from robomimic.config import config_factory
        from robomimic.scripts import generate_paper_configs as paper
        from robomimic.utils import obs_utils

    config = paper.modify_config_for_default_image_exp(config_factory("bc"))
    config = paper.modify_bc_config_for_dataset(config, "ours", "ph", "image")
    with config.values_unlocked():
        config.observation.modalities.obs.low_dim = [STATE]
        config.observation.modalities.obs.rgb = list(cameras)
        config.train.hdf5_cache_mode, config.train.num_data_workers = "all", 0
        config.train.seed, config.train.cuda = seed, torch.cuda.is_available()
    with redirect_stdout(sys.stderr):
        obs_utils.initialize_obs_utils_with_config(config)
    return config


def algorithm(cameras: Sequence[str], seed: int) -> tuple[Any, Any]:
    """Robomimic's configuration and a fresh policy of it."""
    config = configuration(cameras, seed)
    from robomimic.algo import algo_factory

    device = torch.device("cuda" if config.train.cuda else "cpu")
    shapes = {**dict.fromkeys(cameras, (3, SIZE, SIZE)), STATE: (8,)}
    np.random.seed(seed)
    torch.manual_seed(seed)
    with redirect_stdout(sys.stderr):
        return config, algo_factory("bc", config, obs_key_shapes=shapes, ac_dim=7, device=device)


def scale_of(pairs: Pairs) -> Tensor:
    """What brings each action to -1..1, which is all that robomimic's policy can say, (7,)."""
    return pairs.action.abs().amax(dim=(0, 1)).clamp_min(1e-6)


def train(pairs: Pairs, folder: Path, every: int, seconds: float, seed: int) -> Iterator[Reached]:
    """Train until the time is used up; keep a policy every so many steps. Goes on where it was interrupted.

    Args:
        pairs: From `load_pairs` with `POLICY`.
        folder: Where policies are kept.
        every: Steps between two policies.
        seconds: Wall time of loading and training, [s].
        seed: Of the network and of the batches.
    """
    folder.mkdir(parents=True, exist_ok=True)
    scale = scale_of(pairs)
    path = export(pairs, folder / "data.hdf5", scale)
    begun, begun_cpu = perf_counter(), process_time()
    config, model = algorithm(tuple(pairs.images), seed)
    batches = _batches(File(pairs, path), config.train.batch_size)
    loaded = Reached("", 0, perf_counter() - begun, process_time() - begun_cpu)
    last = _restored(model, folder) or loaded
    while last.wall < seconds:
        begun, begun_cpu = perf_counter(), process_time()
        _descend(model, islice(batches, every), last.steps // config.experiment.epoch_every_n_steps)
        wall, cpu = last.wall + perf_counter() - begun, last.cpu + process_time() - begun_cpu
        path = folder / f"{last.steps + every:06d}.pt"
        last = Reached(str(path), last.steps + every, wall, cpu)
        _keep(model, path, last, {"cameras": list(pairs.images), "scale": scale.tolist()})
        yield last


def _batches(file: File, size: int) -> Iterator[Mapping[str, Any]]:
    loader = file.loader(size)
    while True:
        yield from loader


def _descend(model: Any, batches: Iterator[Mapping[str, Any]], epoch: int) -> None:
    """What robomimic's `run_epoch` does, less its logging."""
    model.set_train()
    for batch in batches:
        ready = model.process_batch_for_training(batch)
        ready = model.postprocess_batch_for_training(ready, obs_normalization_stats=None)
        model.train_on_batch(ready, epoch, validate=False)


def _keep(model: Any, path: Path, reached: Reached, about: Mapping[str, Any]) -> None:
    """The policy, and what training needs to go on; older training states are removed."""
    _save({"model": model.serialize(), "reached": reached._asdict(), **about}, path)
    optimizers = {name: optimizer.state_dict() for name, optimizer in model.optimizers.items()}
    _save({"model": model.serialize(), "optimizers": optimizers, "reached": reached._asdict()}, path.parent / "last.pt")


def _save(plain: Mapping[str, Any], path: Path) -> None:
    partial = path.with_name(f".{path.name}")
    torch.save(dict(plain), partial)
    partial.rename(path)


def _restored(model: Any, folder: Path) -> Reached | None:
    """Go on from the last state, if there is one."""
    if not (path := folder / "last.pt").exists():
        return None
    plain = torch.load(path, weights_only=True)
    model.deserialize(plain["model"])
    for name, state in plain["optimizers"].items():
        model.optimizers[name].load_state_dict(state)
    return Reached(**plain["reached"])


def reached(folder: Path) -> list[Reached]:
    """Policies that are kept, the first of them first."""
    found = sorted(path for path in folder.glob("[0-9]*.pt"))
    return [Reached(**torch.load(path, weights_only=True)["reached"]) for path in found]


class Acting:
    """robomimic's policy where ours stands in a rollout: one action from each observation.

    Args:
        path: What `train` kept.
    """

    execution = Execution()

    def __init__(self, path: str) -> None:
        plain = torch.load(path, weights_only=True)
        self.cameras, self.scale = plain["cameras"], np.array(plain["scale"], np.float32)
        _, model = algorithm(self.cameras, 0)
        model.deserialize(plain["model"])
        from robomimic.algo import RolloutPolicy

        self.policy = RolloutPolicy(model)
        self.policy.start_episode()

    def act(self, seen: Sequence[Sequence[Observation]]) -> NDArray[np.float32]:
        """Next actions, (N, 1, 7)."""
        return np.stack([self._action(history[-1]) for history in seen])

    def _action(self, observation: Observation) -> NDArray[np.float32]:
        """Twist and gripper, the latter by its sign, (1, 7)."""
        images = {
            name: shrink(observation.images[name], SIZE).transpose(2, 0, 1).astype(np.float32) / 255
            for name in self.cameras
        }
        action: NDArray[np.float32] = self.policy({**images, STATE: observation.state}) * self.scale
        action[6] = 1.0 if action[6] > 0 else -1.0
        return action[None].astype(np.float32)
