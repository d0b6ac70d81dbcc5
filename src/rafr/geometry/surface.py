"""Queries against a fixed bone surface: closest points, signed distances and rays (Open3D, exact)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rafr.geometry import TriangleMesh
from rafr.geometry.mesh import IntArray
from rafr.geometry.rigid_transform import FloatArray

_LARGE_BATCH = 20_000


@dataclass(frozen=True, slots=True, eq=False)
class ClosestPoints:
    """Closest surface points (n, 3) of n queries, outward unit normals (n, 3) there, distance (n,) >= 0."""

    points: FloatArray
    normals: FloatArray
    distance: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """A triangle mesh ready for queries; everything in the mesh's frame and unit.

    Attributes:
        mesh: the surface itself.
        vertex_normals: (n, 3) its smooth normals.
    """

    mesh: TriangleMesh
    vertex_normals: FloatArray
    _scene: Any

    @staticmethod
    def of(mesh: TriangleMesh) -> Surface:
        import open3d

        o3d: Any = open3d
        scene = o3d.t.geometry.RaycastingScene()
        scene.add_triangles(
            o3d.core.Tensor(mesh.vertices.astype(np.float32)),
            o3d.core.Tensor(mesh.faces.astype(np.uint32)),
        )
        return Surface(mesh, mesh.vertex_normals, scene)

    def closest(self, points: ArrayLike) -> ClosestPoints:
        """Closest points on the surface, with normals interpolated over the triangle."""
        queries = np.asarray(points, dtype=np.float32).reshape(-1, 3)
        _, _, normals, found = self.closest_corners(queries)
        return ClosestPoints(found, normals, np.linalg.norm(found - queries, axis=1))

    def closest_corners(self, points: ArrayLike) -> tuple[IntArray, FloatArray, FloatArray, FloatArray]:
        """Closest points as corners (n, 3) of triangles and shares (n, 3) of them; normals; points (n, 3)."""
        queries = np.asarray(points, dtype=np.float32).reshape(-1, 3)
        answer = self._scene.compute_closest_points(_tensor(queries), nthreads=_threads(queries))
        triangle = answer["primitive_ids"].numpy().astype(np.int64)
        uv = answer["primitive_uvs"].numpy().astype(float)
        corners = self.mesh.faces[triangle]
        shares = np.column_stack([1.0 - uv.sum(axis=1), uv])
        normals = np.einsum("ni,nij->nj", shares, self.vertex_normals[corners])
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
        found = np.einsum("ni,nij->nj", shares, self.mesh.vertices[corners])
        return corners, shares, normals, found

    def distance(self, points: ArrayLike) -> FloatArray:
        """(n,) exact unsigned distances."""
        queries = np.asarray(points, dtype=np.float32).reshape(-1, 3)
        distance: FloatArray = self._scene.compute_distance(
            _tensor(queries), nthreads=_threads(queries)
        ).numpy()
        return distance.astype(float)

    def signed_distance(self, points: ArrayLike) -> FloatArray:
        """(n,) exact signed distances, negative inside."""
        queries = np.asarray(points, dtype=np.float32).reshape(-1, 3)
        distance: FloatArray = self._scene.compute_signed_distance(
            _tensor(queries), nthreads=_threads(queries), nsamples=3
        ).numpy()
        return distance.astype(float)

    def first_hit(self, origins: ArrayLike, directions: ArrayLike) -> FloatArray:
        """(n,) distance along each ray to the first triangle; inf where it meets none."""
        rays = np.hstack([np.asarray(origins), np.asarray(directions)]).astype(np.float32)
        distance: FloatArray = self._scene.cast_rays(_tensor(rays))["t_hit"].numpy()
        return distance.astype(float)


def even_subset(n: int, size: int) -> IntArray:
    """Up to `size` indices spread evenly over range(n): a deterministic thinning."""
    return np.unique(np.linspace(0, n - 1, min(n, size)).astype(np.int64))


def _threads(queries: NDArray[np.float32]) -> int:
    """One thread for small batches, where starting more costs more than it saves; 0 means all."""
    return 1 if len(queries) < _LARGE_BATCH else 0


def _tensor(array: Any) -> Any:
    import open3d

    o3d: Any = open3d
    return o3d.core.Tensor(np.ascontiguousarray(array))
