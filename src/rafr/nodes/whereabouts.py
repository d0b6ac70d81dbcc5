"""What a viewer listens to: where robot, tools and registered bones are."""

from __future__ import annotations

import time
from typing import Any

from builtin_interfaces.msg import Time
from nav_msgs.msg import Odometry
from rafr_msgs.msg import Registration, ToolPoses
from rclpy.node import Node
from sensor_msgs.msg import JointState

from rafr.geometry import RigidTransform
from rafr.nodes.convert import seconds, transform_from_pose
from rafr.nodes.runtime import LATCHED, SENSOR
from rafr.registration.live import Sighting

_STILL = 1e-3  # m/s and rad/s: a base slower than this stands
_SILENCE = 2.0  # s, wall time: a tracker that delivered nothing for so long sees nothing


class Whereabouts:
    """The last message of each topic, read on demand: they come far oftener than anybody looks."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._subscriptions: list[Any] = []
        self._joints: JointState | None = None
        self._odometry: Odometry | None = None
        self._tools: ToolPoses | None = None
        self._tools_heard = 0.0
        self._T_marker_ct: dict[str, RigidTransform] = {}

    def listen(self, wanted: bool = True) -> None:
        """Begin to listen, or stop, which costs nothing then."""
        node = self._node
        if wanted and not self._subscriptions:
            self._subscriptions = [
                node.create_subscription(JointState, "joint_states", self._take_joints, SENSOR),
                node.create_subscription(Odometry, "odom", self._take_odometry, SENSOR),
                node.create_subscription(ToolPoses, "tracker/tools", self._take_tools, SENSOR),
                node.create_subscription(Registration, "registration", self._take_registration, LATCHED),
            ]
        while not wanted and self._subscriptions:
            node.destroy_subscription(self._subscriptions.pop())

    def angles(self) -> dict[str, float]:
        """Joint angles by name, rad."""
        joints = self._joints
        return {} if joints is None else dict(zip(joints.name, joints.position, strict=False))

    @property
    def tools(self) -> ToolPoses | None:
        """The tracker's last frame."""
        return self._tools

    @property
    def tracking(self) -> bool:
        """Whether the tracker still delivers, by wall time."""
        return time.monotonic() - self._tools_heard < _SILENCE

    @property
    def stamp(self) -> Time | None:
        """Of the latest thing seen, on the clock of those who saw it; None before."""
        seen = [m.header.stamp for m in (self._joints, self._odometry, self._tools) if m is not None]
        return max(seen, key=seconds, default=None)

    @property
    def base_stands(self) -> bool:
        """Whether odometry and tracker, which are not of the same moment, may be put together."""
        if self._odometry is None:
            return False
        twist = self._odometry.twist.twist
        return bool(abs(twist.linear.x) < _STILL and abs(twist.angular.z) < _STILL)

    def sighting(self) -> Sighting:
        """What was seen last."""
        tools = {} if self._tools is None else {t.name: t.pose for t in self._tools.tools if t.valid}
        poses = {name: transform_from_pose(pose) for name, pose in tools.items()}
        base = None if self._odometry is None else transform_from_pose(self._odometry.pose.pose)
        seen = {name: pose for name, pose in poses.items() if pose is not None}
        return Sighting(seen, self._T_marker_ct, base)

    def _take_joints(self, message: JointState) -> None:
        self._joints = message

    def _take_odometry(self, message: Odometry) -> None:
        self._odometry = message

    def _take_tools(self, message: ToolPoses) -> None:
        self._tools, self._tools_heard = message, time.monotonic()

    def _take_registration(self, message: Registration) -> None:
        poses = {b.name: transform_from_pose(b.marker_from_ct) for b in message.bodies}
        self._T_marker_ct = {name: pose for name, pose in poses.items() if pose is not None}
