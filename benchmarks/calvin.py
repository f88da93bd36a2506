"""How alike CALVIN and the tabletop are; needs calvin_env. Run: `python benchmarks/calvin.py [--rollouts 200]`.

First table: how far the tool is from where the tabletop's is, over 60 steps of smooth twists from random starts, for
three ways of moving CALVIN's arm: ours (joint positions), absolute poses and relative actions, both solved by its own
inverse kinematics. Sequences in which an arm touches anything are left out: CALVIN's fingers are longer.
Second table: rollouts that succeed, fail or wander, judged by our success test and by CALVIN's task oracle.
"""

from __future__ import annotations

import json
import multiprocessing
import sys
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from balanced_bc.simulation.arm import integrate
from balanced_bc.simulation.calvin import CalvinEnv
from balanced_bc.simulation.calvin_twist import relative_action
from balanced_bc.simulation.demonstrators import make_demonstrator, percept_of
from balanced_bc.simulation.environment import CONTRACT, DeskEnv, TabletopEnv
from balanced_bc.simulation.kinematics import Pose, forward
from balanced_bc.simulation.rotations import quaternion_of, rotation_between
from balanced_bc.simulation.scene import BASE_POSITION, Placement, Start
from balanced_bc.simulation.starts import draw_joints
from balanced_bc.simulation.tasks import TASKS
from balanced_bc.tables import aligned

Floats = NDArray[np.float64]
Path = Sequence[Pose]
Drive = Callable[[CalvinEnv, Start, Floats], Path]
BLOCKS = (Placement(0.1, -0.1, 0.0), Placement(0.25, -0.1, 0.0), Placement(-0.2, 0.1, 0.0))
STEPS = 60
"""Length of a sequence of twists."""
LONGEST = 150
"""Steps of a rollout."""


def start_of(seed: int) -> Start:
    """Start with everything closed and joints as episodes begin with."""
    return Start(draw_joints(np.random.default_rng(seed)), 0.0, 0.0, False, False, *BLOCKS)


def wave(seed: int, speed: float) -> Floats:
    """Smooth twists that lead back to where they began, [m/s] and [rad/s], (STEPS, 6).

    Args:
        seed: Source of directions and frequencies.
        speed: Largest velocity of an axis, [m/s]; a turn has 2.8 rad for each meter.
    """
    rng = np.random.default_rng(seed)
    time, size = np.arange(STEPS)[:, None] * CONTRACT.period, speed * np.array([1.0] * 3 + [2.8] * 3)
    frequency = rng.integers(1, 4, size=6) / 2
    return np.asarray(rng.uniform(-1, 1, size=6) * size * np.sin(2 * np.pi * frequency * time))


def tool(env: DeskEnv) -> Pose:
    """Measured pose of the tool center point."""
    return forward(env._world.joints(), env.ARM.tcp_from_hand)


def ours(env: DeskEnv, start: Start, twists: Floats) -> Path:
    """Move as the environment does; nothing if the arm touches anything."""
    env.reset(seed=0)
    env._world.place(start)
    env._place(start)
    poses = [tool(env)]
    for twist in twists:
        env.step(np.append(twist, 1.0))
        poses.append(tool(env))
        if env._world.is_robot_touching():
            return ()
    return poses


def native(env: CalvinEnv, start: Start, twists: Floats, action: Callable[[CalvinEnv, Pose, Floats], object]) -> Path:
    """Move by actions that calvin_env solves itself, toward a target pose that the twists carry along."""
    env._world.place(start)
    poses, target = [tool(env)], tool(env)
    for twist in twists:
        wanted = action(env, target := integrate(target, twist, CONTRACT.period), twist)
        *_, env._world._now = env._world._env.step(wanted)
        poses.append(tool(env))
    return poses


def absolute(env: CalvinEnv, target: Pose, twist: Floats) -> object:
    """Pose to go to, in its world."""
    del env, twist
    pose = (target.position + BASE_POSITION, quaternion_of(target.rotation), 1)
    return {"type": "cartesian_abs", "action": pose}


def relative(env: CalvinEnv, target: Pose, twist: Floats) -> object:
    """What is added to its own target pose."""
    del target
    return np.append(relative_action(twist, env._world._env.robot.target_orn, CONTRACT.period), 1.0)


DRIVES: Mapping[str, Drive] = {
    "joint positions (ours)": ours,
    "absolute poses": lambda env, start, twists: native(env, start, twists, absolute),
    "relative actions": lambda env, start, twists: native(env, start, twists, relative),
}


def difference(one: Path, other: Path) -> tuple[float, float]:
    """Largest difference of the ways from the start, [m], and of the orientations, [rad]."""
    apart = [
        float(np.linalg.norm(a.position - one[0].position - b.position + other[0].position)) for a, b in zip(one, other)
    ]
    turned = [float(np.linalg.norm(rotation_between(a.rotation, b.rotation))) for a, b in zip(one, other)]
    return max(apart), max(turned)


def parity(sequences: int, speed: float) -> tuple[list[tuple[str, ...]], dict[str, tuple[float, float]]]:
    """Rows of the table, and the largest differences of each drive."""
    here, there = TabletopEnv(render_images=False), CalvinEnv(render_images=False)
    motions = [(start_of(seed), wave(seed, speed)) for seed in range(sequences)]
    free = [motion for motion in motions if ours(there, *motion) and ours(here, *motion)]
    expected = [ours(here, *motion) for motion in free]
    sys.stdout.write(f"{len(free)} of {sequences} sequences touch nothing\n")
    rows: list[tuple[str, ...]] = [("CALVIN driven by", "position, worst", "median", "orientation, worst", "median")]
    worst = {}
    for name, drive in DRIVES.items():
        found = np.array([difference(drive(there, *motion), path) for motion, path in zip(free, expected)])
        (far, turned), (middle, half) = found.max(axis=0).tolist(), np.median(found, axis=0).tolist()
        rows.append((name, f"{1e3 * far:.2f} mm", f"{1e3 * middle:.2f} mm", f"{turned:.4f} rad", f"{half:.4f} rad"))
        worst[name] = (far, turned)
    here.close()
    there.close()
    return rows, worst


@lru_cache(maxsize=2)
def kept(task: str) -> CalvinEnv:
    """One environment per process and task."""
    return CalvinEnv(task, render_images=False, horizon=LONGEST)


def judged(job: tuple[str, str, int]) -> tuple[bool, bool]:
    """Both verdicts on a rollout; in two of five, noise or a wrong goal spoils what a demonstrator does."""
    task, behavior, seed = job
    env, rng = kept(task), np.random.default_rng(seed)
    _, info = env.reset(seed=seed, options={"behavior": behavior})
    demonstrator = make_demonstrator(task, behavior, "optimal" if seed % 2 else "suboptimal", rng)
    noise = (0.0, 0.0, 0.0, 0.4, 0.8)[seed % 5]
    drift = np.append(rng.normal(size=3) * noise * 0.4, np.zeros(4))
    for _ in range(LONGEST):
        action = demonstrator.act(percept_of(info["scene"])) + drift
        if demonstrator.finished:
            break
        *_, info = env.step(action)
    return info["success"], info["calvin_success"]


def agreement(rollouts: int) -> tuple[list[tuple[str, ...]], int]:
    """Rows of the table, and the number of rollouts on which the verdicts agree."""
    behaviors = [(task, behavior) for task, names in TASKS.items() for behavior in names]
    jobs = [(*behaviors[index % len(behaviors)], 900_000 + index // len(behaviors)) for index in range(rollouts)]
    with multiprocessing.get_context("spawn").Pool() as pool:
        verdicts = pool.map(judged, jobs)
    counts = Counter((job[1], ours, theirs) for job, (ours, theirs) in zip(jobs, verdicts))
    rows: list[tuple[str, ...]] = [("behavior", "both: success", "both: failure", "only ours", "only CALVIN's")]
    for _, behavior in behaviors:
        pairs = ((True, True), (False, False), (True, False), (False, True))
        rows.append((behavior, *(str(counts[behavior, ours, theirs]) for ours, theirs in pairs)))
    return rows, sum(one == other for one, other in verdicts)


def main() -> None:
    """Measure."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--sequences", type=int, default=20)
    parser.add_argument("--speed", type=float, default=0.25, help="largest velocity of an axis, [m/s]")
    parser.add_argument("--rollouts", type=int, default=200)
    asked = parser.parse_args()
    motions, worst = parity(asked.sequences, asked.speed)
    sys.stdout.write(aligned(motions) + "\n\n")
    verdicts, agreed = agreement(asked.rollouts)
    plain = {
        "worst": worst,
        "sequences": asked.sequences,
        "speed": asked.speed,
        "agreed": agreed,
        "rollouts": asked.rollouts,
    }
    sys.stdout.write(aligned(verdicts) + "\n" + json.dumps(plain) + "\n")


if __name__ == "__main__":
    main()
