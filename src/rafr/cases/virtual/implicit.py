"""Implicit surfaces on a grid: fields that are negative inside, joined and cut smoothly, then meshed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.interpolate import PchipInterpolator, RBFInterpolator
from scipy.ndimage import gaussian_filter, label

from rafr.geometry import TriangleMesh
from rafr.geometry.rigid_transform import FloatArray

_FAR = 1e3
_MARGIN_MM = 16.0  # more than the widest fillet


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Sample points as three broadcastable axes, mm.

    Attributes:
        x: (nx, 1, 1).   y: (1, ny, 1).   z: (1, 1, nz).   spacing: mm.
    """

    x: FloatArray
    y: FloatArray
    z: FloatArray
    spacing: float

    @staticmethod
    def box(low: tuple[float, ...], high: tuple[float, ...], spacing: float) -> Grid:
        axes = [np.arange(a, b + spacing, spacing) for a, b in zip(low, high, strict=True)]
        return Grid(axes[0][:, None, None], axes[1][None, :, None], axes[2][None, None, :], spacing)

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.x.size, self.y.size, self.z.size

    def sagittal_points(self) -> FloatArray:
        """(ny·nz, 2) all (y, z) of the grid."""
        y, z = np.meshgrid(self.y.ravel(), self.z.ravel(), indexing="ij")
        return np.stack([y.ravel(), z.ravel()], axis=1)

    def sagittal(self, values: FloatArray) -> FloatArray:
        """Values at `sagittal_points` as (1, ny, nz)."""
        return values.reshape(1, self.y.size, self.z.size)


def smooth_min(a: FloatArray, b: FloatArray, blend: float) -> FloatArray:
    """Union of two fields with a fillet of about `blend` mm (Quilez' polynomial smooth minimum)."""
    h = np.maximum(blend - np.abs(a - b), 0.0) / blend
    joined: FloatArray = np.minimum(a, b) - 0.25 * blend * h**2
    return joined


def smooth_max(a: FloatArray, b: FloatArray, blend: float) -> FloatArray:
    """Intersection of two fields with a rounded edge."""
    return -smooth_min(-a, -b, blend)


def ball(grid: Grid, centre: FloatArray, radius: float) -> FloatArray:
    field: FloatArray = (
        np.sqrt((grid.x - centre[0]) ** 2 + (grid.y - centre[1]) ** 2 + (grid.z - centre[2]) ** 2) - radius
    )
    return field


def tube(grid: Grid, knots: Sequence[tuple[float, float, float, float]], per_span: int = 4) -> FloatArray:
    """A smooth curved tube through knots (x, y, z, radius): a chain of cones with rounded ends."""
    k = np.array(knots, dtype=float)
    s = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(k[:, :3], axis=0), axis=1))])
    dense = PchipInterpolator(s, k)(np.linspace(0.0, s[-1], per_span * (len(k) - 1) + 1))
    field = np.full(grid.shape, _FAR)
    for start, end in pairwise(dense):
        window = _window(grid, np.stack([start, end]))
        near = Grid(grid.x[window[0]], grid.y[:, window[1]], grid.z[:, :, window[2]], grid.spacing)
        field[window] = np.minimum(field[window], _round_cone(near, start, end))
    return field


def _window(grid: Grid, spheres: FloatArray) -> tuple[slice, slice, slice]:
    """The part of the grid where spheres (n, 4) can matter to a blend."""
    reach = spheres[:, 3:] + _MARGIN_MM
    low, high = (spheres[:, :3] - reach).min(axis=0), (spheres[:, :3] + reach).max(axis=0)
    axes = (grid.x.ravel(), grid.y.ravel(), grid.z.ravel())
    i, j, k = (slice(*np.searchsorted(a, (low[n], high[n]))) for n, a in enumerate(axes))
    return i, j, k


def _round_cone(grid: Grid, start: FloatArray, end: FloatArray) -> FloatArray:
    axis = end[:3] - start[:3]
    dx, dy, dz = grid.x - start[0], grid.y - start[1], grid.z - start[2]
    t = np.clip((dx * axis[0] + dy * axis[1] + dz * axis[2]) / (axis @ axis), 0.0, 1.0)
    away = np.sqrt((dx - t * axis[0]) ** 2 + (dy - t * axis[1]) ** 2 + (dz - t * axis[2]) ** 2)
    field: FloatArray = away - (start[3] + t * (end[3] - start[3]))
    return field


def interpolated(grid: Grid, control: FloatArray, smoothing: float = 1.0) -> FloatArray:
    """A smooth function of (y, z) through control rows (y, z, value), as (1, ny, nz); thin-plate spline."""
    spline = RBFInterpolator(control[:, :2], control[:, 2], kernel="thin_plate_spline", smoothing=smoothing)
    return grid.sagittal(spline(grid.sagittal_points()))


def outline_distance(points: FloatArray, outline: FloatArray) -> FloatArray:
    """Signed distance (n,) of points (n, 2) to a closed polygon (m, 2), negative inside."""
    start, end = outline, np.roll(outline, -1, axis=0)
    best = np.full(len(points), np.inf)
    inside = np.zeros(len(points), bool)
    for a, b in zip(start, end, strict=True):
        edge = b - a
        t = np.clip((points - a) @ edge / (edge @ edge), 0.0, 1.0)
        best = np.minimum(best, np.linalg.norm(points - a - t[:, None] * edge, axis=1))
        straddles = (a[1] > points[:, 1]) != (b[1] > points[:, 1])
        with np.errstate(divide="ignore", invalid="ignore"):
            crossing = a[0] + (points[:, 1] - a[1]) * edge[0] / edge[1]
        inside ^= straddles & (points[:, 0] < crossing)
    return np.where(inside, -best, best)


def rounded_outline(corners: Sequence[tuple[float, float]], per_edge: int = 6) -> FloatArray:
    """A closed smooth curve (m, 2) through corners (periodic cubic spline by chord length)."""
    from scipy.interpolate import CubicSpline

    p = np.array([*corners, corners[0]], dtype=float)
    s = np.concatenate([[0.0], np.cumsum(np.sqrt(np.linalg.norm(np.diff(p, axis=0), axis=1)))])
    curve: FloatArray = CubicSpline(s, p, bc_type="periodic")(
        np.linspace(0, s[-1], per_edge * len(corners), endpoint=False)
    )
    return curve


def mesh_of(grid: Grid, field: FloatArray, smooth_mm: float = 1.0) -> TriangleMesh:
    """The surface of the largest connected part of a field; watertight, outward-facing."""
    from skimage.measure import marching_cubes

    smooth = gaussian_filter(field, smooth_mm / grid.spacing)
    parts, n = label(smooth < 0)
    if n > 1:
        largest = 1 + np.argmax(np.bincount(parts.ravel())[1:])
        smooth = np.where((parts > 0) & (parts != largest), 0.5 * grid.spacing, smooth)
    vertices, faces, _, _ = marching_cubes(smooth, 0.0, spacing=(grid.spacing,) * 3)
    origin = np.array([grid.x.flat[0], grid.y.flat[0], grid.z.flat[0]])
    return TriangleMesh(vertices + origin, faces)
