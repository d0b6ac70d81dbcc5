"""TF messages, where this ROS installation has them (`tf2_msgs` is not on PyPI)."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import Any

from builtin_interfaces.msg import Time
from geometry_msgs.msg import Transform, TransformStamped, Vector3
from rclpy.node import Node
from rclpy.qos import QoSProfile

from rafr.geometry import RigidTransform
from rafr.nodes.convert import pose_message


class TfPublisher:
    """Publishes on /tf; does nothing where `tf2_msgs` is missing."""

    def __init__(self, node: Node) -> None:
        self._message = _tf_message()
        self._publisher: Any = None
        if self._message is not None:
            self._publisher = node.create_publisher(self._message, "/tf", QoSProfile(depth=100))

    @property
    def watched(self) -> bool:
        return self._publisher is not None and bool(self._publisher.get_subscription_count())

    def publish(self, frames: Iterable[TransformStamped]) -> None:
        """Publish frames; they are not even made where nobody could get them."""
        if self._publisher is None:
            return
        transforms = list(frames)
        if transforms:
            self._publisher.publish(self._message(transforms=transforms))


def frame_message(parent: str, child: str, T: RigidTransform, stamp: Time) -> TransformStamped:
    """The pose (m) of frame `child` in frame `parent`."""
    pose = pose_message(T)
    p = pose.position
    frame = TransformStamped(
        child_frame_id=child,
        transform=Transform(translation=Vector3(x=p.x, y=p.y, z=p.z), rotation=pose.orientation),
    )
    frame.header.frame_id = parent
    frame.header.stamp = stamp
    return frame


def _tf_message() -> Any:
    try:
        return importlib.import_module("tf2_msgs.msg").TFMessage
    except ImportError:
        return None
