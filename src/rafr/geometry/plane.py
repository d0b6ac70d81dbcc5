"""Planes and reflections."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from rafr.errors import RafrError
from rafr.geometry.mesh import TriangleMesh
from rafr.geometry.rigid_transform import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """All x with `normal . (x - point) = 0`.

    Attributes:
        point: (3,) a point of the plane.
        normal: (3,) normalised on construction.
    """

    point: FloatArray
    normal: FloatArray

    def __post_init__(self) -> None:
        point, normal = np.array(self.point, dtype=float), np.array(self.normal, dtype=float)
        if point.shape != (3,) or normal.shape != (3,) or not np.isfinite(point).all():
            raise RafrError(f"a plane needs a finite point (3,) and a normal (3,), got {point} and {normal}")
        length = np.linalg.norm(normal)
        if not np.isfinite(length) or length == 0:
            raise RafrError(f"a plane normal must be finite and not zero, got {normal}")
        object.__setattr__(self, "point", point)
        object.__setattr__(self, "normal", normal / length)

    def signed_distance(self, points: ArrayLike) -> FloatArray:
        """Distances (...,) of points (..., 3), positive on the normal's side."""
        distance: FloatArray = (np.asarray(points, dtype=float) - self.point) @ self.normal
        return distance

    def reflect(self, points: ArrayLike) -> FloatArray:
        """Mirror images of points (..., 3)."""
        p = np.asarray(points, dtype=float)
        return p - 2.0 * self.signed_distance(p)[..., None] * self.normal

    def reflect_direction(self, directions: ArrayLike) -> FloatArray:
        """Mirror images of directions (..., 3), which have no place: normals, say."""
        d = np.asarray(directions, dtype=float)
        return d - 2.0 * (d @ self.normal)[..., None] * self.normal

    def reflect_mesh(self, mesh: TriangleMesh) -> TriangleMesh:
        """Mirrored mesh with faces re-oriented outward."""
        return TriangleMesh(self.reflect(mesh.vertices), mesh.faces[:, ::-1])
