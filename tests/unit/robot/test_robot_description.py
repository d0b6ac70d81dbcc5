"""The URDF made from xacro and YAML."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from rafr.errors import InputError
from rafr.robot.arm import ArmModel
from rafr.robot.description import ARMS, MODES, urdf_text
from rafr.robot.mobile import DifferentialDrive
from rafr.robot.urdf import joint_chain


@pytest.mark.parametrize("arm", ARMS)
@pytest.mark.parametrize("mode", MODES)
def test_every_arm_and_mode_gives_one_tree_rooted_at_base(arm, mode):
    tree = ET.fromstring(urdf_text(arm, mode))
    links = {link.get("name") for link in tree.findall("link")}
    children = {joint.find("child").get("link") for joint in tree.findall("joint")}
    assert links - children == {"base"}
    assert {"arm_base", "flange", "ft_sensor", "clamp"} <= links


def test_each_mode_names_its_own_hardware():
    plugins = {
        mode: ET.fromstring(urdf_text(mode=mode)).findtext("ros2_control/hardware/plugin") for mode in MODES
    }
    assert plugins == {
        "mock": "mock_components/GenericSystem",
        "hardware": "ur_robot_driver/URPositionHardwareInterface",
        "gazebo": "gz_ros2_control/GazeboSimSystem",
    }


def test_arguments_reach_the_description():
    assert "192.0.2.7" in urdf_text(mode="hardware", robot_ip="192.0.2.7")
    assert "/some/controllers.yaml" in urdf_text(mode="gazebo", controllers=["/some/controllers.yaml"])


def test_ros2_control_drives_every_joint_of_the_arm():
    tree = ET.fromstring(urdf_text())
    driven = [j.get("name") for j in tree.find("ros2_control").findall("joint")]
    assert driven == [j.name for j in joint_chain(urdf_text(), "arm_base", "clamp") if j.moves]


@pytest.mark.parametrize("arguments", [{"arm": "ur5"}, {"mode": "real"}])
def test_unknown_arm_or_mode_is_a_clear_input_error(arguments):
    with pytest.raises(InputError, match="is unknown; expected one of"):
        urdf_text(**arguments)


def test_the_clamp_lies_between_15_and_20_cm_out_of_the_flange():
    offset = sum(
        (j.T_parent_joint.translation for j in joint_chain(urdf_text(), "flange", "clamp")), start=np.zeros(3)
    )
    assert offset[:2] == pytest.approx([0.0, 0.0])
    assert 0.15 < offset[2] < 0.20


def test_wheels_of_the_urdf_are_those_of_the_drive():
    drive = DifferentialDrive.from_yaml()
    tree = ET.fromstring(urdf_text())
    y = {}
    for side in ("left", "right"):
        joint = next(j for j in tree.findall("joint") if j.get("name") == f"{side}_wheel_joint")
        xyz = [float(v) for v in joint.find("origin").get("xyz").split()]
        assert xyz[2] == pytest.approx(drive.wheel.radius)
        assert float(joint.find("limit").get("velocity")) == drive.limits.wheel_rate
        y[side] = xyz[1]
    assert y["left"] - y["right"] == pytest.approx(drive.wheel.track)


def test_a_joint_without_a_jerk_limit_is_refused_by_name():
    text = urdf_text()
    start = text.index("<limit", text.index('name="elbow_joint" type'))
    end = text.index("/>", start)
    broken = (
        text[:start] + '<limit lower="-1" upper="1" velocity="1" effort="1" acceleration="1"' + text[end:]
    )
    with pytest.raises(InputError, match="elbow_joint has no limit 'jerk'"):
        ArmModel.from_urdf(broken)


def test_text_that_is_no_urdf_is_refused():
    with pytest.raises(InputError, match="not valid XML"):
        ArmModel.from_urdf("<robot")
    with pytest.raises(InputError, match="no chain from link 'arm_base'"):
        ArmModel.from_urdf("<robot name='x'><link name='base'/></robot>")
