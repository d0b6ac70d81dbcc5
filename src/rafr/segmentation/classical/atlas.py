"""Gross anatomy as a fitted shape: the average virtual pelvis and where its bones lie in the CT."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.ndimage import distance_transform_edt

from rafr.cases.fracture.anatomy import PelvisAnatomy, find_anatomy
from rafr.cases.pelvis import BONES
from rafr.cases.virtual import virtual_pelvis
from rafr.cases.virtual.person import VariationConfig
from rafr.geometry import TriangleMesh
from rafr.geometry.distance import SignedDistanceGrid
from rafr.geometry.rigid_transform import FloatArray
from rafr.imaging.voxelise import occupancy
from rafr.segmentation.classical.working_grid import lps_grid

_SURFACE_POINTS = 4000
_FIELD_MM, _FIELD_MARGIN_MM = 3.0, 30.0


@dataclass(frozen=True, slots=True, eq=False)
class Affine:
    """p_ct = matrix @ p_atlas + offset, LPS mm."""

    matrix: FloatArray
    offset: FloatArray

    def apply(self, points: FloatArray) -> FloatArray:
        """Points (n, 3) of the atlas in the CT."""
        moved: FloatArray = points @ self.matrix.T + self.offset
        return moved

    def back(self, points: FloatArray) -> FloatArray:
        """Points (n, 3) of the CT in the atlas."""
        return np.asarray(np.linalg.solve(self.matrix, (points - self.offset).T).T, dtype=float)

    def normals(self, normals: FloatArray) -> FloatArray:
        """Surface normals (n, 3) of the atlas in the CT, unit."""
        turned = np.linalg.solve(self.matrix.T, normals.T).T
        return np.asarray(turned / np.linalg.norm(turned, axis=1, keepdims=True), dtype=float)

    @property
    def scale(self) -> float:
        """Mean stretch of lengths."""
        return float(np.cbrt(np.linalg.det(self.matrix)))


@dataclass(frozen=True, slots=True, eq=False)
class AtlasBone:
    """One bone of the atlas, mm.

    Attributes:
        points, normals: surface samples (n, 3), outward.   field: signed distance.
        inner: (m, 3) middles of cubes of `cube_mm3` each that fill it.
    """

    name: str
    points: FloatArray
    normals: FloatArray
    field: SignedDistanceGrid
    inner: FloatArray
    cube_mm3: float = _FIELD_MM**3


@dataclass(frozen=True, slots=True, eq=False)
class Atlas:
    """The average pelvis, LPS mm, anterior pelvic plane coronal."""

    bones: dict[str, AtlasBone]
    anatomy: PelvisAnatomy


@cache
def average_atlas() -> Atlas:
    """The virtual pelvis without individual variation."""
    average = VariationConfig(scale=0.0, shape_mm=0.0, asymmetry_mm=0.0, spacing_mm=2.0)
    rng = np.random.default_rng(0)  # surface sampling only
    pelvis = virtual_pelvis(rng, average)
    bones = {}
    for name in BONES:
        mesh = pelvis.bones[name]
        points, normals = mesh.sample_surface(_SURFACE_POINTS, rng)
        field = _field(mesh)
        inner = np.argwhere(field.values < 0.0) * field.spacing + field.origin
        bones[name] = AtlasBone(name, points, normals, field, inner)
    return Atlas(bones, find_anatomy(pelvis))


def _field(mesh: TriangleMesh) -> SignedDistanceGrid:
    """Distance to about half a voxel: exact would take minutes and serve no one here."""
    low, high = mesh.vertices.min(axis=0) - _FIELD_MARGIN_MM, mesh.vertices.max(axis=0) + _FIELD_MARGIN_MM
    grid = lps_grid(np.stack([low, high]), _FIELD_MM)
    inside = occupancy(mesh, grid).array
    outside_mm = distance_transform_edt(~inside, sampling=_FIELD_MM)
    inside_mm = distance_transform_edt(inside, sampling=_FIELD_MM)
    signed = outside_mm - inside_mm + np.where(inside, 0.5, -0.5) * _FIELD_MM
    return SignedDistanceGrid(grid.origin, _FIELD_MM, np.ascontiguousarray(signed.transpose(2, 1, 0)))
