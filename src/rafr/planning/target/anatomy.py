"""Bones of the pelvis as the planner sees them: what stands in place, and what is to be moved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from rafr.errors import InputError
from rafr.geometry import RigidTransform, TriangleMesh, merge_meshes
from rafr.geometry.rigid_transform import FloatArray
from rafr.geometry.surface import Surface
from rafr.imaging.segmentation import bone_of
from rafr.planning.target.estimate import IN_PLACE

MIRROR_BONE = {"sacrum": "sacrum", "left_hip": "right_hip", "right_hip": "left_hip"}
_SAMPLES_PER_BONE = 2500
_NEARLY_ALL = 0.8


@dataclass(frozen=True, slots=True, eq=False)
class Bone:
    """All parts of one bone that stand or move together.

    Attributes:
        name: sacrum, left_hip or right_hip.
        surface: its parts, merged; LPS mm.
        points, normals: (n, 3) spread evenly over the surface; `area` mm² stands behind each.
        body: number of the moving body it belongs to, or IN_PLACE.
    """

    name: str
    surface: Surface
    points: FloatArray
    normals: FloatArray
    area: float
    body: int = IN_PLACE

    @property
    def size(self) -> float:
        """mm² of the whole surface."""
        return self.area * len(self.points)

    @staticmethod
    def of(name: str, parts: list[TriangleMesh], body: int = IN_PLACE) -> Bone:
        mesh = merge_meshes(parts)
        # the seed only spreads the points: any other serves as well, the same one keeps plans repeatable
        points, _ = mesh.sample_surface(_SAMPLES_PER_BONE, np.random.default_rng(0))
        surface = Surface.of(mesh)
        normals = surface.closest(points).normals
        return Bone(name, surface, points, normals, float(mesh.face_areas.sum()) / len(points), body)

    def of_body(self, body: int) -> Bone:
        """The same bone as part of another body."""
        return replace(self, body=body)


Bones = dict[str, Bone]


def bones_of(parts: Mapping[int, TriangleMesh], body: int = IN_PLACE) -> Bones:
    """Group labelled parts of one body by bone."""
    grouped: dict[str, list[TriangleMesh]] = {}
    for label in sorted(parts):
        grouped.setdefault(bone_of(label), []).append(parts[label])
    return {name: Bone.of(name, meshes, body) for name, meshes in grouped.items()}


def whole_hips(bones: Iterable[Bone], everything: Mapping[int, TriangleMesh]) -> list[Bone]:
    """Hips that hold nearly all of their bone, and so their symphysial face.

    Args:
        everything: every labelled part of the pelvis.
    """
    return [b for b in bones if b.name != "sacrum" and b.size > _NEARLY_ALL * _size(b.name, everything)]


def _size(name: str, parts: Mapping[int, TriangleMesh]) -> float:
    return sum(float(mesh.face_areas.sum()) for label, mesh in parts.items() if bone_of(label) == name)


def moved_parts(parts: Mapping[int, TriangleMesh], T: RigidTransform) -> dict[int, TriangleMesh]:
    return {label: mesh.transformed(T) for label, mesh in parts.items()}


def left_direction(parts: Mapping[int, TriangleMesh]) -> FloatArray | None:
    """Unit vector (3,) from the right hip's parts to the left ones, None where a side is missing."""
    sides = [
        [m for label, m in parts.items() if bone_of(label) == bone] for bone in ("left_hip", "right_hip")
    ]
    if not all(sides):
        return None
    left, right = (merge_meshes(side).centroid for side in sides)
    direction: FloatArray = (left - right) / np.linalg.norm(left - right)
    return direction


def hip_middle(parts: Mapping[int, TriangleMesh]) -> FloatArray:
    """(3,) near the middle of the left hip, or of what else there is."""
    for bone in ("left_hip", "right_hip", "sacrum"):
        found = [mesh for label, mesh in parts.items() if bone_of(label) == bone]
        if found:
            return merge_meshes(found).centroid
    raise InputError("labels", "no bone", "bone labels 1 to 30")
