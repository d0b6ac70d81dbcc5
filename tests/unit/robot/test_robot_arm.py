"""Kinematics, gravity and inverse kinematics of the arm."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rafr.errors import InfeasibleError
from rafr.geometry import RigidTransform
from rafr.robot.arm import ArmModel

JOINTS = st.lists(st.floats(-3.0, 3.0), min_size=6, max_size=6).map(np.array)


@pytest.fixture(scope="module", params=["ur16e", "ur10e"])
def arm(request):
    return ArmModel.named(request.param)


@settings(max_examples=25, deadline=None)
@given(JOINTS)
def test_the_jacobian_is_the_derivative_of_the_clamp_pose(q):
    arm = ArmModel.named()
    step = 1e-6
    J = arm.jacobian(q)
    for i in range(6):
        dq = step * np.eye(6)[i]
        ahead, behind = arm.forward(q + dq), arm.forward(q - dq)
        linear = (ahead.translation - behind.translation) / (2 * step)
        angular = (ahead @ behind.inverse()).rotvec / (2 * step)
        # central differences of step 1e-6: round-off 1e-10, truncation 1e-12
        assert np.concatenate([linear, angular]) == pytest.approx(J[:, i], abs=1e-8)


def test_gravity_torque_is_the_gradient_of_potential_energy(arm):
    import pinocchio as pin

    rng = np.random.default_rng(0)
    q = rng.uniform(-2, 2, 6)
    whole = pin.buildModelFromXML(arm.urdf)
    data = whole.createData()

    def energy(joints):
        full = pin.neutral(whole)
        for name, value in zip(arm.joint_names, joints, strict=True):
            full[whole.joints[whole.getJointId(name)].idx_q] = value
        return pin.computePotentialEnergy(whole, data, full)

    steps = 1e-5 * np.eye(6)
    gradient = [(energy(q + s) - energy(q - s)) / 2e-5 for s in steps]
    assert arm.gravity(q) == pytest.approx(gradient, abs=1e-6)  # N m; difference quotient's round-off


def test_the_stretched_arm_needs_its_torque_at_the_shoulder(arm):
    torque = arm.gravity(np.zeros(6))
    assert torque[0] == pytest.approx(0.0, abs=1e-6)
    assert abs(torque[1]) > 50.0
    assert (np.abs(torque) < arm.limits.effort).all()


def test_inverse_undoes_forward_within_limits(arm):
    rng = np.random.default_rng(1)
    for q in rng.uniform(-2.5, 2.5, (12, 6)):
        goal = arm.forward(q)
        found = arm.inverse(goal, q + rng.normal(scale=0.3, size=6))
        error = goal.inverse() @ arm.forward(found)
        assert np.linalg.norm(error.translation) < 2e-6
        assert error.angle < 2e-6
        assert (found >= arm.limits.lower).all()
        assert (found <= arm.limits.upper).all()


def test_inverse_prefers_the_solution_closest_to_where_the_arm_is(arm):
    q = np.radians([20.0, -100.0, 110.0, -100.0, -80.0, 30.0])
    for q0 in (q + 0.02, q + np.array([0, 0, 0, 0, 0, 2 * np.pi - 4.0])):
        solutions = arm.inverse_all(arm.forward(q), q0)
        assert len(solutions) > 1
        distances = [np.linalg.norm(s - q0) for s in solutions]
        assert distances == sorted(distances)
        assert np.linalg.norm(arm.inverse(arm.forward(q), q0) - q0) == pytest.approx(distances[0])


def test_a_pose_out_of_reach_is_refused_with_the_reason(arm):
    with pytest.raises(InfeasibleError, match="beyond the arm's reach"):
        arm.inverse(RigidTransform.from_translation((3.0, 0.0, 0.5)), np.zeros(6))
    inside_itself = RigidTransform.from_translation((0.0, 0.0, 0.18))
    with pytest.raises(InfeasibleError, match="no joint angles within the joint limits"):
        arm.inverse(inside_itself, np.zeros(6))


def test_manipulability_vanishes_with_the_arm_stretched(arm):
    folded = np.radians([0.0, -120.0, 120.0, -90.0, -90.0, 0.0])
    stretched = np.radians([0.0, -90.0, 0.0, -90.0, -90.0, 0.0])
    assert arm.manipulability(stretched) < 1e-6
    assert arm.manipulability(folded) > 0.1
