"""The sacrum's own axes, from landmarks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from rafr.errors import InfeasibleError
from rafr.geometry import RigidTransform, TriangleMesh
from rafr.geometry.rigid_transform import FloatArray
from rafr.geometry.surface import Surface
from rafr.registration.targets import pelvic_targets
from rafr.tissue.landmarks import hip_centre

_ANTERIOR_LENGTH_MM = 45.0  # of the front of S1 and S2, nearly straight
_STEP_MM = 1.0
_OFF_MIDLINE_MM = (-5.0, 0.0, 5.0)


def sacral_frame(bones: Mapping[str, TriangleMesh]) -> RigidTransform:
    """`T_ct_sacrum` (mm): x left, y backwards, square to the front of S1 and S2, z up along it.

    Origin: the promontory, in the plane midway between both hips' spines and joints. The pelvis lies roughly
    along LPS, as that of a patient on the back does.

    Args:
        bones: `left_hip`, `right_hip`, `sacrum`, LPS mm, reduced.

    Raises:
        InfeasibleError: the sacrum shows no front there.
    """
    left, middle = _midplane(bones)
    front = _front(Surface.of(bones["sacrum"]), left, middle)
    top = int(np.argmin(front[:, 1] + 1e-6 * np.arange(len(front))))  # LPS: the foremost point
    arc = np.cumsum(np.linalg.norm(np.diff(front[top:], axis=0), axis=1))
    if not len(arc) or arc[-1] < _ANTERIOR_LENGTH_MM:
        raise InfeasibleError(("the front of the sacrum ends too near the promontory to give an axis",))
    low = front[top + 1 + int(np.searchsorted(arc, _ANTERIOR_LENGTH_MM))]
    up = front[top] - low
    up -= (up @ left) * left
    up /= np.linalg.norm(up)
    return RigidTransform(np.column_stack([left, np.cross(up, left), up]), front[top])


def _midplane(bones: Mapping[str, TriangleMesh]) -> tuple[FloatArray, FloatArray]:
    """Unit vector (3,) to the left and a point (3,) of the middle, from what both hips have."""
    found = pelvic_targets(bones)
    pairs = [(found[f"left_{name}"], found[f"right_{name}"]) for name in ("asis", "psis")]
    pairs.append((hip_centre(bones["left_hip"], "left"), hip_centre(bones["right_hip"], "right")))
    across = [(left - right) / np.linalg.norm(left - right) for left, right in pairs]
    left = np.mean(across, axis=0)
    middle: FloatArray = np.mean([0.5 * (a + b) for a, b in pairs], axis=0)
    return left / np.linalg.norm(left), middle


def _front(sacrum: Surface, left: FloatArray, middle: FloatArray) -> FloatArray:
    """(n, 3) the front of the sacrum in the midplane from top to bottom: median of rays beside each other."""
    vertices = sacrum.mesh.vertices
    heights = np.arange(vertices[:, 2].max(), vertices[:, 2].min(), -_STEP_MM)
    rows = []
    for aside in _OFF_MIDLINE_MM:
        start = np.empty((len(heights), 3))
        start[:, 1] = vertices[:, 1].min() - 10.0
        start[:, 2] = heights
        offset = start[:, 1:] - middle[1:]
        start[:, 0] = middle[0] + (aside - offset @ left[1:]) / left[0]
        hit = sacrum.first_hit(start, np.tile([0.0, 1.0, 0.0], (len(heights), 1)))
        rows.append(start[:, 1] + hit)
    y = np.median(rows, axis=0)
    seen = np.isfinite(y)
    offset = np.column_stack([y[seen], heights[seen]]) - middle[1:]
    return np.column_stack([middle[0] - (offset @ left[1:]) / left[0], y[seen], heights[seen]])
