"""RViz markers in a few words, and a topic of them on which what is not shown any more goes away.

Markers carry no stamp and are locked to their frame: RViz draws them where the frame is now, whichever
clock the system runs on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from geometry_msgs.msg import Point, Vector3
from numpy.typing import ArrayLike
from rclpy.node import Node
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.nodes.convert import pose_message
from rafr.nodes.runtime import LATCHED

_AXES = np.array([(0.94, 0.30, 0.26), (0.30, 0.78, 0.36), (0.30, 0.55, 1.00)])  # x, y, z


def colour(rgb: ArrayLike, alpha: float = 1.0) -> ColorRGBA:
    """Of red, green, blue in 0..1."""
    r, g, b = (float(v) for v in np.asarray(rgb))
    return ColorRGBA(r=r, g=g, b=b, a=alpha)


def points(places: FloatArray) -> list[Point]:
    """Of places (n, 3), m."""
    return [Point(x=x, y=y, z=z) for x, y, z in np.asarray(places, dtype=float).tolist()]


def marker(
    frame: str, namespace: str, number: int, kind: int, T: RigidTransform | None = None, **fields: Any
) -> Marker:
    """A marker whose origin is at T (m) in `frame`."""
    made = Marker(ns=namespace, id=number, type=kind, action=Marker.ADD, frame_locked=True, **fields)
    made.header.frame_id = frame
    made.pose = pose_message(RigidTransform.identity() if T is None else T)
    return made


def text(frame: str, namespace: str, number: int, at: ArrayLike, words: str, height: float) -> Marker:
    """White words that face the viewer, `height` (m) each line, at a place (3,) in `frame`."""
    T = RigidTransform.from_translation(at)
    scale, white = Vector3(z=height), colour((1.0, 1.0, 1.0))
    return marker(frame, namespace, number, Marker.TEXT_VIEW_FACING, T, text=words, scale=scale, color=white)


def axes(
    frame: str, namespace: str, number: int, poses: Sequence[RigidTransform], length: float, **style: Any
) -> Marker:
    """The axes of poses (m) in `frame` as lines; `rgb` paints all alike, `alpha` makes them translucent."""
    rgb, alpha = style.get("rgb"), style.get("alpha", 1.0)
    ends = [(T.translation, T.translation + length * T.rotation[:, k]) for T in poses for k in range(3)]
    painted = [colour(_AXES[k] if rgb is None else rgb, alpha) for _ in poses for k in range(3)]
    made = marker(frame, namespace, number, Marker.LINE_LIST, scale=Vector3(x=0.05 * length))
    made.points = points(np.array(ends).reshape(-1, 3))
    made.colors = [c for c in painted for _ in range(2)]
    made.color = colour((1.0, 1.0, 1.0), alpha)
    return made


class MarkerTopic:
    """A latched topic that always holds everything there is to see."""

    def __init__(self, node: Node, topic: str) -> None:
        self._publisher = node.create_publisher(MarkerArray, topic, LATCHED)
        self._shown: dict[tuple[str, int], str] = {}  # frame by namespace and number

    @property
    def watched(self) -> bool:
        return bool(self._publisher.get_subscription_count())

    def show(self, markers: Iterable[Marker]) -> None:
        """Show exactly these."""
        shown = list(markers)
        now = {(m.ns, m.id): m.header.frame_id for m in shown}
        gone = [_deletion(key, frame) for key, frame in self._shown.items() if key not in now]
        self._shown = now
        self._publisher.publish(MarkerArray(markers=[*gone, *shown]))


def _deletion(key: tuple[str, int], frame: str) -> Marker:
    made = Marker(ns=key[0], id=key[1], action=Marker.DELETE)
    made.header.frame_id = frame
    return made
