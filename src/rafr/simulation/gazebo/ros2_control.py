"""gz_ros2_control as the arm's driver in place of rafr's own: packages, controllers, description."""

from __future__ import annotations

import os
from pathlib import Path

from rafr.errors import InputError
from rafr.resources import resource_path
from rafr.robot.description import urdf_text
from rafr.simulation.arrangement import Arrangement

PACKAGES = (
    "gz_ros2_control",
    "controller_manager",
    "joint_state_broadcaster",
    "joint_trajectory_controller",
    "ros_gz_bridge",
)
CONTROLLERS = ("joint_state_broadcaster", "joint_trajectory_controller")
_FILES = ("config/controllers.yaml", "config/controllers_gazebo.yaml")
_HOW = "apt install ros-jazzy-gz-ros2-control ros-jazzy-ros2-controllers ros-jazzy-ros-gz-bridge"


def require_ros2_control(option: str) -> None:
    """Raise InputError, saying how to get them, where ROS packages are missing."""
    prefixes = [Path(p) for p in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if p]
    index = "share/ament_index/resource_index/packages"
    missing = [name for name in PACKAGES if not any((p / index / name).is_file() for p in prefixes)]
    if missing:
        raise InputError(option, f"there is no ROS package {', '.join(missing)}", _HOW)


def controlled_urdf(arrangement: Arrangement) -> str:
    """The robot with gz_ros2_control as a plugin, parked."""
    files = [resource_path(name) for name in _FILES]
    return urdf_text(
        arrangement.config.arm, "gazebo", controllers=files, posture=arrangement.parked_arm.tolist()
    )
