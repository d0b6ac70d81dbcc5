"""The soft tissue as the page draws it, from the simulator's markers."""

from __future__ import annotations

from typing import Any

import numpy as np

from rafr.geometry.rigid_transform import FloatArray
from rafr.review.theatre import DrawnCords

_FARTHEST = 100.0  # m


def drawn_cords(message: Any) -> tuple[dict[str, DrawnCords], tuple[str, FloatArray] | None]:
    """The lists of lines by namespace, and the label's text and place (3,), of a MarkerArray.

    What is not finite or far away is left out.
    """
    lines, label = {}, None
    for marker in message.markers:
        if marker.type == marker.TEXT_VIEW_FACING:
            p = marker.pose.position
            place = np.array([p.x, p.y, p.z])
            label = (marker.text, place) if _drawable(place) else label
        elif marker.type == marker.LINE_LIST and len(marker.points) == len(marker.colors):
            points = np.array([(p.x, p.y, p.z) for p in marker.points]).reshape(-1, 2, 3)
            colours = np.array([(c.r, c.g, c.b) for c in marker.colors]).reshape(-1, 2, 3)
            if _drawable(points) and _drawable(np.array(marker.scale.x)):
                lines[marker.ns] = DrawnCords(
                    points, np.clip(np.nan_to_num(colours), 0.0, 1.0), marker.scale.x
                )
    return lines, label


def _drawable(lengths: FloatArray) -> bool:
    """Whether these (m) are of something in the room; NaN is not."""
    return bool(np.all(np.abs(lengths) <= _FARTHEST))
