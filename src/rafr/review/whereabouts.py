"""Where robot, tools and registered bones were when they were last heard of."""

from __future__ import annotations

import time
from typing import Any

from rafr.geometry import RigidTransform
from rafr.registration.live import Sighting
from rafr.review.messages import transform_from_pose

_TURNS = 100.0  # rad: no joint is turned further
_STILL = 1e-3  # m/s and rad/s: a base slower than this stands
_SILENCE = 2.0  # s, wall time: a tracker that delivered nothing for so long sees nothing


class Whereabouts:
    """The last message of each topic, read on demand: they come far oftener than anybody looks."""

    def __init__(self) -> None:
        self._joints: Any = None
        self._odometry: Any = None
        self._tools: Any = None
        self._tools_heard = float("-inf")
        self._T_marker_ct: dict[str, RigidTransform] = {}
        self._registration_error: dict[str, float] = {}

    def take_joints(self, message: Any) -> None:
        """`message`: sensor_msgs/JointState."""
        self._joints = message

    def take_odometry(self, message: Any) -> None:
        """`message`: nav_msgs/Odometry."""
        self._odometry = message

    def take_tools(self, message: Any) -> None:
        """`message`: rafr_msgs/ToolPoses."""
        self._tools, self._tools_heard = message, time.monotonic()

    def take_registration(self, message: Any) -> None:
        """`message`: rafr_msgs/Registration; None: nothing is registered."""
        bodies = () if message is None else message.bodies
        poses = {b.name: transform_from_pose(b.marker_from_ct) for b in bodies}
        self._T_marker_ct = {name: pose for name, pose in poses.items() if pose is not None}
        self._registration_error = {b.name: float(b.tre_estimate) for b in bodies}

    def angles(self) -> dict[str, float]:
        """Joint angles by name, rad; of those that were measured."""
        joints = self._joints
        if joints is None:
            return {}
        named = zip(joints.name, map(float, joints.position), strict=False)
        return {name: angle for name, angle in named if abs(angle) <= _TURNS}

    @property
    def tools(self) -> Any:
        """The tracker's last frame; None before."""
        return self._tools

    @property
    def tracking(self) -> bool:
        """Whether the tracker still delivers, by wall time."""
        return time.monotonic() - self._tools_heard < _SILENCE

    @property
    def stamp(self) -> Any:
        """Of the latest thing seen, on the clock of those who saw it; None before."""
        stamps = [m.header.stamp for m in (self._joints, self._odometry, self._tools) if m is not None]
        return max(stamps, key=lambda stamp: (stamp.sec, stamp.nanosec), default=None)

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
        return Sighting(seen, self._T_marker_ct, base, self._registration_error)
