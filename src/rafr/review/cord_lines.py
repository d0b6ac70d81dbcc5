"""The soft tissue as the page draws it, from the simulator's markers."""

from __future__ import annotations

from typing import Any

import numpy as np

from rafr.geometry.rigid_transform import FloatArray
from rafr.review.theatre import DrawnCords


def drawn_cords(message: Any) -> tuple[dict[str, DrawnCords], tuple[str, FloatArray] | None]:
    """The lists of lines by namespace, and the label's text and place (3,), of a MarkerArray."""
    lines, label = {}, None
    for marker in message.markers:
        if marker.type == marker.TEXT_VIEW_FACING:
            p = marker.pose.position
            label = marker.text, np.array([p.x, p.y, p.z])
        elif marker.type == marker.LINE_LIST and len(marker.points) == len(marker.colors):
            points = np.array([(p.x, p.y, p.z) for p in marker.points]).reshape(-1, 2, 3)
            colours = np.array([(c.r, c.g, c.b) for c in marker.colors]).reshape(-1, 2, 3)
            lines[marker.ns] = DrawnCords(points, colours, marker.scale.x)
    return lines, label
