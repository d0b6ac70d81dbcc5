"""What a viewer listens to: where robot, tools and registered bones are."""

from __future__ import annotations

from typing import Any

from nav_msgs.msg import Odometry
from rafr_msgs.msg import Registration, ToolPoses
from rclpy.node import Node
from sensor_msgs.msg import JointState

from rafr.nodes.runtime import LATCHED, SENSOR
from rafr.review.whereabouts import Whereabouts


class Listener:
    """Hands the messages of a node's topics on."""

    def __init__(self, node: Node, where: Whereabouts) -> None:
        self._node, self._where = node, where
        self._subscriptions: list[Any] = []

    def listen(self, wanted: bool = True) -> None:
        """Begin to listen, or stop, which costs nothing then."""
        node, where = self._node, self._where
        if wanted and not self._subscriptions:
            self._subscriptions = [
                node.create_subscription(JointState, "joint_states", where.take_joints, SENSOR),
                node.create_subscription(Odometry, "odom", where.take_odometry, SENSOR),
                node.create_subscription(ToolPoses, "tracker/tools", where.take_tools, SENSOR),
                node.create_subscription(Registration, "registration", where.take_registration, LATCHED),
            ]
        while not wanted and self._subscriptions:
            node.destroy_subscription(self._subscriptions.pop())
