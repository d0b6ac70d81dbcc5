"""Bones of the pelvis as the planner sees them: what stands in place, and what is to be moved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rafr.geometry import RigidTransform, TriangleMesh, merge_meshes
from rafr.geometry.rigid_transform import FloatArray
from rafr.imaging.segmentation import bone_of
from rafr.planning.surface import Surface

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
    """

    name: str
    surface: Surface
    points: FloatArray
    normals: FloatArray
    area: float

    @property
    def size(self) -> float:
        """mm² of the whole surface."""
        return self.area * len(self.points)

    @staticmethod
    def of(name: str, parts: list[TriangleMesh]) -> Bone:
        mesh = merge_meshes(parts)
        # the seed only spreads the points: any other serves as well, the same one keeps plans repeatable
        points, _ = mesh.sample_surface(_SAMPLES_PER_BONE, np.random.default_rng(0))
        surface = Surface.of(mesh)
        normals = surface.closest(points).normals
        return Bone(name, surface, points, normals, float(mesh.face_areas.sum()) / len(points))


Bones = dict[str, Bone]


def bones_of(parts: Mapping[int, TriangleMesh]) -> Bones:
    """Group labelled parts by bone."""
    grouped: dict[str, list[TriangleMesh]] = {}
    for label in sorted(parts):
        grouped.setdefault(bone_of(label), []).append(parts[label])
    return {name: Bone.of(name, meshes) for name, meshes in grouped.items()}


def whole_hips(bones: Bones, everything: Mapping[int, TriangleMesh]) -> list[Bone]:
    """Hips that hold nearly all of their bone, and so their symphysial face.

    Args:
        everything: every labelled part of the pelvis.
    """
    return [
        bone
        for name, bone in bones.items()
        if name != "sacrum" and bone.size > _NEARLY_ALL * _size(name, everything)
    ]


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
