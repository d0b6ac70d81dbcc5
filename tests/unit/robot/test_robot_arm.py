"""Kinematics, gravity and inverse kinematics of the arm."""

from functools import cache
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rafr.errors import InfeasibleError
from rafr.geometry import RigidTransform
from rafr.robot.arm import ArmModel
from rafr.robot.description import ARMS
from rafr.robot.links import LinkPoses

JOINTS = st.lists(st.floats(-3.0, 3.0), min_size=7, max_size=7).map(np.array)


@pytest.fixture(scope="module", params=ARMS)
def arm(request):
    return ArmModel.named(request.param)


@pytest.fixture(scope="module", params=["ur16e", "ur10e"])
def ur(request):
    return ArmModel.named(request.param)


@pytest.fixture(scope="module", params=["lbr_med14", "fr3"])
def redundant(request):
    return ArmModel.named(request.param)


def postures(arm, count, seed):
    """Anywhere within the limits and one turn, a little away from the ends."""
    lower, upper = np.maximum(arm.limits.lower, -2.8), np.minimum(arm.limits.upper, 2.8)
    return np.random.default_rng(seed).uniform(lower + 0.1, upper - 0.1, (count, arm.dof))


@cache
def lbr():
    return ArmModel.named("lbr_med14")


@settings(max_examples=25, deadline=None)
@given(JOINTS)
def test_the_jacobian_is_the_derivative_of_the_clamp_pose(q):
    arm, step = lbr(), 1e-6
    J = arm.jacobian(q)
    for i in range(arm.dof):
        dq = step * np.eye(arm.dof)[i]
        ahead, behind = arm.forward(q + dq), arm.forward(q - dq)
        linear = (ahead.translation - behind.translation) / (2 * step)
        angular = (ahead @ behind.inverse()).rotvec / (2 * step)
        # central differences of step 1e-6: round-off 1e-10, truncation 1e-12
        assert np.concatenate([linear, angular]) == pytest.approx(J[:, i], abs=1e-8)


def test_gravity_torque_is_the_gradient_of_potential_energy(arm):
    import pinocchio as pin

    q = postures(arm, 1, 0)[0]
    whole = pin.buildModelFromXML(arm.urdf)
    data = whole.createData()

    def energy(joints):
        full = pin.neutral(whole)
        for name, value in zip(arm.joint_names, joints, strict=True):
            full[whole.joints[whole.getJointId(name)].idx_q] = value
        return pin.computePotentialEnergy(whole, data, full)

    steps = 1e-5 * np.eye(arm.dof)
    gradient = [(energy(q + s) - energy(q - s)) / 2e-5 for s in steps]
    assert arm.gravity(q) == pytest.approx(gradient, abs=1e-6)  # N m; difference quotient's round-off


def test_the_stretched_arm_needs_its_torque_at_the_shoulder(arm):
    # a UR lies stretched at zero; the others stand upright and are laid down by their second joint
    q = np.zeros(arm.dof) if arm.dof == 6 else np.radians([0.0, 90.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    torque = arm.gravity(q)
    assert torque[0] == pytest.approx(0.0, abs=1e-6)
    assert np.argmax(np.abs(torque)) == 1
    assert abs(torque[1]) > 40.0
    assert (np.abs(torque) < arm.limits.effort).all()


def test_inverse_undoes_forward_within_limits(arm):
    rng = np.random.default_rng(1)
    for q in postures(arm, 12, 1):
        goal = arm.forward(q)
        found = arm.inverse(goal, q + rng.normal(scale=0.3, size=arm.dof))
        error = goal.inverse() @ arm.forward(found)
        assert np.linalg.norm(error.translation) < 2e-6
        assert error.angle < 2e-6
        assert (found >= arm.limits.lower).all()
        assert (found <= arm.limits.upper).all()


def test_inverse_prefers_the_solution_closest_to_where_the_arm_is(ur):
    arm, q = ur, np.radians([20.0, -100.0, 110.0, -100.0, -80.0, 30.0])
    for q0 in (q + 0.02, q + np.array([0, 0, 0, 0, 0, 2 * np.pi - 4.0])):
        solutions = arm.inverse_all(arm.forward(q), q0)
        assert len(solutions) > 1
        distances = [np.linalg.norm(s - q0) for s in solutions]
        assert distances == sorted(distances)
        assert np.linalg.norm(arm.inverse(arm.forward(q), q0) - q0) == pytest.approx(distances[0])


def test_a_pose_out_of_reach_is_refused_with_the_reason(arm):
    with pytest.raises(InfeasibleError, match="beyond the arm's reach"):
        arm.inverse(RigidTransform.from_translation((3.0, 0.0, 0.5)), arm.parked)
    below_its_feet = RigidTransform.from_translation((0.0, 0.0, -1.0))
    with pytest.raises(InfeasibleError, match="no joint angles within the joint limits"):
        arm.inverse(below_its_feet, arm.parked)


def test_a_redundant_arm_finds_several_elbows_for_one_clamp_pose(redundant):
    goal = redundant.forward(redundant.parked)
    solutions = redundant.inverse_all(goal, redundant.parked)
    for q in solutions:
        error = goal.inverse() @ redundant.forward(q)
        assert np.linalg.norm(error.translation) < 2e-6
        assert error.angle < 2e-6
    elbows = [elbow(redundant, q) for q in solutions]
    distances = [np.linalg.norm(a - b) for a, b in combinations(elbows, 2)]
    # elbows of an arm whose upper arm is about 0.3 to 0.4 m long
    assert sum(d > 0.1 for d in distances) >= 3


def elbow(arm, q):
    """(3,) origin of the fourth link, m on the mobile base."""
    angles = dict(zip(arm.joint_names, q, strict=True))
    return LinkPoses(arm.urdf).at(angles)[arm.chain[3].child].translation


def test_every_clamp_pose_of_a_redundant_arm_is_found_again_from_its_parked_posture(redundant):
    for q in postures(redundant, 12, 2):
        assert redundant.inverse_all(redundant.forward(q), redundant.parked)


def test_manipulability_vanishes_with_the_arm_stretched(arm):
    ur = np.radians([0.0, -90.0, 0.0, -90.0, -90.0, 0.0])
    stretched = ur if arm.dof == 6 else np.zeros(7)
    assert arm.manipulability(stretched) < 1e-6
    assert arm.manipulability(arm.parked) > 0.1
