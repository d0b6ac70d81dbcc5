"""Signed distance to a closed surface, sampled on a grid for fast look-up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from rafr.geometry.mesh import TriangleMesh
from rafr.geometry.rigid_transform import FloatArray


def exact_signed_distance(mesh: TriangleMesh, points: ArrayLike) -> FloatArray:
    """Exact signed distances (n,) of points (n, 3), negative inside (Open3D ray casting scene)."""
    import open3d

    o3d: Any = open3d  # its stubs reject arrays
    scene = o3d.t.geometry.RaycastingScene()
    scene.add_triangles(
        o3d.core.Tensor(mesh.vertices.astype(np.float32)),
        o3d.core.Tensor(mesh.faces.astype(np.uint32)),
    )
    query = o3d.core.Tensor(np.asarray(points, dtype=np.float32))
    distance: FloatArray = scene.compute_signed_distance(query, nsamples=3).numpy().astype(float)
    return distance


@dataclass(frozen=True, slots=True, eq=False)
class SignedDistanceGrid:
    """Trilinear signed distance, negative inside the surface.

    Outside the grid the distance to the grid's box is added to the value at its border, so the
    field stays a lower bound that grows with distance.

    Attributes:
        origin: (3,) position of `values[0, 0, 0]`.
        spacing: grid step, same unit as the mesh.
        values: (nx, ny, nz).
    """

    origin: FloatArray
    spacing: float
    values: FloatArray

    @staticmethod
    def from_mesh(mesh: TriangleMesh, spacing: float, margin: float) -> SignedDistanceGrid:
        """Sample a closed mesh on a grid that reaches `margin` beyond its bounding box."""
        lower = mesh.vertices.min(axis=0) - margin
        upper = mesh.vertices.max(axis=0) + margin
        shape = np.ceil((upper - lower) / spacing).astype(int) + 1
        axes = [lower[i] + spacing * np.arange(shape[i]) for i in range(3)]
        points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
        values = exact_signed_distance(mesh, points).reshape(shape)
        return SignedDistanceGrid(lower, spacing, values)

    def distance(self, points: ArrayLike) -> FloatArray:
        """Signed distances (n,) of points (n, 3)."""
        return self.distance_and_gradient(points)[0]

    def distance_and_gradient(self, points: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Signed distances (n,) and their spatial gradients (n, 3) at points (n, 3)."""
        p = np.asarray(points, dtype=float)
        size = np.array(self.values.shape)
        u = (p - self.origin) / self.spacing
        clamped = np.clip(u, 0.0, size - 1.0)
        beyond = (u - clamped) * self.spacing
        excess = np.linalg.norm(beyond, axis=1)
        cell = np.minimum(clamped.astype(np.int64), size - 2)
        f = clamped - cell
        stride = np.array([size[1] * size[2], size[2], 1])
        base = cell @ stride
        flat = self.values.ravel()
        c000, c001 = flat[base], flat[base + 1]
        c010, c011 = flat[base + stride[1]], flat[base + stride[1] + 1]
        base = base + stride[0]
        c100, c101 = flat[base], flat[base + 1]
        c110, c111 = flat[base + stride[1]], flat[base + stride[1] + 1]
        fx, fy, fz = f.T
        c00, c01 = c000 + fx * (c100 - c000), c001 + fx * (c101 - c001)
        c10, c11 = c010 + fx * (c110 - c010), c011 + fx * (c111 - c011)
        c0, c1 = c00 + fy * (c10 - c00), c01 + fy * (c11 - c01)
        d00, d01, d10, d11 = c100 - c000, c101 - c001, c110 - c010, c111 - c011
        gradient = np.empty_like(p)
        gradient[:, 0] = (d00 * (1 - fy) + d10 * fy) * (1 - fz) + (d01 * (1 - fy) + d11 * fy) * fz
        gradient[:, 1] = (c10 - c00) * (1 - fz) + (c11 - c01) * fz
        gradient[:, 2] = c1 - c0
        gradient /= self.spacing
        outside = excess > 0
        if outside.any():
            gradient[outside] = beyond[outside] / excess[outside, None]
        return c0 + fz * (c1 - c0) + excess, gradient
