"""How far a body stands from where it should, in numbers a surgeon knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from rafr.geometry import RigidTransform, TriangleMesh, merge_meshes
from rafr.geometry.rigid_transform import FloatArray
from rafr.geometry.surface import Surface
from rafr.imaging.segmentation import bone_of
from rafr.planning.pins import PatientAxes

# Matta & Tornetta 1996, Clin Orthop 329:129: largest displacement on AP, inlet or outlet view
MATTA_GRADES_MM = (("excellent", 4.0), ("good", 10.0), ("fair", 20.0))
VIEW_TILT_DEG = 45.0
_SUPINE = PatientAxes(np.array([0.0, -1.0, 0.0]), np.array([0.0, 0.0, 1.0]), np.array([1.0, 0.0, 0.0]))


def pose_error(T_actual: RigidTransform, T_wanted: RigidTransform, mesh: TriangleMesh) -> dict[str, float]:
    """Distance between where two poses put every point of a body's surface.

    Args:
        T_actual, T_wanted: poses of the body, mm, both from the mesh's own frame.
        mesh: the body's surface, LPS mm.

    Returns:
        `mean_mm` and `p95_mm` over the surface's area, `max_mm` over its vertices, `deg` between
        the two orientations.
    """
    areas = mesh.face_areas
    error = _lengths(T_actual.apply(mesh.face_centres) - T_wanted.apply(mesh.face_centres))
    corners = _lengths(T_actual.apply(mesh.vertices) - T_wanted.apply(mesh.vertices))
    order = np.argsort(error)
    share = np.cumsum(areas[order]) / areas.sum()
    p95 = error[order[min(int(np.searchsorted(share, 0.95)), len(order) - 1)]]
    return {
        "mean_mm": float(areas @ error / areas.sum()),
        "p95_mm": float(p95),
        "max_mm": float(corners.max()),
        "deg": float(np.degrees((T_wanted.inverse() @ T_actual).angle)),
    }


def matta(
    mesh: TriangleMesh, T_actual: RigidTransform, T_wanted: RigidTransform, axes: PatientAxes | None = None
) -> dict[str, Any]:
    """Grade of a reduction by the largest displacement seen on the AP, inlet or outlet radiograph.

    Args:
        mesh: the body's surface, LPS mm.
        T_actual, T_wanted: where it is and where it should be, mm.
        axes: the patient's axes; those of a supine LPS image when None.

    Returns:
        `grade` (excellent, good, fair, poor), `max_mm` and `views_mm` by view.
    """
    shift = T_actual.apply(mesh.vertices) - T_wanted.apply(mesh.vertices)
    views = {}
    for name, beam in beams(axes or _SUPINE).items():
        views[name] = float(_lengths(shift - np.outer(shift @ beam, beam)).max())
    largest = max(views.values())
    return {"grade": matta_grade(largest), "max_mm": largest, "views_mm": views}


def matta_grade(max_mm: float) -> str:
    """Excellent up to 4 mm, good up to 10, fair up to 20, else poor."""
    return next((grade for grade, limit in MATTA_GRADES_MM if max_mm <= limit), "poor")


def beams(axes: PatientAxes) -> dict[str, FloatArray]:
    """Unit vectors of the X-ray beam: from in front; inlet tilted to the feet, outlet to the head."""
    c, s = np.cos(np.radians(VIEW_TILT_DEG)), np.sin(np.radians(VIEW_TILT_DEG))
    back, up = -axes.anterior, axes.superior
    return {"ap": back, "inlet": c * back - s * up, "outlet": c * back + s * up}


def _lengths(vectors: FloatArray) -> FloatArray:
    lengths: FloatArray = np.linalg.norm(vectors, axis=1)
    return lengths


def hip_distance_mm(parts: Mapping[int, TriangleMesh]) -> float | None:
    """Smallest distance between the two hips, which is that at the symphysis; None without both."""
    sides = [
        [mesh for label, mesh in parts.items() if bone_of(label) == hip] for hip in ("left_hip", "right_hip")
    ]
    if not all(sides):
        return None
    left, right = (merge_meshes(side) for side in sides)
    return float(Surface.of(right).distance(left.vertices).min())
