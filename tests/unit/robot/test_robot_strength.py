"""Torques under load, the force that can be held any way round, and room to the joints' limits."""

import numpy as np
import pytest

from rafr.robot.arm import ArmModel
from rafr.robot.strength import holding_torque, joint_margin, reserve_force, torque_share


@pytest.fixture(scope="module", params=["ur16e", "ur10e"])
def arm(request):
    return ArmModel.named(request.param)


@pytest.fixture
def postures():
    return np.random.default_rng(4).uniform(-2.5, 2.5, (8, 6))


def directions(count):
    """Even on the sphere (Fibonacci)."""
    k = np.arange(count) + 0.5
    z, turn = 1 - 2 * k / count, np.pi * (1 + np.sqrt(5)) * k
    r = np.sqrt(1 - z**2)
    return np.column_stack([r * np.cos(turn), r * np.sin(turn), z])


def test_the_torques_are_those_of_inverse_dynamics_with_an_outer_force(arm, postures):
    import pinocchio as pin

    rng = np.random.default_rng(5)
    whole = pin.buildModelFromXML(arm.urdf)
    locked = [i for i in range(1, whole.njoints) if whole.names[i] not in arm.joint_names]
    model = pin.buildReducedModel(whole, locked, pin.neutral(whole))
    data, clamp = model.createData(), model.getFrameId("clamp")
    for q in postures:
        wrench = rng.uniform(-1, 1, 6) * [200, 200, 200, 30, 30, 30]
        pin.framesForwardKinematics(model, data, q)
        frame, joint = model.frames[clamp], model.frames[clamp].parentJoint
        turn = data.oMf[clamp].rotation.T @ arm.T_base_armbase.rotation
        at_clamp = pin.Force(turn @ wrench[:3], turn @ wrench[3:])
        outer = [pin.Force.Zero() for _ in range(model.njoints)]
        outer[joint] = frame.placement.act(at_clamp)
        expected = pin.rnea(model, data, q, np.zeros(6), np.zeros(6), outer)
        # N m; both are sums of a few products of up to 1e3 N m: round-off
        assert holding_torque(arm, q, wrench)[0] == pytest.approx(expected, abs=1e-9)


def test_no_load_takes_the_share_that_gravity_takes(arm, postures):
    expected = [np.abs(arm.gravity(q)) / arm.limits.effort for q in postures]
    assert torque_share(arm, postures, np.zeros(6)) == pytest.approx(np.array(expected))


@pytest.mark.parametrize("load", [(0.0,) * 6, (60.0, -40.0, 30.0, 4.0, -3.0, 2.0)])
def test_the_reserve_is_the_least_over_all_directions_found_by_brute_force(arm, postures, load):
    unit = directions(4000)
    share = 0.8
    for q, reserve in zip(postures, reserve_force(arm, q=postures, wrench=load, share=share), strict=True):
        tau, slope = holding_torque(arm, q, load)[0], -unit @ arm.jacobian(q)[:3]
        bound = share * arm.limits.effort
        with np.errstate(divide="ignore"):
            until = (bound - np.sign(slope) * tau) / np.abs(slope)
        assert reserve <= until.min() + 1e-9
        # 4,000 directions lie within 2.5 deg of any other: a cosine of 0.999
        assert until.min() == pytest.approx(reserve, rel=2e-3)


def test_a_load_beyond_the_limits_leaves_no_reserve(arm):
    q = np.radians([[0.0, -120.0, 120.0, -90.0, -90.0, 0.0]])
    assert torque_share(arm, q, (0, 0, -5000.0, 0, 0, 0)).max() > 1
    assert reserve_force(arm, q, (0, 0, -5000.0, 0, 0, 0)) == 0.0


def test_one_per_cent_more_than_the_reserve_can_overload_a_joint(arm, postures):
    for q, force in zip(postures, reserve_force(arm, postures), strict=True):
        gravity, J = arm.gravity(q), arm.jacobian(q)[:3]
        levers = np.linalg.norm(J, axis=0)
        with np.errstate(divide="ignore"):  # no force at the clamp turns a joint whose axis runs through it
            worst = np.argmin((arm.limits.effort - np.abs(gravity)) / levers)
        unit = -np.sign(gravity[worst]) * J[:, worst] / np.linalg.norm(J[:, worst])
        wrench = force * np.append(unit, [0.0, 0.0, 0.0])
        assert torque_share(arm, q, wrench).max() == pytest.approx(1.0)
        assert torque_share(arm, q, 1.01 * wrench).max() > 1


def test_the_joint_margin_is_the_way_to_the_nearest_limit(arm):
    q = np.zeros((2, 6))
    q[0, 4] = arm.limits.upper[4] - 0.2
    q[1, 2] = arm.limits.lower[2] - 0.1
    assert joint_margin(arm, q) == pytest.approx([0.2, -0.1])
