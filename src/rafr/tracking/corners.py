"""Corners of a black square on white, to a fraction of a pixel.

OpenCV's corner refinement looks at the corner itself, which blur rounds off: a tag looks smaller, so farther
away. Edges stay where they are: a line is fitted to the steepest grey along each, and neighbours are cut.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.ndimage import map_coordinates

from rafr.geometry.rigid_transform import FloatArray

_ALONG = np.linspace(0.12, 0.88, 24)  # places along an edge, away from the rounded corners
_STEP = 0.25  # px between samples across the edge
_LARGEST_REACH = 4.0  # px across the edge
_REJECTED = 3.0  # times the median distance from the line


def refine_corners(image: Any, corners: FloatArray, cells: int) -> FloatArray:
    """Refined corners (4, 2) px; as given where an edge cannot be found.

    Args:
        image: (h, w) grey values.   corners: (4, 2) px, good to about a pixel.
        cells: along a side of the tag, black border included: how far one may look.
    """
    sides = np.roll(corners, -1, axis=0) - corners
    lengths = np.linalg.norm(sides, axis=1)
    reach = min(_LARGEST_REACH, 0.4 * float(lengths.min()) / cells)
    if reach < 2 * _STEP:
        return corners
    tangents = sides / lengths[:, None]
    normals = np.stack([tangents[:, 1], -tangents[:, 0]], axis=1)
    centre = corners.mean(axis=0)
    normals *= np.sign(np.einsum("ij,ij->i", normals, corners - centre))[:, None]  # outwards
    lines = []
    for corner, side, normal in zip(corners, sides, normals, strict=True):
        points = _edge_points(image, corner + _ALONG[:, None] * side, normal, reach)
        if len(points) < len(_ALONG) // 2:
            return corners
        lines.append(_line(points))
    refined = np.array([_cut(lines[k - 1], lines[k]) for k in range(4)])
    if not np.isfinite(refined).all() or np.abs(refined - corners).max() > 2 * _LARGEST_REACH:
        return corners
    return refined


def _edge_points(image: Any, points: FloatArray, normal: FloatArray, reach: float) -> FloatArray:
    """(m, 2) px where grey rises steepest along the normal through each of the points (n, 2)."""
    across = np.arange(-reach, reach + _STEP / 2, _STEP)
    x, y = np.moveaxis(points[:, None] + across[:, None] * normal, -1, 0)
    grey = map_coordinates(image, [y, x], output=float, order=1, mode="nearest")
    rise = np.clip(np.diff(grey, axis=1), 0.0, None) ** 2  # squared: noise weighs little
    weight = rise.sum(axis=1)
    found = weight > 0.1 * np.median(weight)
    place = rise[found] @ (0.5 * (across[1:] + across[:-1])) / weight[found]
    return np.asarray(points[found] + place[:, None] * normal)


def _line(points: FloatArray) -> tuple[FloatArray, float]:
    """Unit normal (2,) and offset of the line through points (n, 2); far ones are left out once."""
    for _ in range(2):
        centre = points.mean(axis=0)
        normal = np.linalg.svd(points - centre)[2][1]
        distance = np.abs((points - centre) @ normal)
        points = points[distance <= _REJECTED * np.median(distance) + 1e-9]
    return normal, float(normal @ centre)


def _cut(a: tuple[FloatArray, float], b: tuple[FloatArray, float]) -> FloatArray:
    normals = np.array([a[0], b[0]])
    if abs(np.linalg.det(normals)) < 0.05:
        return np.full(2, np.nan)
    return np.asarray(np.linalg.solve(normals, [a[1], b[1]]))
