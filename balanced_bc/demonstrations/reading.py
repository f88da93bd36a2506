"""From a bag to aligned arrays in files, in two passes: first times and numbers, then the images that frames need."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from balanced_bc.demonstrations.alignment import Alignment, align
from balanced_bc.demonstrations.bag import read_bag
from balanced_bc.demonstrations.cdr import parse, stamp
from balanced_bc.demonstrations.contract import (
    GRIPPER_COMMAND,
    JOINT_STATES,
    VELOCITY_COMMAND,
    Camera,
    RobotContract,
)
from balanced_bc.demonstrations.decoding import decode
from balanced_bc.demonstrations.frames import Track, actions_of, scenes_of, states_of


def write_aligned(bag: Path, contract: RobotContract, folder: Path) -> None:
    """Align a bag and write its arrays as .npy files; no more than one chunk of images is in memory at a time.

    Args:
        bag: Folder of the bag.
        contract: Streams and their maximum ages.
        folder: Where ticks.npy, state.npy, action.npy, scene.npy (if there is a scene) and one file per camera go.

    Raises:
        DemonstrationError: The bag is damaged, a message is not as the contract says, or it is no demonstration.
    """
    tracks = read_tracks(bag, contract)
    alignment = align(contract, {topic: track.stamps for topic, track in tracks.items()})
    state = states_of(alignment, tracks[JOINT_STATES].values, contract)
    openings = tracks[GRIPPER_COMMAND].values if GRIPPER_COMMAND in tracks else ()
    np.save(folder / "ticks.npy", alignment.ticks)
    np.save(folder / "state.npy", state)
    np.save(folder / "action.npy", actions_of(alignment, tracks[VELOCITY_COMMAND].values, openings, state))
    if (scene := scenes_of(alignment, tracks)) is not None:
        np.save(folder / "scene.npy", scene)
    _write_images(bag, contract, alignment, folder)


def read_tracks(bag: Path, contract: RobotContract) -> dict[str, Track]:
    """Read every stream of the contract that spoke; tracks of cameras have times and no values."""
    cameras = {camera.topic for camera in contract.cameras}
    stamps: dict[str, list[int]] = {}
    values: dict[str, list[object]] = {}
    for topic, type_name, received, cdr in read_bag(bag, [stream.topic for stream in contract.streams]):
        stamps.setdefault(topic, []).append(stamp(type_name, cdr, received))
        if topic not in cameras:
            values.setdefault(topic, []).append(decode(topic, parse(type_name, cdr), contract, received).value)
    return {topic: Track(np.array(s, dtype=np.int64), values.get(topic, [])) for topic, s in stamps.items()}


def _write_images(bag: Path, contract: RobotContract, alignment: Alignment, folder: Path) -> None:
    with ExitStack() as stack:
        files = {c.topic: stack.enter_context(_ImageFile(folder, c, len(alignment.ticks))) for c in contract.cameras}
        seen = dict.fromkeys(files, 0)
        for topic, type_name, received, cdr in read_bag(bag, files):
            rows = np.flatnonzero(alignment.indices[topic] == seen[topic])
            if rows.size:
                files[topic].write(rows, decode(topic, parse(type_name, cdr), contract, received).value)
            seen[topic] += 1


class _ImageFile:
    """A .npy file of images that is written row by row.

    Not by a memory map: on a full disk that ends the process instead of raising.
    """

    def __init__(self, folder: Path, camera: Camera, count: int) -> None:
        self._stream = (folder / f"{camera.name}.npy").open("wb")
        about = {"descr": "|u1", "fortran_order": False, "shape": (count, *camera.shape)}
        np.lib.format.write_array_header_1_0(self._stream, about)  # type: ignore[no-untyped-call]
        self._start, self._size = self._stream.tell(), int(np.prod(camera.shape))

    def write(self, rows: NDArray[np.int64], image: NDArray[np.uint8]) -> None:
        """Write one image into the rows that hold it."""
        for row in rows.tolist():
            self._stream.seek(self._start + row * self._size)
            self._stream.write(np.ascontiguousarray(image).data)

    def __enter__(self) -> _ImageFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()
