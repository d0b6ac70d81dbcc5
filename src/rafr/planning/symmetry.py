"""The plane of symmetry of a pelvis, from what is intact and in place; the CT's axes play no part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from rafr.errors import InputError
from rafr.geometry import Plane, RigidTransform, TriangleMesh, merge_meshes
from rafr.geometry.rigid_transform import FloatArray
from rafr.imaging.segmentation import bone_of
from rafr.planning.anatomy import MIRROR_BONE, Bones, left_direction
from rafr.planning.evidence import Estimate, MidlineTerm, MirrorTerm, PriorTerm, Rows, Term, tangents
from rafr.planning.plan import SymmetryPlane
from rafr.planning.solve import Solution, solve

_REACHES_MM = (25.0, 20.0, 15.0, 12.0, 9.0, 7.0, 5.0, 4.0)
_SEED_TILT_RAD = 0.2


def plane_terms(placed: Bones) -> list[Term]:
    """Evidence about the plane from bones in place: the sacrum on its own mirror image, hip on hip."""
    terms: list[Term] = [
        MirrorTerm(placed[name], placed[MIRROR_BONE[name]], moving=False, name=f"plane:{name}")
        for name in ("sacrum", "left_hip")
        if name in placed and MIRROR_BONE[name] in placed
    ]
    # both hips in place already say where the middle is
    hips = [placed[name] for name in ("left_hip", "right_hip") if name in placed]
    if len(hips) == 1:
        terms.append(MidlineTerm(hips[0]))
    return terms


def find_plane(placed: Bones, parts: Mapping[int, TriangleMesh]) -> Solution:
    """The plane that the bones in place agree on, searched from several seeds.

    Args:
        placed: bones that stand where they belong.
        parts: every labelled part, displaced ones too; they only seed the search.

    Raises:
        InputError: the labels hold nothing that tells left from right.
    """
    terms = plane_terms(placed)
    solutions = []
    for plane in _seeds(parts):
        start = Estimate(RigidTransform.identity(), plane, plane.point)
        solutions.append(solve(start, [*terms, PriorTerm(start)], _REACHES_MM))
    return max(solutions, key=lambda solution: support(_mirrored(solution)))


def symmetry_plane(solution: Solution) -> SymmetryPlane:
    """The plane with the rms that is left where anatomy matches its mirror image."""
    rows = _mirrored(solution)
    weight = sum(float(r.weight.sum()) for r in rows)
    square = sum(r.cost for r in rows)
    return SymmetryPlane(solution.estimate.plane, float(np.sqrt(square / weight)) if weight else 0.0)


def support(rows: Sequence[Rows]) -> float:
    """Matched area in mm², less what it does not fit: an inlier count with a quadratic rim."""
    total = 0.0
    for r in rows:
        mean_square = r.cost / max(float(r.weight.sum()), 1e-12)
        total += r.area * (1.0 - min(1.0, mean_square / 9.0))
    return total


def _mirrored(solution: Solution) -> list[Rows]:
    return [r for name, r in solution.rows.items() if name.startswith(("plane:", "mirror:"))]


def _seeds(parts: Mapping[int, TriangleMesh]) -> list[Plane]:
    """Planes between the hips, tilted both ways, and the sacrum's own principal plane nearest to it."""
    sacrum = [mesh for label, mesh in parts.items() if bone_of(label) == "sacrum"]
    everything = merge_meshes(list(parts.values()))
    point = (merge_meshes(sacrum) if sacrum else everything).centroid
    left = left_direction(parts)
    if left is None and not sacrum:
        raise InputError("labels", "one hip and no sacrum", "a sacrum or both hips to find the midline")
    axes = _principal_axes(merge_meshes(sacrum)) if sacrum else np.empty((0, 3))
    if left is None:
        return [Plane(point, axis) for axis in axes]
    base = Plane(point, left)
    u, v = tangents(base)
    shifts = [np.zeros(3), u, -u, v, -v]
    seeds = [Plane(point, left + _SEED_TILT_RAD * shift) for shift in shifts]
    if sacrum:
        nearest = axes[np.argmax(np.abs(axes @ left))]
        seeds.append(Plane(point, nearest * np.sign(nearest @ left)))
    return seeds


def _principal_axes(mesh: TriangleMesh) -> FloatArray:
    """(3, 3) principal axes of the surface, one per row."""
    relative = mesh.face_centres - mesh.centroid
    weighted = relative * mesh.face_areas[:, None]
    axes: FloatArray = np.linalg.eigh(relative.T @ weighted)[1].T
    return axes
