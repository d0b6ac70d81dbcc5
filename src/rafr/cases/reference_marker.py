"""Where the reference tool (the fiducial frame) is mounted on a patient."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rafr.geometry import RigidTransform, TriangleMesh
from rafr.geometry.rigid_transform import FloatArray
from rafr.imaging.fiducials import FIDUCIALS_MM

_ABOVE_BONE_MM = 52.0  # skin (about 30 mm over the foremost bone) and free air to the frame's lowest sphere


def place_reference_marker(
    reference: TriangleMesh,
    pelvis: TriangleMesh | None = None,
    fiducials_mm: FloatArray | None = None,
) -> RigidTransform:
    """`T_ct_marker` (mm): in front of the skin over the reference body, at the height of its upper half.

    The frame stands in front of everything the pelvis reaches forward, beside the midline on the
    side where the reference body has more bone, so that it is out of the way of the other side and inside a
    CBCT centred on the pelvis. It depends on the meshes alone: the same patient gives the same pose.

    Args:
        reference: surface of the reference body, in the CT.   pelvis: all bones (default: the reference).
        fiducials_mm: (n, 3) sphere centres in the marker frame (default: the standard frame).
    """
    return reference_marker_places(reference, pelvis or reference, fiducials_mm, [(0.0, 0.0)])[0]


def reference_marker_places(
    reference: TriangleMesh,
    pelvis: TriangleMesh,
    fiducials_mm: FloatArray | None,
    aside_mm: Sequence[tuple[float, float]],
) -> list[RigidTransform]:
    """`T_ct_marker` (mm) for every shift to the left and towards the head of the usual place.

    Arguments otherwise as of `place_reference_marker`.
    """
    spheres = FIDUCIALS_MM if fiducials_mm is None else np.asarray(fiducials_mm, dtype=float)
    # marker x along LPS x, y cranial, z forward
    rotation = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
    low, high = pelvis.vertices.min(axis=0), pelvis.vertices.max(axis=0)
    middle = 0.5 * (low + high)
    to_side = np.clip(reference.centroid[0] - middle[0], -30.0, 30.0)
    goal = np.array([middle[0] + to_side, low[1] - _ABOVE_BONE_MM, middle[2] + 0.15 * (high[2] - low[2])])
    placed = spheres @ rotation.T
    anchor = 0.5 * (placed.min(axis=0) + placed.max(axis=0))
    anchor[1] = placed[:, 1].max()  # the sphere nearest the patient
    return [RigidTransform(rotation, np.add(goal, (left, 0.0, up)) - anchor) for left, up in aside_mm]
