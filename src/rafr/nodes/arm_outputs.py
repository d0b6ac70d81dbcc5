"""What the arm controller publishes: commands for the arm's own controller, and `arm/state`."""

from __future__ import annotations

from typing import Any

from builtin_interfaces.msg import Time
from rafr_msgs.msg import ArmState
from rclpy.node import Node
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from rafr.control.config import ArmControlConfig
from rafr.control.signals import ArmCommand
from rafr.errors import InputError
from rafr.geometry.rigid_transform import FloatArray
from rafr.nodes.convert import duration_message, invalid_pose_message, pose_message
from rafr.nodes.runtime import RELIABLE

_STREAMS: dict[str, tuple[Any, str]] = {
    "joint_trajectory": (JointTrajectory, "joint_trajectory_controller/joint_trajectory"),
    "position": (Float64MultiArray, "forward_position_controller/commands"),
}


class ArmOutputs:
    """Publishers of a node.

    Args:
        stream: which controller takes the commands, a key of `_STREAMS`.
        reach: s after the joint state it answers, when a command's position is to be reached.

    Raises:
        InputError: there is no such stream.
    """

    def __init__(self, node: Node, joint_names: tuple[str, ...], stream: str, reach: float) -> None:
        if stream not in _STREAMS:
            raise InputError("node arm_controller", f"parameter stream is {stream!r}", " or ".join(_STREAMS))
        self._joint_names, self._stream, self._reach = joint_names, stream, reach
        self._commands = node.create_publisher(*_STREAMS[stream], RELIABLE)
        self._states = node.create_publisher(ArmState, "arm/state", RELIABLE)

    def send(self, q: FloatArray, stamp: Time) -> None:
        """A command, (dof,) rad, in answer to the joint state of this stamp."""
        if self._stream == "position":
            self._commands.publish(Float64MultiArray(data=q.tolist()))
            return
        point = JointTrajectoryPoint(positions=q.tolist(), time_from_start=duration_message(self._reach))
        command = JointTrajectory(joint_names=list(self._joint_names), points=[point])
        command.header.stamp = stamp
        self._commands.publish(command)

    def say(
        self, command: ArmCommand, limits: ArmControlConfig, stamp: Time, longest: float, adjusted: str
    ) -> None:
        """The state; `longest`: s, period of the loop since this was asked; `adjusted`: why the path is."""
        fragment = command.fragment
        message = ArmState(
            state=int(command.state),
            body=command.body,
            reason=command.reason,
            progress=command.progress,
            fragment_tracked=fragment is not None,
            fragment=invalid_pose_message() if fragment is None else pose_message(fragment),
            target_distance=command.target_distance,
            target_angle=command.target_angle,
            path_error=command.path_error,
            force=command.force,
            torque=command.torque,
            force_limit=limits.force_limit,
            torque_limit=limits.torque_limit,
            loop_period_max=longest,
            warnings=list(command.warnings),
            stiffness=command.stiffness,
            expected_force=command.expected_force,
            adjustment=command.adjustment,
            adjustment_reason=adjusted,
        )
        message.header.stamp = stamp
        message.header.frame_id = "pelvis"
        self._states.publish(message)
