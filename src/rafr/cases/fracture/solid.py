"""Bones as sampled signed-distance fields, quick enough to cut, move and draw."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.ndimage import map_coordinates

from rafr.geometry import TriangleMesh
from rafr.geometry.rigid_transform import FloatArray
from rafr.imaging.volume import Volume
from rafr.imaging.voxelise import occupancy

_BAND_VOXELS = 1.8  # where the distance is exact; beyond, the distance transform of the voxels is enough


def solid_from_mesh(mesh: TriangleMesh, spacing_mm: float = 1.0, margin_mm: float = 8.0) -> Volume:
    """The signed distance (mm, negative inside) to a closed mesh, float32, axes along LPS.

    The distance is exact near the surface (Open3D) and that of the voxel image elsewhere.
    """
    import SimpleITK as sitk

    grid = grid_around(mesh.vertices, spacing_mm, margin_mm)
    inside = occupancy(mesh, grid).array
    image = grid.with_array(inside.astype(np.uint8)).to_sitk()
    distance = sitk.GetArrayFromImage(
        sitk.SignedMaurerDistanceMap(
            image, insideIsPositive=False, squaredDistance=False, useImageSpacing=True
        )
    )
    band = np.abs(distance) < _BAND_VOXELS * spacing_mm
    points = grid.index_to_lps(np.argwhere(band)[:, ::-1])
    distance[band] = np.where(inside[band], -1.0, 1.0) * _unsigned_distance(mesh, points)
    return grid.with_array(distance)


def _unsigned_distance(mesh: TriangleMesh, points: FloatArray) -> FloatArray:
    import open3d

    o3d: Any = open3d
    scene = o3d.t.geometry.RaycastingScene()
    scene.add_triangles(
        o3d.core.Tensor(mesh.vertices.astype(np.float32)), o3d.core.Tensor(mesh.faces.astype(np.uint32))
    )
    distance: FloatArray = scene.compute_distance(o3d.core.Tensor(points.astype(np.float32))).numpy()
    return distance


def grid_around(points_mm: FloatArray, spacing_mm: float, margin_mm: float) -> Volume:
    """An empty isotropic LPS grid around points (n, 3)."""
    low = points_mm.min(axis=0) - margin_mm
    size = np.ceil((np.ptp(points_mm, axis=0) + 2 * margin_mm) / spacing_mm).astype(int) + 1
    return Volume(np.zeros(size[::-1], np.uint8), low, np.full(3, float(spacing_mm)), np.eye(3))


def sample(volume: Volume, points_mm: FloatArray, outside: float = 1e3) -> FloatArray:
    """Trilinear values (n,) of a volume at LPS mm points (n, 3)."""
    index = volume.lps_to_index(points_mm)
    values: FloatArray = map_coordinates(
        volume.array, index.T[::-1], order=1, mode="constant", cval=outside, output=np.float64
    )
    return values
