"""What an arm can hold."""

import numpy as np
import pytest

from rafr.robot.arm import ArmModel
from rafr.robot.description import ARMS
from rafr.robot.strength import Load, assess_strength, holdable_force, needed_torque
from rafr.robot.symbolic import torque_function

PLACE = np.array([0.05, -0.02, 0.15])


@pytest.fixture(scope="module", params=ARMS)
def arm(request):
    return ArmModel.named(request.param)


def test_no_direction_of_a_load_needs_more_torque_and_one_needs_nearly_as_much(arm):
    torque = torque_function(arm.chain)
    q, still = arm.parked, np.zeros(arm.dof)
    worst = needed_torque(arm, q, Load(50.0, 5.0, PLACE))
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(4000, 2, 3))
    directions /= np.linalg.norm(directions, axis=2, keepdims=True)
    lever = arm.forward(q).rotation @ PLACE
    largest = np.zeros(arm.dof)
    for f, t in directions * [[50.0], [5.0]]:
        wrench = np.concatenate([f, t + np.cross(lever, f)])
        largest = np.maximum(largest, np.abs(np.array(torque(q, still, still, wrench)).ravel()))
    assert (largest <= worst + 1e-9).all()
    # 4,000 random directions come within a few degrees of the worst pair
    assert (largest > 0.9 * worst).all()


def test_the_holdable_force_is_where_the_first_joint_reaches_its_limit(arm):
    force = holdable_force(arm, arm.parked, PLACE)
    share = needed_torque(arm, arm.parked, Load(force, 0.0, PLACE)) / arm.limits.effort
    assert share.max() == pytest.approx(1.0, abs=1e-9)
    postures = arm.parked[None]
    assert assess_strength(arm, postures, Load(0.99 * force, 0.0, PLACE)).accepted
    refused = assess_strength(arm, postures, Load(1.01 * force, 0.0, PLACE))
    assert not refused.accepted
    assert arm.joint_names[int(np.argmax(share))] in refused.reasons[0]


def test_the_weakest_posture_decides():
    arm = ArmModel.named()
    weak, strong = arm.parked, np.radians([0.0, -5.0, 5.0, 0.0, 0.0, 0.0])
    least, most = (holdable_force(arm, q, PLACE) for q in (weak, strong))
    assert least < most - 5.0
    between = Load(0.5 * (least + most), 0.0, PLACE)
    assert assess_strength(arm, strong[None], between).accepted
    assert not assess_strength(arm, np.array([strong, weak]), between).accepted


def test_an_arm_that_cannot_hold_itself_holds_nothing():
    arm = ArmModel.named("fr3")
    urdf = arm.urdf.replace('effort="87.0"', 'effort="1.0"')
    assert holdable_force(ArmModel(urdf), np.array([0.0, 1.5, 0.0, -0.2, 0.0, 1.5, 0.0]), PLACE) == 0.0
