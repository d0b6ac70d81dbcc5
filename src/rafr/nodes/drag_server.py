"""The other side of RViz's display InteractiveMarkers.

The protocol of the package interactive_markers, of which only the messages are needed: whoever joins asks the
service, and then follows updates numbered without a gap.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from geometry_msgs.msg import Quaternion
from rclpy.node import Node
from rclpy.qos import QoSProfile
from visualization_msgs.msg import (
    InteractiveMarker,
    InteractiveMarkerControl,
    InteractiveMarkerFeedback,
    InteractiveMarkerPose,
    InteractiveMarkerUpdate,
)
from visualization_msgs.srv import GetInteractiveMarkers

from rafr.geometry import RigidTransform
from rafr.nodes.convert import pose_message

_QOS = QoSProfile(depth=100)
# x of a control is its axis; RViz colours by it
_TURNS = {"x": (1.0, 0.0, 0.0), "y": (0.0, 0.0, 1.0), "z": (0.0, 1.0, 0.0)}
_MODES = {"move": InteractiveMarkerControl.MOVE_AXIS, "turn": InteractiveMarkerControl.ROTATE_AXIS}

Dropped = Callable[[InteractiveMarkerFeedback], None]


@dataclass(frozen=True, slots=True, eq=False)
class Grip:
    """A handle: `pose` (m) in the server's frame, `size` in m, `caption` beside it."""

    pose: RigidTransform
    size: float
    caption: str


class DragServer:
    """Shows grips in one frame and says where they were dropped."""

    def __init__(self, node: Node, name: str, frame: str, dropped: Dropped) -> None:
        self.frame = frame
        self._name, self._dropped, self._sequence = f"{node.get_name()}/{name}", dropped, 0
        self._markers: dict[str, InteractiveMarker] = {}
        self._updates = node.create_publisher(InteractiveMarkerUpdate, f"{name}/update", _QOS)
        node.create_service(GetInteractiveMarkers, f"{name}/get_interactive_markers", self._tell)
        node.create_subscription(InteractiveMarkerFeedback, f"{name}/feedback", self._take, _QOS)

    def show(self, grips: Mapping[str, Grip]) -> None:
        """Show exactly these, by name."""
        erases = [name for name in self._markers if name not in grips]
        self._markers = {name: _marker(self.frame, name, grip) for name, grip in grips.items()}
        self._publish(markers=list(self._markers.values()), erases=erases)

    def place(self, name: str, pose: RigidTransform) -> None:
        """Put a grip somewhere (m), for those who see it elsewhere, too."""
        marker = self._markers[name]
        marker.pose = pose_message(pose)
        self._publish(poses=[InteractiveMarkerPose(header=marker.header, pose=marker.pose, name=name)])

    def _publish(self, **content: Any) -> None:
        self._sequence += 1
        message = InteractiveMarkerUpdate(server_id=self._name, seq_num=self._sequence, **content)
        message.type = InteractiveMarkerUpdate.UPDATE
        self._updates.publish(message)

    def _tell(self, _: Any, response: Any) -> Any:
        response.sequence_number, response.markers = self._sequence, list(self._markers.values())
        return response

    def _take(self, feedback: InteractiveMarkerFeedback) -> None:
        if feedback.event_type == InteractiveMarkerFeedback.MOUSE_UP:
            self._dropped(feedback)


def _marker(frame: str, name: str, grip: Grip) -> InteractiveMarker:
    """Arrows and rings about three axes; without a stamp RViz keeps it fixed to its frame."""
    made = InteractiveMarker(name=name, description=grip.caption, scale=float(grip.size))
    made.header.frame_id = frame
    made.pose = pose_message(grip.pose)
    made.controls = [
        InteractiveMarkerControl(name=f"{verb}_{axis}", orientation=_towards(turn), interaction_mode=mode)
        for axis, turn in _TURNS.items()
        for verb, mode in _MODES.items()
    ]
    return made


def _towards(turn: tuple[float, float, float]) -> Quaternion:
    """The control's x along the axis that RViz takes for this, as its own examples have it."""
    half = 0.5**0.5
    return Quaternion(w=half, x=half * turn[0], y=half * turn[1], z=half * turn[2])
