"""Rotations, kinematics and the way from twists to joints."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from balanced_bc.simulation import panda
from balanced_bc.simulation.arm import ArmConfig, advance, hold, integrate, leash
from balanced_bc.simulation.kinematics import JOINT_HIGH, JOINT_LOW, TCP_FROM_HAND, forward, forward_with_jacobian
from balanced_bc.simulation.rotations import (
    exponential,
    logarithm,
    matrix_of,
    quaternion_of,
    rotation_between,
)
from balanced_bc.simulation.scene import BASE_POSITION
from balanced_bc.simulation.tasks import behavior_of
from balanced_bc.simulation.world import World

Floats = NDArray[np.float64]
PERIOD = 1 / 30
CONFIG = ArmConfig()

vectors = arrays(np.float64, 3, elements=st.floats(-1.7, 1.7))
joints = st.tuples(*(st.floats(a, b) for a, b in zip(JOINT_LOW, JOINT_HIGH))).map(np.array)
twists = arrays(np.float64, 6, elements=st.floats(-0.25, 0.25))


@given(vectors)
def test_logarithm_inverts_exponential(vector: Floats) -> None:
    np.testing.assert_allclose(logarithm(exponential(vector)), vector, atol=1e-7)


@given(vectors)
def test_a_rotation_survives_the_way_through_a_quaternion(vector: Floats) -> None:
    matrix = exponential(vector)
    np.testing.assert_allclose(matrix_of(quaternion_of(matrix)), matrix, atol=1e-9)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-9)


@given(joints)
def test_the_jacobian_is_the_derivative_of_the_pose(angles: Floats) -> None:
    pose, jacobian = forward_with_jacobian(angles)
    for index in range(7):
        moved = forward(angles + 1e-6 * np.eye(7)[index])
        np.testing.assert_allclose((moved.position - pose.position) / 1e-6, jacobian[:3, index], atol=1e-5)
        turned = rotation_between(moved.rotation, pose.rotation) / 1e-6
        np.testing.assert_allclose(turned, jacobian[3:, index], atol=1e-4)


def test_forward_kinematics_agree_with_the_physics_engine() -> None:
    world = World()
    start = behavior_of("opening", "slider").draw(np.random.default_rng(0))
    world.place(start)
    position, quaternion = world._engine.link_pose(world._robot, panda.HAND_LINK)
    pose = forward(start.joints)
    hand = pose.position + BASE_POSITION - TCP_FROM_HAND * pose.rotation[:, 2]
    np.testing.assert_allclose(hand, position, atol=1e-5)
    np.testing.assert_allclose(pose.rotation, matrix_of(quaternion), atol=1e-5)
    world.close()


@settings(max_examples=30)
@given(twists)
def test_the_target_never_runs_far_ahead_of_a_blocked_arm(twist: Floats) -> None:
    target = hold(panda.REST)
    for _ in range(30):
        target = advance(target, twist, panda.REST, panda.REST, PERIOD, CONFIG)
    measured = forward(panda.REST)
    assert np.linalg.norm(target.pose.position - measured.position) <= CONFIG.linear_leash + 1e-9
    assert np.linalg.norm(rotation_between(target.pose.rotation, measured.rotation)) <= CONFIG.angular_leash + 1e-9
    assert (np.abs(target.joints - panda.REST) <= CONFIG.joint_leash + 1e-9).all()


@settings(max_examples=30)
@given(twists)
def test_an_arm_that_follows_is_where_the_twist_leads(twist: Floats) -> None:
    target, wanted = hold(panda.REST), forward(panda.REST)
    for _ in range(8):
        target = advance(target, twist, target.joints, panda.REST, PERIOD, CONFIG)
        wanted = integrate(wanted, twist, PERIOD)
    reached = forward(target.joints)
    np.testing.assert_allclose(reached.position, wanted.position, atol=2e-3)
    assert np.linalg.norm(rotation_between(reached.rotation, wanted.rotation)) < 0.03


def test_a_target_within_reach_of_the_leash_is_left_alone() -> None:
    pose = forward(panda.REST)
    near = integrate(pose, np.full(6, 0.1), PERIOD)
    np.testing.assert_allclose(leash(near, pose, CONFIG).position, near.position)
    np.testing.assert_allclose(leash(near, pose, CONFIG).rotation, near.rotation, atol=1e-12)


@pytest.mark.parametrize("angles", [JOINT_LOW, JOINT_HIGH])
def test_joint_targets_stay_within_the_joint_limits(angles: Floats) -> None:
    target = hold(angles)
    for _ in range(10):
        target = advance(target, np.full(6, 0.4), target.joints, panda.REST, PERIOD, CONFIG)
        assert (target.joints >= JOINT_LOW).all()
        assert (target.joints <= JOINT_HIGH).all()
