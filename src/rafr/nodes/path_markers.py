"""A path as markers: beads by clearance, a line by force beside, axes of poses, the worst in words."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from geometry_msgs.msg import Vector3
from visualization_msgs.msg import Marker

from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.nodes.markers import axes, colour, marker, points, text
from rafr.planning.plan import BodyPlan
from rafr.review.path_colours import (
    LEGEND,
    OVERLAP,
    beside,
    clearance_colours,
    force_colours,
    path_caption,
)
from rafr.units import to_metres

_LINE, _BESIDE, _BEAD, _BIG_BEAD = 0.0015, 0.003, 0.002, 0.005  # m
_AXIS, _LETTER, _LABEL_ABOVE = 0.012, 0.010, 0.03  # m
_MOST_POSES = 12  # whose axes are drawn
_LEGEND_AT, _LEGEND_LETTER = (0.0, 0.0, 1.55), 0.03  # m in `world`, below the words on the states


def path_markers(number: int, body: BodyPlan, centre: FloatArray, shift: FloatArray) -> Iterator[Marker]:
    """The way of a body's centroid `centre` (3,), drawn beside by `shift` (3,), m, in frame `pelvis`."""
    if not body.path:
        return
    T_pelvis_drawn, T_bone_centre = (RigidTransform.from_translation(v) for v in (shift, centre))
    poses = [T_pelvis_drawn @ to_metres(p.T_path_displaced) @ T_bone_centre for p in body.path]
    places = np.array([T.translation for T in poses])
    clearances = np.array([p.clearance_mm for p in body.path])
    line = marker("pelvis", "path_force", number, Marker.LINE_STRIP, scale=Vector3(x=_LINE))
    yield _painted(line, beside(places, _BESIDE), force_colours([p.force_n for p in body.path]))
    yield _painted(_beads("path_clearance", number, _BEAD), places, clearance_colours(clearances))
    overlap = clearances < 0.0
    if overlap.any():
        yield _painted(_beads("path_overlap", number, _BIG_BEAD), places[overlap], OVERLAP)
    few = np.unique(np.linspace(0, len(poses) - 1, min(len(poses), _MOST_POSES)).round().astype(int))
    yield axes("pelvis", "path_poses", number, [poses[k] for k in few], _AXIS)
    label = places[-1] - (0.0, _LABEL_ABOVE, 0.0)  # towards the front of the patient
    yield text("pelvis", "path_labels", number, label, path_caption(body.name, body.path), _LETTER)


def legend_marker() -> Marker:
    """What the colours mean."""
    return text("world", "path_legend", 0, _LEGEND_AT, LEGEND, _LEGEND_LETTER)


def _beads(namespace: str, number: int, size: float) -> Marker:
    scale = Vector3(x=size, y=size, z=size)
    return marker("pelvis", namespace, number, Marker.SPHERE_LIST, scale=scale)


def _painted(made: Marker, places: FloatArray, colours: FloatArray | tuple[float, float, float]) -> Marker:
    made.points = points(places)
    made.colors = [colour(c) for c in np.broadcast_to(colours, places.shape)]
    made.color = colour((1.0, 1.0, 1.0))
    return made
