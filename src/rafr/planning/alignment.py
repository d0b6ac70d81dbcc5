"""How the pelvis as a whole stands: landmarks, leg length, symmetry and cross measurement.

Landmarks are found once on the reduced pelvis, belong to the body they lie on, and go where it goes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.spatial import cKDTree

from rafr.geometry import Plane, RigidTransform, TriangleMesh, merge_meshes
from rafr.geometry.rigid_transform import FloatArray
from rafr.imaging.segmentation import bone_of
from rafr.planning.pins import PatientAxes, patient_axes
from rafr.tissue import landmarks as found

if TYPE_CHECKING:
    from rafr.cases.case import Case
    from rafr.cases.meshes import BodyMesh

HIP_CENTRE, POSTERIOR_SPINE = "hip_centre", "posterior_superior_spine"
SIDES = ("left", "right")
_IDENTITY = RigidTransform.identity()


@dataclass(frozen=True, slots=True, eq=False)
class Landmark:
    """A place on a hip bone: its name and side, the body it lies on, and (3,) LPS mm in that body's CT."""

    name: str
    side: str
    body: str
    point: FloatArray


def pelvic_axes(axes: PatientAxes, plane: Plane) -> PatientAxes:
    """The patient's axes, turned by the least so that left and right are those of the pelvis itself."""
    left = plane.normal * np.sign(plane.normal @ axes.left)
    superior = axes.superior - (axes.superior @ left) * left
    superior = superior / np.linalg.norm(superior)
    return PatientAxes(-np.cross(superior, left), superior, left)


def hip_landmarks(
    meshes: Mapping[str, BodyMesh], reduced: Mapping[str, RigidTransform], axes: PatientAxes
) -> tuple[Landmark, ...]:
    """The landmarks of both hips, of those that are in the image.

    Args:
        reduced: `T_reduced_displaced` (mm) of the moving bodies.
        axes: the pelvis's; the landmarks are extremes along them.
    """
    upright = RigidTransform(np.stack([axes.left, -axes.anterior, axes.superior]), np.zeros(3))
    landmarks = []
    for side in SIDES:
        pieces = {
            name: merge_meshes(parts).transformed(upright @ reduced.get(name, _IDENTITY))
            for name, body in meshes.items()
            if (parts := [m for label, m in body.parts.items() if bone_of(label) == f"{side}_hip"])
        }
        if not pieces:
            continue
        trees = {name: cKDTree(piece.vertices) for name, piece in pieces.items()}
        for name, place in _places(merge_meshes(list(pieces.values())), side).items():
            body = min(trees, key=lambda b: float(trees[b].query(place)[0]))
            T_upright_displaced = upright @ reduced.get(body, _IDENTITY)
            landmarks.append(Landmark(name, side, body, T_upright_displaced.inverse().apply(place)))
    return tuple(landmarks)


def _places(hip: TriangleMesh, side: str) -> dict[str, FloatArray]:
    centre = found.hip_centre(hip, side)
    return {
        HIP_CENTRE: centre,
        "anterior_superior_spine": found.anterior_superior_spine(hip, centre),
        POSTERIOR_SPINE: found.posterior_superior_spine(hip),
        "pubic_tubercle": found.pubic_tubercle(hip, centre, side),
        "ischial_tuberosity": found.ischial_tuberosity(hip),
    }


def alignment(
    landmarks: tuple[Landmark, ...],
    poses: Mapping[str, RigidTransform],
    reduced: Mapping[str, RigidTransform],
    plane: Plane,
    axes: PatientAxes,
) -> dict[str, Any]:
    """Numbers for the pelvis with its bodies at `poses`.

    Args:
        poses, reduced: `T_current_displaced` and `T_reduced_displaced` (mm) of the moving bodies.
        plane: of symmetry.

    Returns:
        `landmark_error_mm`: distance of every landmark on a moving body from where it belongs;
        `rotation_deg`: per moving body about the pelvis's `flexion` (left), `axial` (superior) and
        `abduction` (anterior) axes, from where it belongs;
        and with both hips in the image, else None: `leg_length_difference_mm` (how much lower the left hip
        centre is), `asymmetry_mm` (per landmark, left from the mirrored right), `cross_index` (difference
        over sum of the two diagonals from hip centre to the other side's posterior spine; after Keshishyan
        1995, J Pediatr Orthop 15:479, who measures on radiographs).
    """
    places = {(k.name, k.side): poses.get(k.body, _IDENTITY).apply(k.point) for k in landmarks}
    errors = {
        f"{k.side}_{k.name}": float(np.linalg.norm(places[k.name, k.side] - reduced[k.body].apply(k.point)))
        for k in landmarks
        if k.body in reduced
    }
    numbers: dict[str, Any] = {
        "landmark_error_mm": errors,
        "rotation_deg": {
            name: _rotation(poses[name], T, axes) for name, T in reduced.items() if name in poses
        },
    }
    names = [k.name for k in landmarks if k.side == "left" and (k.name, "right") in places]
    if not names:
        return {**numbers, "leg_length_difference_mm": None, "asymmetry_mm": None, "cross_index": None}
    left, right = ({n: places[n, side] for n in names} for side in SIDES)
    diagonals = [
        float(np.linalg.norm(one[HIP_CENTRE] - other[POSTERIOR_SPINE]))
        for one, other in ((left, right), (right, left))
    ]
    return {
        **numbers,
        "leg_length_difference_mm": float((right[HIP_CENTRE] - left[HIP_CENTRE]) @ axes.superior),
        "asymmetry_mm": {n: float(np.linalg.norm(left[n] - plane.reflect(right[n]))) for n in names},
        "cross_index": abs(diagonals[0] - diagonals[1]) / sum(diagonals),
    }


def alignment_of(
    case: Case,
    meshes: Mapping[str, BodyMesh],
    reduced: Mapping[str, RigidTransform],
    plane: Plane,
    poses: Mapping[str, Mapping[str, RigidTransform]],
) -> dict[str, Any]:
    """`alignment` of a case by the name of every set of poses, as in {"before": …, "planned": …}."""
    axes = pelvic_axes(patient_axes(case), plane)
    landmarks = hip_landmarks(meshes, reduced, axes)
    return {name: alignment(landmarks, stand, reduced, plane, axes) for name, stand in poses.items()}


def _rotation(T: RigidTransform, wanted: RigidTransform, axes: PatientAxes) -> dict[str, float]:
    turn = np.degrees((T @ wanted.inverse()).rotvec)
    about = {"flexion": axes.left, "axial": axes.superior, "abduction": axes.anterior}
    return {name: float(turn @ axis) for name, axis in about.items()}
