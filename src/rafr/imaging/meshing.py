"""From label values to closed, smooth surfaces."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rafr.errors import RafrError
from rafr.geometry import TriangleMesh
from rafr.geometry.rigid_transform import FloatArray
from rafr.imaging.volume import Volume

_PADDING = 4  # voxels of background around the cropped labels: room for the smoothing, closed surfaces
_TAUBIN_PASSES = 6
_THIN_OCCUPANCY = 0.75  # gives a plate of one voxel about one voxel of thickness


def mesh_from_labels(
    labels: Volume,
    values: Iterable[int],
    *,
    smooth_mm: float = 0.7,
    edge_mm: float = 2.0,
    island_mm3: float = 40.0,
) -> TriangleMesh:
    """Closed outer surface of the voxels that carry one of `values`.

    The occupancy is blurred, cut at one half by marching cubes (Lewiner 2003), freed of the voxel
    steps that are left by Taubin's smoothing, which does not shrink, and thinned by quadric edge
    collapse. Inner cavities are filled: they are marrow, not surface.

    Args:
        labels: integer volume, any direction matrix.
        values: label values that make up the body.
        smooth_mm: standard deviation of the blur; at least 0.6 voxels are used along every axis.
        edge_mm: mean edge length wanted; sets the number of triangles.
        island_mm3: separate specks smaller than this are left out (never the largest piece).

    Returns:
        Watertight mesh with outward faces, LPS mm.

    Raises:
        RafrError: no voxel carries one of the values.
    """
    wanted = sorted({int(v) for v in values})
    mask, corner = _cropped_mask(labels, wanted)
    mask = _without_cavities(_without_islands(mask, island_mm3 / float(np.prod(labels.spacing))))
    vertices, faces = _isosurface(mask, labels.spacing, smooth_mm)
    points = labels.index_to_lps(vertices[:, ::-1] + corner)
    mesh = TriangleMesh(points, faces)
    mesh = mesh if mesh.volume > 0 else TriangleMesh(points, faces[:, ::-1])
    return _thinned(_smoothed(mesh), edge_mm)


def _cropped_mask(labels: Volume, values: list[int]) -> tuple[NDArray[np.bool_], FloatArray]:
    """The padded box around the labels, (k, j, i), and the (i, j, k) index of its first voxel."""
    array = labels.array
    table = np.zeros(int(max(int(array.max()), max(values, default=0))) + 1, dtype=bool)
    table[values] = True
    mask = table[array]
    if not mask.any():
        raise RafrError(f"no voxel carries label {', '.join(map(str, values))}")
    box = []
    for axis in range(3):
        used = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))
        box.append(slice(int(used[0]), int(used[-1]) + 1))
    corner = np.array([box[2].start, box[1].start, box[0].start], dtype=float) - _PADDING
    return np.pad(mask[tuple(box)], _PADDING), corner


def _without_islands(mask: NDArray[np.bool_], smallest: float) -> NDArray[np.bool_]:
    from scipy import ndimage

    pieces, count = ndimage.label(mask)
    if count <= 1:
        return mask
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    keep = sizes >= min(smallest, sizes.max())
    kept: NDArray[np.bool_] = keep[pieces]
    return kept


def _without_cavities(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    from scipy import ndimage

    # the padding makes the outside one piece, and the first voxel part of it
    outside, _ = ndimage.label(~mask)
    filled: NDArray[np.bool_] = outside != outside[0, 0, 0]
    return filled


def _isosurface(
    mask: NDArray[np.bool_], spacing: FloatArray, smooth_mm: float
) -> tuple[FloatArray, NDArray[np.int64]]:
    """Marching cubes at one half: vertices (n, 3) in (k, j, i) voxels, faces (m, 3)."""
    from scipy import ndimage
    from skimage.measure import marching_cubes

    sigma = np.maximum(smooth_mm / spacing[::-1], 0.6)
    occupancy = ndimage.gaussian_filter(mask.astype(np.float32), sigma, truncate=3.0)
    # the blur would tear holes into plates one or two voxels thick (iliac fossa): hold them up
    thin = mask & ~ndimage.binary_opening(mask)
    occupancy[thin] = np.maximum(occupancy[thin], _THIN_OCCUPANCY)
    vertices, faces, _, _ = marching_cubes(occupancy, 0.5, allow_degenerate=False)
    return vertices.astype(float), faces.astype(np.int64)


def _smoothed(mesh: TriangleMesh) -> TriangleMesh:
    smooth = _to_open3d(mesh).filter_smooth_taubin(number_of_iterations=_TAUBIN_PASSES)
    return TriangleMesh(np.asarray(smooth.vertices), mesh.faces)


def _thinned(mesh: TriangleMesh, edge_mm: float) -> TriangleMesh:
    """Fewer triangles, still closed; the mesh as it is where thinning would tear it."""
    equilateral = np.sqrt(3.0) / 4.0 * edge_mm**2
    wanted = max(200, int(mesh.face_areas.sum() / equilateral))
    while wanted < len(mesh.faces):
        thin = _to_open3d(mesh).simplify_quadric_decimation(wanted)
        thin.remove_degenerate_triangles()
        thin.remove_unreferenced_vertices()
        if thin.is_edge_manifold(allow_boundary_edges=False) and thin.is_vertex_manifold():
            return TriangleMesh(np.asarray(thin.vertices), np.asarray(thin.triangles))
        wanted = int(1.5 * wanted)
    return mesh


def _to_open3d(mesh: TriangleMesh) -> Any:
    import open3d

    o3d: Any = open3d
    # Open3D wants arrays it may write to
    return o3d.geometry.TriangleMesh(
        o3d.utility.Vector3dVector(mesh.vertices.copy()),
        o3d.utility.Vector3iVector(mesh.faces.astype(np.int32)),
    )
