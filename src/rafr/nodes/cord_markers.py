"""The simulated soft tissue as markers, for RViz and the review page alike."""

from __future__ import annotations

from collections.abc import Mapping

from geometry_msgs.msg import Point, Vector3
from rclpy.qos import QoSProfile
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

from rafr.review.tension import tension_colours
from rafr.simulation.cords import TRACTION, Cords

TOPIC = "simulation/tissue"
QOS = QoSProfile(depth=1)
LABEL = "label"
_THICKNESS = {"muscles": 0.002, "ligaments": 0.003, "bedding": 0.0015, TRACTION: 0.006}  # m
_LABEL_AT = 0.3  # share of the traction cord's way to the winch
_LABEL_HEIGHT = 0.03  # m


def cord_markers(cords: Mapping[str, Cords]) -> MarkerArray:
    """A list of lines per kind of cord, coloured by tension, and the traction in words (frame `pelvis`)."""
    markers = []
    for kind, group in cords.items():
        marker = _marker(kind, Marker.LINE_LIST)
        marker.scale.x = _THICKNESS[kind]
        ends = group.segments.reshape(-1, 3).tolist()
        marker.points = [Point(x=x, y=y, z=z) for x, y, z in ends]
        colours = [ColorRGBA(r=r, g=g, b=b, a=1.0) for r, g, b in tension_colours(group.tensions).tolist()]
        marker.colors = [colour for colour in colours for _ in range(2)]
        markers.append(marker)
    if TRACTION in cords:
        markers.append(_label(cords[TRACTION]))
    return MarkerArray(markers=markers)


def _label(traction: Cords) -> Marker:
    marker = _marker(LABEL, Marker.TEXT_VIEW_FACING)
    hip, winch = traction.segments[0]
    x, y, z = (hip + _LABEL_AT * (winch - hip)).tolist()
    marker.pose.position = Point(x=x, y=y, z=z)
    marker.scale = Vector3(z=_LABEL_HEIGHT)
    marker.color = ColorRGBA(r=1.0, g=1.0, b=1.0, a=1.0)
    marker.text = f"traction {traction.tensions[0]:.0f} N"
    return marker


def _marker(namespace: str, kind: int) -> Marker:
    """Without a stamp, locked to its frame: RViz draws it where the patient is now."""
    marker = Marker(ns=namespace, type=kind, action=Marker.ADD, frame_locked=True)
    marker.header.frame_id = "pelvis"
    marker.pose.orientation.w = 1.0
    return marker
