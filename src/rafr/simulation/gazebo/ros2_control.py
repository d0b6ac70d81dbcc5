"""gz_ros2_control as the arm's driver in place of rafr's own: packages, controllers, description."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from rafr.errors import InputError
from rafr.resources import resource_path
from rafr.robot.description import urdf_text

if TYPE_CHECKING:
    from rafr.simulation.arrangement import Arrangement

PACKAGES = (
    "gz_ros2_control",
    "controller_manager",
    "joint_state_broadcaster",
    "joint_trajectory_controller",
    "ros_gz_bridge",
)
CONTROLLERS = ("joint_state_broadcaster", "joint_trajectory_controller")
_HOW = "apt install ros-jazzy-gz-ros2-control ros-jazzy-ros2-controllers ros-jazzy-ros-gz-bridge"


def require_ros2_control(option: str) -> None:
    """Raise InputError, saying how to get them, where ROS packages are missing."""
    index = "share/ament_index/resource_index/packages"
    missing = [name for name in PACKAGES if not any((p / index / name).is_file() for p in _prefixes())]
    if missing:
        raise InputError(option, f"there is no ROS package {', '.join(missing)}", _HOW)


def program_of(package: str, executable: str) -> str:
    """Path of a ROS package's program; raises InputError where there is none."""
    for prefix in _prefixes():
        path = prefix / "lib" / package / executable
        if path.is_file():
            return str(path)
    raise InputError(package, f"there is no program {executable}", _HOW)


def share_partition() -> None:
    """Let Gazebo's server and ros_gz_bridge, children of different processes, meet in one partition."""
    os.environ.setdefault("GZ_PARTITION", f"rafr-{os.getpid()}")


def _prefixes() -> list[Path]:
    return [Path(p) for p in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if p]


def controlled_urdf(arrangement: Arrangement) -> str:
    """The robot with gz_ros2_control as a plugin, parked."""
    arm = arrangement.config.arm
    names = ("controllers.yaml", f"controllers_{arm}.yaml", "controllers_gazebo.yaml")
    files = [resource_path(f"config/{name}") for name in names]
    return urdf_text(arm, "gazebo", controllers=files, posture=arrangement.parked_arm.tolist())
