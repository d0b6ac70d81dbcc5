"""The URDF made from xacro and YAML."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest
import yaml

from rafr.errors import InputError
from rafr.resources import resource_path
from rafr.robot.arm import ArmModel
from rafr.robot.collision import ArmCollision
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


@pytest.mark.parametrize(
    ("arm", "plugin", "address"),
    [
        ("ur10e", "ur_robot_driver/URPositionHardwareInterface", "robot_ip"),
        ("lbr_med14", "lbr_ros2_control::SystemInterface", "remote_host"),
        ("fr3", "franka_hardware/FrankaHardwareInterface", "robot_ip"),
    ],
)
def test_each_arm_names_its_own_driver_and_address(arm, plugin, address):
    hardware = ET.fromstring(urdf_text(arm, "hardware", robot_ip="192.0.2.7")).find("ros2_control/hardware")
    assert hardware.findtext("plugin") == plugin
    assert hardware.findtext(f"param[@name='{address}']") == "192.0.2.7"


@pytest.mark.parametrize("name", ARMS)
def test_each_arms_controller_moves_each_of_its_joints(name):
    text = resource_path(f"config/controllers_{name}.yaml").read_text(encoding="utf-8")
    controller = yaml.safe_load(text)["/rafr/joint_trajectory_controller"]["ros__parameters"]
    assert controller["joints"] == list(ArmModel.named(name).joint_names)


@pytest.mark.parametrize("name", ARMS)
def test_each_arm_is_described_parked_within_its_limits_and_off_its_singularities(name):
    arm = ArmModel.named(name)
    assert np.abs(arm.parked).max() > 1.0
    assert (arm.parked > arm.limits.lower).all()
    assert (arm.parked < arm.limits.upper).all()
    assert arm.manipulability(arm.parked) > 0.1
    assert ArmCollision(arm).touching(arm.parked) is None
    elsewhere = ArmModel(urdf_text(name, posture=arm.parked + 0.1))
    assert elsewhere.parked == pytest.approx(arm.parked + 0.1)


def test_arguments_reach_the_description():
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
