"""Smoothed poses of the tools, predicted to the time of publishing, for those who look (RViz, 3D Slicer)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from geometry_msgs.msg import PoseWithCovarianceStamped
from rclpy.node import Node

from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.nodes.convert import pose_message, time_message
from rafr.nodes.runtime import SENSOR
from rafr.tracking.filter import PoseFilter, PoseFilterConfig


class SmoothedTools:
    """`tracker/smoothed/<tool>`; costs nothing for a tool to which nobody listens."""

    def __init__(self, node: Node, config: PoseFilterConfig) -> None:
        self._node = node
        self._config = config
        self._publishers: dict[str, Any] = {}
        self._filters: dict[str, PoseFilter] = {}

    def add(
        self, stamp: float, now: float, poses: Mapping[str, RigidTransform], noise: Mapping[str, FloatArray]
    ) -> None:
        """Take the valid poses (m) of a frame exposed at `stamp` (s); `noise`: covariances where known."""
        for tool, pose in poses.items():
            publisher = self._publisher(tool)
            if not publisher.get_subscription_count():
                self._filters.pop(tool, None)
                continue
            smooth = self._filters.setdefault(tool, PoseFilter(self._config))
            smooth.add(stamp, pose, noise.get(tool))
            predicted = smooth.predict(max(now, stamp))
            if predicted is not None:
                publisher.publish(_message(max(now, stamp), *predicted))

    def _publisher(self, tool: str) -> Any:
        if tool not in self._publishers:
            topic = f"tracker/smoothed/{topic_name(tool)}"
            self._publishers[tool] = self._node.create_publisher(PoseWithCovarianceStamped, topic, SENSOR)
        return self._publishers[tool]


def topic_name(tool: str) -> str:
    """A tool's name as part of a topic: devices name their tools as they like, ROS does not."""
    name = re.sub(r"[^A-Za-z0-9_]", "_", tool)
    return name if name[:1].isalpha() else f"tool_{name}"


def _message(time: float, pose: RigidTransform, covariance: FloatArray) -> PoseWithCovarianceStamped:
    message = PoseWithCovarianceStamped()
    message.header.frame_id = "tracker"
    message.header.stamp = time_message(time)
    message.pose.pose = pose_message(pose)
    message.pose.covariance = covariance.ravel()
    return message
