"""CALVIN and the tabletop are one desk: same measures, same motions, same demonstrators, same verdicts."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from balanced_bc.simulation import desk, panda
from balanced_bc.simulation.calvin import CalvinEnv
from balanced_bc.simulation.calvin_twist import matrix_of_euler, relative_action
from balanced_bc.simulation.calvin_world import TCP_FROM_HAND, beyond
from balanced_bc.simulation.cameras import STATIC_VIEW, gripper_view
from balanced_bc.simulation.demonstrators import make_demonstrator, percept_of
from balanced_bc.simulation.environment import CONTRACT, DeskEnv, TabletopEnv, make
from balanced_bc.simulation.kinematics import forward
from balanced_bc.simulation.rotations import matrix_of, rotation_between
from balanced_bc.simulation.scene import BASE_POSITION, Placement, Start
from balanced_bc.simulation.tasks import TASKS
from balanced_bc.simulation.world import BLOCKS

Floats = NDArray[np.float64]
EVERY = [(task, behavior) for task, behaviors in TASKS.items() for behavior in behaviors]
SHUT = Start(
    panda.REST, 0.0, 0.0, False, False, Placement(0.1, -0.1, 0.0), Placement(0.25, -0.1, 0.0), Placement(-0.2, 0.1, 0.0)
)
"""Everything closed, the blocks straight and apart."""


@pytest.fixture(scope="module")
def there(request: pytest.FixtureRequest) -> Iterator[CalvinEnv]:
    """CALVIN."""
    request.getfixturevalue("calvin")
    env = make("opening", "calvin", render_images=False)
    assert isinstance(env, CalvinEnv)
    yield env
    env.close()


@pytest.fixture(scope="module")
def here() -> Iterator[TabletopEnv]:
    """The tabletop."""
    env = make("opening", render_images=False)
    yield env
    env.close()


def put(env: DeskEnv, start: Start) -> None:
    """Begin from a start that was not drawn."""
    env.reset(seed=0)
    env._world.place(start)
    env._place(start)


def wave(seed: int, steps: int = 60) -> Floats:
    """Smooth twists up to 0.45 m/s and 1.3 rad/s that lead back to where they began, [m/s] and [rad/s], (steps, 6)."""
    rng = np.random.default_rng(seed)
    time, size = np.arange(steps)[:, None] * CONTRACT.period, np.array([0.25] * 3 + [0.7] * 3)
    frequency = rng.integers(1, 4, size=6) / 2
    return np.asarray(rng.uniform(-1, 1, size=6) * size * np.sin(2 * np.pi * frequency * time))


def path(env: DeskEnv, twists: Floats) -> tuple[Floats, Floats]:
    """Measured poses of the tool: positions [m], (n, 3), and rotation matrices, (n, 3, 3)."""
    poses = [env.step(np.append(twist, 1.0))[4]["scene"].tcp_pose for twist in twists]
    return np.array([pose[:3] for pose in poses]), np.array([matrix_of(pose[3:]) for pose in poses])


def heights(env: DeskEnv) -> Floats:
    """Height of the desk under a grid of points, as rays from above find it, [m]."""
    x, y = np.meshgrid(np.arange(-0.43, 0.44, 0.01), np.arange(-0.27, 0.17, 0.01))
    above = np.stack((x.ravel(), y.ravel(), np.full(x.size, 1.0)), axis=1)
    below = above - (0.0, 0.0, 0.95)
    if isinstance(env, CalvinEnv):
        hits = env._world._env.p.rayTestBatch(above.tolist(), below.tolist())
    else:
        assert isinstance(env, TabletopEnv)
        hits = env._world._engine._call("rayTestBatch", above.tolist(), below.tolist())
    return np.array([hit[3][2] for hit in hits])


@pytest.mark.parametrize("seed", range(6))
def test_the_same_twists_move_the_tool_alike(here: TabletopEnv, there: CalvinEnv, seed: int) -> None:
    twists, went = wave(seed), []
    for env in (here, there):
        put(env, SHUT)
        start = forward(env._world.joints(), env.ARM.tcp_from_hand)
        positions, rotations = path(env, twists)
        went.append((positions - start.position, rotations))
    assert np.linalg.norm(went[0][0], axis=1).max() > 0.02
    assert np.linalg.norm(went[0][0] - went[1][0], axis=1).max() < 0.005
    turned = [np.linalg.norm(rotation_between(a, b)) for a, b in zip(went[0][1], went[1][1])]
    assert max(turned) < 0.02


def test_the_robot_begins_alike(there: CalvinEnv) -> None:
    robot = there._world._env.robot
    np.testing.assert_allclose(robot.base_position, BASE_POSITION)
    np.testing.assert_allclose(robot.initial_joint_positions, panda.REST)


def test_the_tool_center_point_is_that_of_calvin(there: CalvinEnv) -> None:
    there.reset(seed=0)
    there._world._env.p.performCollisionDetection()
    told = there._world._env.get_info()["robot_info"]
    pose = forward(there._world.joints(), TCP_FROM_HAND)
    np.testing.assert_allclose(pose.position + BASE_POSITION, told["tcp_pos"], atol=2e-3)
    assert np.linalg.norm(rotation_between(pose.rotation, matrix_of_euler(np.array(told["tcp_orn"])))) < 0.01


def test_the_desks_have_the_same_shape(here: TabletopEnv, there: CalvinEnv) -> None:
    found = []
    for env in (here, there):
        env._world.place(SHUT)
        found.append(heights(env))
    assert (np.abs(found[0] - found[1]) < 0.006).mean() > 0.92


@pytest.mark.parametrize(
    ("joint", "travel"),
    [
        ("base__slide", desk.SLIDER_TRAVEL),
        ("base__drawer", desk.DRAWER_TRAVEL),
        ("base__switch", desk.SWITCH_TRAVEL),
        ("base__button", desk.BUTTON_TRAVEL),
    ],
)
def test_moving_parts_have_the_same_travel(there: CalvinEnv, joint: str, travel: float) -> None:
    engine, (table,) = there._world._env.p, there._world._env.scene.fixed_objects
    known = {info[1].decode(): info[9] for info in (engine.getJointInfo(table.uid, i) for i in range(table.num_joints))}
    assert known[joint] == pytest.approx(travel)


def test_the_blocks_have_the_same_edges(there: CalvinEnv) -> None:
    world = there._world._env
    for name, thing in zip(BLOCKS, world.scene.movable_objects):
        (shape,) = world.p.getCollisionShapeData(thing.uid, -1)
        np.testing.assert_allclose(shape[3], BLOCKS[name][0], atol=1e-6)


def test_the_cameras_are_in_the_same_places(there: CalvinEnv) -> None:
    there.reset(seed=0)
    static, gripper = there._world._cameras["static"], there._world._cameras["gripper"]
    assert (static.look_from, static.look_at) == (list(STATIC_VIEW.eye), list(STATIC_VIEW.target))
    assert (static.up_vector, static.fov) == (list(STATIC_VIEW.up), STATIC_VIEW.field_of_view)
    pose = forward(there._world.joints(), 0.0)
    view = gripper_view(pose.position + BASE_POSITION, pose.rotation)
    engine, robot = there._world._env.p, there._world._env.robot.robot_uid
    position, quaternion = engine.getLinkState(robot, gripper.gripper_cam_link, computeForwardKinematics=True)[:2]
    rotation = matrix_of(np.array(quaternion))
    np.testing.assert_allclose(view.eye, position, atol=1e-3)
    np.testing.assert_allclose(np.subtract(view.target, view.eye), rotation[:, 1], atol=2e-3)
    np.testing.assert_allclose(view.up, -rotation[:, 2], atol=2e-3)
    assert gripper.fov == view.field_of_view


@pytest.mark.parametrize(("task", "behavior"), EVERY)
@pytest.mark.usefixtures("calvin")
def test_the_same_demonstrators_succeed_and_the_oracle_agrees(task: str, behavior: str) -> None:
    env = make(task, "calvin", render_images=False, horizon=300)
    verdicts = []
    for seed in range(8):
        _, info = env.reset(seed=seed, options={"behavior": behavior})
        demonstrator = make_demonstrator(task, behavior, "optimal", np.random.default_rng(seed))
        truncated = False
        while not demonstrator.finished and not truncated:
            *_, truncated, info = env.step(demonstrator.act(percept_of(info["scene"])))
        verdicts.append((info["success"], info["calvin_success"]))
    env.close()
    assert sum(ours for ours, _ in verdicts) >= 7
    assert all(ours == theirs for ours, theirs in verdicts)


def test_nothing_done_is_no_success_for_the_oracle_either(there: CalvinEnv) -> None:
    there.reset(seed=0)
    for _ in range(10):
        *_, info = there.step(np.array((0, 0, 0.1, 0, 0, 0, 1.0)))
    assert (info["success"], info["calvin_success"]) == (False, False)


@pytest.mark.parametrize("axis", range(6))
def test_a_converted_action_turns_the_tool_of_the_unchanged_environment(there: CalvinEnv, axis: int) -> None:
    there._world.place(SHUT)
    env, twist = there._world._env, 0.15 * np.eye(6)[axis]
    before = env.get_info()["robot_info"]
    for _ in range(15):
        env.step(np.append(relative_action(twist, env.robot.target_orn, CONTRACT.period), 1.0))
    for _ in range(20):
        env.step(np.append(np.zeros(6), 1.0))
    after = env.get_info()["robot_info"]
    rotations = [matrix_of_euler(np.array(told["tcp_orn"])) for told in (after, before)]
    moved = np.concatenate((np.subtract(after["tcp_pos"], before["tcp_pos"]), rotation_between(*rotations)))
    np.testing.assert_allclose(moved, 0.5 * twist, atol=0.012)


def test_a_frame_of_another_size_shows_the_same(there: CalvinEnv) -> None:
    there.reset(seed=0)
    small, large = there.frame(100, 100).astype(float), there.frame(200, 200).astype(float)
    shrunk = large.reshape(100, 2, 100, 2, 3).mean(axis=(1, 3))
    assert np.abs(small - shrunk).mean() < 8


def test_motors_go_as_far_as_they_are_asked_to() -> None:
    for way in (0.0, 0.01, -0.03, 0.05, -0.065):
        target, position = float(beyond(np.array([way]))[0]), 0.0
        for _ in range(8):
            position += float(np.clip(0.1 * (target - position), -2 / 240, 2 / 240))
        assert position == pytest.approx(way)


@pytest.mark.usefixtures("calvin")
def test_calvin_says_nothing_on_its_own() -> None:
    code = (
        "from balanced_bc.simulation.environment import make\n"
        "env = make('opening', 'calvin', render_images=False)\n"
        "env.reset(seed=0); env.step([0] * 7); env.images(); env.close()\n"
        "kept = make('opening', 'calvin', render_images=False)\n"
        "print('said by us')\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (run.stdout, run.stderr) == ("said by us\n", "")
