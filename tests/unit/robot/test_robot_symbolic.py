"""Kinematics and dynamics in CasADi against Pinocchio: two implementations that share only the URDF."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from rafr.errors import InputError
from rafr.robot.arm import ArmModel
from rafr.robot.description import ARMS
from rafr.robot.symbolic import (
    GRAVITY,
    forward_function,
    gravity_function,
    jacobian_function,
    torque_function,
)
from rafr.robot.urdf import joint_chain, link_inertia

STATES = 200
# round-off of products of a few dozen factors; a bare number: m, rad, or N m next to at most 1e4 N m
TOLERANCE = 1e-9


@pytest.fixture(scope="module", params=ARMS)
def arm(request):
    return ArmModel.named(request.param)


def values(function, *arguments):
    return np.array(function(*arguments)).ravel()


def states(arm, seed):
    """Angles in all ways round, rates and accelerations far beyond the limits."""
    rng = np.random.default_rng(seed)
    return rng.uniform(-np.pi, np.pi, (STATES, 3, arm.dof)), rng.normal(scale=100.0, size=(STATES, 6))


def test_kinematics_agree(arm):
    forward, jacobian = forward_function(arm.chain), jacobian_function(arm.chain)
    for q, _, _ in states(arm, 3)[0]:
        R, p = forward(q)
        T = arm.forward(q)
        assert np.abs(np.array(R) - T.rotation).max() < TOLERANCE
        assert np.abs(np.array(p).ravel() - T.translation).max() < TOLERANCE
        assert np.abs(np.array(jacobian(q)) - arm.jacobian(q)).max() < TOLERANCE


def test_inverse_dynamics_agree(arm):
    torque = torque_function(arm.chain)
    for (q, qd, qdd), wrench in zip(*states(arm, 4), strict=True):
        wanted = arm.torque(q, qd, qdd) - arm.jacobian(q).T @ wrench
        assert np.abs(values(torque, q, qd, qdd, wrench) - wanted).max() < TOLERANCE


def test_gravity_agrees(arm):
    gravity = gravity_function(arm.chain)
    for q, _, _ in states(arm, 5)[0]:
        assert np.abs(values(gravity, q) - arm.gravity(q)).max() < TOLERANCE


def test_a_weight_on_the_clamp_is_borne_like_a_heavier_clamp(arm):
    clamp = link_inertia(arm.urdf, "clamp")
    heavier = ArmModel(arm.urdf.replace(f'<mass value="{clamp.mass}"/>', f'<mass value="{clamp.mass + 2}"/>'))
    q = np.linspace(0.3, 1.2, arm.dof)
    # 2 kg at the clamp's own centre of mass, seen from its origin in axes of arm_base
    weight = np.array([0.0, 0.0, -2 * 9.81])
    wrench = np.concatenate([weight, np.cross(arm.forward(q).rotation @ clamp.centre, weight)])
    torque = values(torque_function(arm.chain), q, 0, 0, wrench)
    assert torque == pytest.approx(heavier.gravity(q), abs=TOLERANCE)
    assert np.abs(torque - arm.gravity(q)).max() > 5.0  # N m: the weight is felt


def test_gravity_follows_a_tilted_base(arm):
    tree = ET.fromstring(arm.urdf)
    mount = next(j for j in tree.findall("joint") if j.get("name") == "arm_mount")
    mount.find("origin").set("rpy", f"{np.pi / 2} 0 0")
    hung = ArmModel(ET.tostring(tree, encoding="unicode"))
    gravity = hung.T_base_armbase.rotation.T @ GRAVITY
    assert gravity == pytest.approx([0.0, -9.81, 0.0], abs=1e-12)
    q = np.linspace(-0.8, 0.9, arm.dof)
    assert values(gravity_function(hung.chain, gravity), q) == pytest.approx(hung.gravity(q), abs=TOLERANCE)
    assert np.abs(hung.gravity(q) - arm.gravity(q)).max() > 1.0  # N m


def test_every_link_of_the_chain_brings_its_inertia(arm):
    chain = joint_chain(arm.urdf, "arm_base", "clamp")
    for joint in chain:
        assert (joint.inertia.mass > 0) == (joint.child != "flange")
        assert (np.linalg.eigvalsh(joint.inertia.tensor) >= 0).all()
    assert chain[-1].inertia.centre == pytest.approx(link_inertia(arm.urdf, "clamp").centre)


def test_a_link_without_mass_is_refused_by_name():
    with pytest.raises(InputError, match="no link 'flange' with a mass"):
        link_inertia(ArmModel.named().urdf, "flange")
