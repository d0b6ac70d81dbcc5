"""From closed surfaces to voxels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rafr.geometry import TriangleMesh
from rafr.geometry.rigid_transform import FloatArray
from rafr.imaging.volume import Volume

# columns of voxels are shifted by this share of a voxel so that none runs along an edge exactly
_SHIFT = np.array([1.37e-4, 2.11e-4])


def occupancy(mesh: TriangleMesh, grid: Volume) -> Volume:
    """Which voxel centres of `grid` lie inside a closed mesh (LPS mm).

    One ray per column of voxels: the winding number changes by one at every crossing, so pieces that
    overlap count as their union.

    Returns:
        Boolean volume on the same grid.
    """
    inside = np.zeros(grid.array.shape, dtype=bool)
    index = grid.lps_to_index(mesh.vertices)
    box = _box(index, grid.size)
    if box is None:
        return grid.with_array(inside)
    lower, upper = box
    in_index = TriangleMesh(index - lower, mesh.faces)
    if in_index.volume < 0:  # a left-handed grid turns the faces inside out
        in_index = TriangleMesh(in_index.vertices, in_index.faces[:, ::-1])
    block = _fill(in_index, *(upper - lower + 1))
    inside[lower[2] : upper[2] + 1, lower[1] : upper[1] + 1, lower[0] : upper[0] + 1] = block
    return grid.with_array(inside)


def _box(index: FloatArray, size: tuple[int, int, int]) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
    """First and last voxel (i, j, k) of the mesh's box within the grid; None if it is outside."""
    if len(index) == 0:
        return None
    lower = np.maximum(np.floor(index.min(axis=0)), 0).astype(np.int64)
    upper = np.minimum(np.ceil(index.max(axis=0)), np.array(size) - 1).astype(np.int64)
    return None if (lower > upper).any() else (lower, upper)


def _fill(mesh: TriangleMesh, ni: int, nj: int, nk: int) -> NDArray[np.bool_]:
    """(nk, nj, ni) voxels inside a mesh given in voxel units."""
    import open3d

    o3d: Any = open3d
    scene = o3d.t.geometry.RaycastingScene()
    scene.add_triangles(
        o3d.core.Tensor(mesh.vertices.astype(np.float32)), o3d.core.Tensor(mesh.faces.astype(np.uint32))
    )
    start = float(mesh.vertices[:, 2].min()) - 1.0
    jj, ii = np.meshgrid(np.arange(nj), np.arange(ni), indexing="ij")
    rays = np.zeros((nj * ni, 6), dtype=np.float32)
    rays[:, 0], rays[:, 1] = ii.ravel() + _SHIFT[0], jj.ravel() + _SHIFT[1]
    rays[:, 2], rays[:, 5] = start, 1.0
    hits = scene.list_intersections(o3d.core.Tensor(rays))
    column = hits["ray_ids"].numpy().astype(np.int64)
    height = hits["t_hit"].numpy().astype(float) + start
    # a ray enters where the outward normal looks against it
    step = -np.sign(mesh.face_normals[hits["primitive_ids"].numpy().astype(np.int64), 2]).astype(np.int32)
    first = np.clip(np.ceil(height), 0, nk).astype(np.int64)
    winding = np.zeros((nk + 1, nj * ni), dtype=np.int32)
    np.add.at(winding, (first, column), step)
    inside = np.cumsum(winding, axis=0)[:nk] > 0
    open_columns = np.flatnonzero(np.bincount(column, weights=step, minlength=nj * ni) != 0)
    _mend(inside, open_columns, scene, ni)
    return inside.reshape(nk, nj, ni)


def _mend(inside: NDArray[np.bool_], columns: NDArray[np.int64], scene: Any, ni: int) -> None:
    """Ask point by point in the few columns whose ray grazed an edge and missed a crossing."""
    import open3d

    o3d: Any = open3d
    if not len(columns):
        return
    kk, cc = np.meshgrid(np.arange(len(inside)), columns, indexing="ij")
    points = np.stack([cc % ni, cc // ni, kk], axis=-1).astype(np.float32)
    inside[:, columns] = scene.compute_occupancy(o3d.core.Tensor(points), nsamples=3).numpy() > 0.5
