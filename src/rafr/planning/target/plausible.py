"""Inputs that cannot be right: mirrored images, bones of another person, slices too thick for the aim."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from rafr.assessment import ACCEPTED, Assessment
from rafr.geometry import RigidTransform, TriangleMesh, merge_meshes
from rafr.geometry.rigid_transform import FloatArray
from rafr.imaging.segmentation import bone_of
from rafr.planning.target.anatomy import left_direction
from rafr.planning.target.estimate import Estimate
from rafr.planning.target.evidence import MirrorTerm
from rafr.planning.target.local_mirror import laid_upon

# two hips of one person, laid upon each other, differ by up to 1.0 mm in the median (VSD set), those of two
# people by 1.5 to 2.4; the halves of one sacrum by up to 1.8, so that it tells nothing
_LARGEST_MISFIT_MM = 1.15
_MISFIT_REACH_MM, _MISFIT_AREA_MM2 = 10.0, 2000.0
_NEAR_SHARE, _ALIKE = 0.5, 0.6
_THICK_SLICES_MM, _COARSEST_MM = 2.0, 5.0
_NEAREST_MM, _OUTERMOST_SHARE = 3.0, 30
_CLEAR_SINE, _CLEAR_LENGTH_MM = 0.35, 85.0  # of pelves: 0.50 to 0.68, 117 mm and more


def handedness(parts: Mapping[int, TriangleMesh]) -> Assessment:
    """Refuses a pelvis that is the mirror image of one: left of it lies where its right should.

    From the sacrum to the symphysis is forwards, from there to the wings of the ilia upwards; with the
    direction from right to left these make a right-handed system in every patient, however the CT lies.
    """
    left = left_direction(parts)
    sacrum = _of_bone(parts, "sacrum")
    if left is None or sacrum is None:
        return ACCEPTED
    hips = [_vertices(parts, bone) for bone in ("left_hip", "right_hip")]
    symphysis = _between_nearest(*hips)
    wings = np.concatenate([_outermost(hips[0], left), _outermost(hips[1], -left)]).mean(axis=0)
    forwards, upwards = (v - (v @ left) * left for v in (symphysis - sacrum.centroid, wings - symphysis))
    lengths = np.linalg.norm(forwards), np.linalg.norm(upwards)
    if min(lengths) < _CLEAR_LENGTH_MM:
        return ACCEPTED
    # LPS is right-handed: left × (forwards × upwards) has the sign of left · left
    sine = float(left @ np.cross(upwards, forwards)) / float(lengths[0] * lengths[1])
    if sine > -_CLEAR_SINE:
        return ACCEPTED
    return Assessment(False, ("image or labels are mirrored: left and right of the pelvis are exchanged",))


@dataclass(frozen=True, slots=True, order=True)
class _Comparison:
    """A hip's mirror image beside its counterpart.

    Attributes:
        area: mm² that lies near it.
        share: of the smaller one's surface that does.
        misfit: median distance (mm) of that once laid upon each other.
        apart: median distance (mm) of all, as they stand.
        alike: whether both are of about the same size, so that most of one should lie on the other.
    """

    area: float
    share: float
    misfit: float
    apart: float
    alike: bool
    bone: str


def same_person(name: str, at: Estimate, mirrors: Iterable[MirrorTerm]) -> Assessment:
    """Refuses a body whose hip has not the shape of its counterpart, or lies nowhere near its mirror image.

    Args:
        at: the body about on the mirror image of its counterparts.
        mirrors: of the body; the counterpart that shows most of the same decides, for others may be pieces of
            another place.
    """
    compared = [_compared(term, at) for term in mirrors if term.bone.name != "sacrum"]
    best = max(compared, default=None)
    if best is None:
        return ACCEPTED
    if best.alike and best.share < _NEAR_SHARE:
        reason = (
            f"{name}: its {best.bone} ends {best.apart:.0f} mm off the mirror image in the median: still "
            "displaced; fragments that touch as found may fit where they do not belong"
        )
        return Assessment(False, (reason,))
    comparable = best.area >= _MISFIT_AREA_MM2 and best.share >= _NEAR_SHARE
    if not comparable or best.misfit <= _LARGEST_MISFIT_MM:
        return ACCEPTED
    reason = (
        f"{name}: its {best.bone} differs from the mirror image by {best.misfit:.1f} mm in the median "
        f"(limit {_LARGEST_MISFIT_MM:g} mm): of the same patient?"
    )
    return Assessment(False, (reason,))


def _compared(term: MirrorTerm, at: Estimate) -> _Comparison:
    source, goal = sorted((term.bone, term.counterpart), key=lambda b: b.size)
    here, back = at.pose_of(source.body), at.pose_of(goal.body).inverse()
    image = back.apply(at.image(source.name, here.apply(source.points)))
    distance = goal.surface.distance(image)
    near = image[distance < _MISFIT_REACH_MM]
    misfit = 0.0
    if len(near):
        laid = laid_upon(near, goal.surface, RigidTransform.identity()).apply(near)
        misfit = float(np.median(goal.surface.distance(laid)))
    return _Comparison(
        len(near) * source.area,
        len(near) / len(image),
        misfit,
        float(np.median(distance)),
        source.size > _ALIKE * goal.size,
        term.bone.name.replace("_", " "),
    )


def slices(spacing_mm: FloatArray) -> Assessment:
    """Remarks on voxels too coarse for targets within a millimetre; refuses the coarsest."""
    thick = float(np.max(spacing_mm))
    if thick <= _THICK_SLICES_MM:
        return ACCEPTED
    reason = f"slices of {thick:g} mm: targets within 1 mm need {_THICK_SLICES_MM:g} mm or less"
    return Assessment(thick <= _COARSEST_MM, (reason,))


def _of_bone(parts: Mapping[int, TriangleMesh], bone: str) -> TriangleMesh | None:
    found = [mesh for label, mesh in parts.items() if bone_of(label) == bone]
    return merge_meshes(found) if found else None


def _vertices(parts: Mapping[int, TriangleMesh], bone: str) -> FloatArray:
    return np.concatenate([mesh.vertices for label, mesh in parts.items() if bone_of(label) == bone])


def _between_nearest(a: FloatArray, b: FloatArray) -> FloatArray:
    """(3,) the middle between two bones where they come nearest."""
    distance, index = cKDTree(b).query(a)
    nearest = distance < distance.min() + _NEAREST_MM
    middle: FloatArray = 0.5 * (a[nearest] + b[index[nearest]]).mean(axis=0)
    return middle


def _outermost(points: FloatArray, direction: FloatArray) -> FloatArray:
    order = np.argsort(-(points @ direction))
    outermost: FloatArray = points[order[: max(len(points) // _OUTERMOST_SHARE, 1)]]
    return outermost
