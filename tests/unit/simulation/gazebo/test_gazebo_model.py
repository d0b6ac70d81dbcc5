"""The SDF model is the URDF's robot: same frames, masses, axes and limits, nothing merged."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from rafr.errors import InputError
from rafr.geometry import RigidTransform
from rafr.robot.arm import ArmModel
from rafr.robot.description import ARMS, urdf_text
from rafr.simulation.gazebo.model import robot_model, with_rotors
from rafr.simulation.gazebo.world import gazebo_urdf


def numbers(element, tag, default="0 0 0 0 0 0"):
    found = element.find(tag)
    return [float(v) for v in (default if found is None or not found.text else found.text).split()]


def pose(element):
    values = numbers(element, "pose")
    return RigidTransform(Rotation.from_euler("xyz", values[3:]).as_matrix(), np.array(values[:3]))


def links_at(model, angles):
    """Where every link is, by the SDF's own rules, in the frame of the root link."""
    joints = {j.find("child").text: j for j in model.findall("joint")}
    places = {"base": RigidTransform.identity()}
    for link in model.findall("link"):
        name = link.get("name")
        if name in joints:
            joint = joints[name]
            assert link.find("pose").get("relative_to") == joint.get("name")
            assert joint.find("pose").get("relative_to") == joint.find("parent").text
            turn = RigidTransform.identity()
            if joint.get("type") == "revolute":
                axis = np.array(numbers(joint.find("axis"), "xyz"))
                turn = RigidTransform.from_rotvec(axis * angles.get(joint.get("name"), 0.0))
            places[name] = places[joint.find("parent").text] @ pose(joint) @ turn
    return places


@pytest.fixture(scope="module", params=ARMS)
def robot(request):
    urdf = urdf_text(request.param)
    return ArmModel(urdf), urdf, robot_model(urdf, (-1.0, 0.5, 0.3), 0.1, 0.52)


def test_every_link_stands_where_the_urdf_puts_it(robot):
    arm, _, model = robot
    q = np.random.default_rng(1).uniform(-2.0, 2.0, arm.dof)
    places = links_at(model, dict(zip(arm.joint_names, q, strict=True)))
    expected = arm.T_base_armbase @ arm.forward(q)
    assert np.allclose(places["clamp"].matrix, expected.matrix, atol=1e-9)


def test_masses_and_limits_are_the_urdfs(robot):
    arm, urdf, model = robot
    masses = {m.get("name"): m.find("inertial/mass") for m in ET.fromstring(urdf).findall("link")}
    for link in model.findall("link"):
        assert numbers(link.find("inertial"), "mass")[0] == float(masses[link.get("name")].get("value"))
    assert {n for n, m in masses.items() if m is not None} == {x.get("name") for x in model.findall("link")}
    joints = {j.get("name"): j for j in model.findall("joint")}
    for i, name in enumerate(arm.joint_names):
        limit = joints[name].find("axis/limit")
        for tag in ("lower", "upper", "effort", "velocity"):
            assert numbers(limit, tag)[0] == pytest.approx(getattr(arm.limits, tag)[i])


def test_the_base_stands_on_wheels_and_casters_and_drives(robot):
    model = robot[2]
    touching = {link.get("name") for link in model.findall("link") if link.find("collision") is not None}
    assert {"left_wheel", "right_wheel", "front_caster", "rear_caster"} < touching
    assert "clamp" not in touching
    drive = model.find("plugin")
    assert drive.get("filename") == "gz-sim-diff-drive-system"
    for tag in ("left_joint", "right_joint"):
        assert drive.find(tag).text in {j.get("name") for j in model.findall("joint")}
    assert numbers(model, "pose") == pytest.approx([-1.0, 0.5, 0, 0, 0, 0.3])


def test_the_wrist_has_its_sensor_at_a_joint_of_its_own(robot):
    sensor = robot[2].find("joint[@name='ft_sensor_mount']/sensor")
    assert sensor.get("type") == "force_torque"


def test_rotors_add_their_inertia_about_the_joints(robot):
    arm, urdf, _ = robot
    heavy = ArmModel(gazebo_urdf(urdf))
    q, still = np.linspace(-1.0, 1.2, arm.dof), np.zeros(arm.dof)
    difference = heavy.inertia_and_bias(q, still)[0] - arm.inertia_and_bias(q, still)[0]
    rotors = np.array([j.rotor_inertia for j in arm.chain if j.moves])
    assert (rotors > 0).all()
    assert difference[-1, -1] == pytest.approx(rotors[-1])
    assert (np.diag(difference) >= rotors - 1e-9).all()
    for link in ET.fromstring(gazebo_urdf(urdf)).findall("link"):  # no body can have another inertia
        tensor = link.find("inertial/inertia")
        if tensor is not None:
            value = {k: float(tensor.get(k)) for k in ("ixx", "ixy", "ixz", "iyy", "iyz", "izz")}
            rows = [["ixx", "ixy", "ixz"], ["ixy", "iyy", "iyz"], ["ixz", "iyz", "izz"]]
            moments = np.linalg.eigvalsh([[value[k] for k in row] for row in rows])
            assert moments[0] > 0
            assert moments[2] <= moments[0] + moments[1] + 1e-9


@pytest.mark.parametrize(
    ("urdf", "message"),
    [
        ("<robot", "not valid XML"),
        ('<robot><link name="a"/><link name="b"/><joint name="j" type="revolute"><parent link="a"/>'
         '<child link="b"/></joint></robot>', "without inertia"),
    ],
)  # fmt: skip
def test_a_robot_that_cannot_be_written_is_an_input_error(urdf, message):
    with pytest.raises(InputError, match=message):
        robot_model(urdf, (0.0, 0.0, 0.0), 0.1, 0.5)


def test_rotors_need_a_link_to_turn():
    urdf = '<robot><link name="b"/><joint name="j" type="revolute"><child link="b"/></joint></robot>'
    with pytest.raises(InputError, match="without inertia"):
        with_rotors(urdf, {"j": 1.0})
