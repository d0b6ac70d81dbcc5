"""The sacrum as an implicit surface, in coordinates that follow its curve; pelvis axes, mm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline, PchipInterpolator
from scipy.spatial import cKDTree

from rafr.cases.virtual.hip import SI_GAP_MM, sacroiliac_surface
from rafr.cases.virtual.implicit import Grid, smooth_max, smooth_min, tube
from rafr.geometry.rigid_transform import FloatArray

LOW, HIGH = (-70.0, -14.0, -58.0), (70.0, 100.0, 92.0)

# (y, z) of the middle of the vertebral bodies, from the top of S1 to the tip of S5.
_CURVE = np.array([(12, 60), (20, 47), (40, 29), (57, 10), (68, -8), (74, -28), (72, -42)], dtype=float)
_LENGTH_SCALE = np.array([0.0, 0.12, 0.35, 0.55, 0.75, 0.93, 1.0])  # share of the length at these points


def _profile(shares: list[float], values: list[float]) -> PchipInterpolator:
    return PchipInterpolator(shares, values, extrapolate=True)


_HALF_WIDTH = _profile([0, 0.2, 0.36, 0.5, 0.6, 0.72, 0.86, 0.95, 1.0], [57, 60, 56, 48, 43, 37, 31, 22, 11])
_FRONT = _profile([0, 0.1, 0.3, 0.5, 0.75, 1.0], [17, 15.5, 11, 8.5, 6.5, 5])
_BACK = _profile([0, 0.15, 0.4, 0.6, 0.8, 1.0], [26, 28, 25, 18, 11, 6])  # laminae
_WING_BACK = _profile([0, 0.2, 0.4, 0.6, 0.8, 1.0], [14, 22, 18, 12, 8, 6])  # lateral mass
_FORAMINA = ((0.27, 22.5, 6.0), (0.48, 19.5, 5.2), (0.66, 17.0, 4.4), (0.82, 14.5, 3.6))  # share, x, radius


@dataclass(frozen=True, slots=True, eq=False)
class _Curved:
    """Where each (y, z) lies along the sacrum.

    Attributes:
        share: (1, ny, nz) 0 at the top of S1 to 1 at the tip (beyond both ends too).
        back: (1, ny, nz) mm behind the middle of the bodies.
        length: mm.
    """

    share: FloatArray
    back: FloatArray
    length: float


def sacrum_field(grid: Grid) -> FloatArray:
    """Negative inside the sacrum."""
    curve = _curved(grid)
    x = np.abs(grid.x)
    field = _blocks(x, curve)
    field = smooth_min(field, _median_crest(x, curve), 5.0)
    for side in (-1.0, 1.0):
        facet = [(side * 20, 37, 62, 6.5), (side * 22, 39, 71, 5.0), (side * 25, 37, 77, 3.2)]
        field = smooth_min(field, tube(grid, facet), 9.0)
    field = smooth_max(field, -_canal(x, curve), 2.0)
    for share, at, radius in _FORAMINA:
        field = smooth_max(field, -_foramen(x, curve, share, at, radius), 2.5)
    joint = x - (sacroiliac_surface(grid) - 0.5 * SI_GAP_MM)
    return smooth_max(field, joint, 5.0)


def _curved(grid: Grid) -> _Curved:
    """Sacral coordinates by the nearest point of the curve, drawn on straight at both ends."""
    spline = CubicSpline(_LENGTH_SCALE, _CURVE)
    share = np.linspace(-0.35, 1.25, 641)
    ends = np.clip(share, 0.0, 1.0)
    knots = spline(ends) + spline(ends, 1) * (share - ends)[:, None]
    tangent = spline(ends, 1)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    points = grid.sagittal_points()
    _, nearest = cKDTree(knots).query(points)
    behind = np.stack([-tangent[:, 1], tangent[:, 0]], axis=1)  # +y for a curve that runs down
    back = ((points - knots[nearest]) * behind[nearest]).sum(axis=1)
    along = ((points - knots[nearest]) * tangent[nearest]).sum(axis=1)
    length = float(np.linalg.norm(np.diff(spline(np.linspace(0, 1, 200)), axis=0), axis=1).sum())
    return _Curved(grid.sagittal(share[nearest] + along / length), grid.sagittal(back), length)


def _blocks(x: FloatArray, curve: _Curved) -> FloatArray:
    """Bodies and lateral masses: between a front, a back, two sides and two ends."""
    share = np.clip(curve.share, 0.0, 1.0)
    body = 26.0 - 14.0 * share  # half width of the vertebral bodies
    lateral = _step((x - body + 4.0) / 20.0)
    # discs bulge forward as ridges; the wings fall back beside the first body
    ridge = 0.9 * np.cos(2 * np.pi * (curve.share - 0.04) / 0.2) * (1 - lateral)
    # the promontory: the first body is round in front and stands out
    promontory = (1 - lateral) * (4.0 - 6.0 * (x / 26.0) ** 2) * np.exp(-(((share - 0.02) / 0.10) ** 2))
    wing = lateral * (6.0 - 8.0 * np.exp(-(((share - 0.24) / 0.12) ** 2)))
    front = _FRONT(share) + ridge + promontory - wing
    centre = _step((x - 14.0) / 14.0)
    back = _BACK(share) * (1 - centre) + _WING_BACK(share) * centre
    slab = np.maximum(-curve.back - front, curve.back - back)
    sides = x - _HALF_WIDTH(share)
    # the wings rise again beside a shallow groove
    rise = 4.0 * _step((x - 24.0) / 8.0) - 12.0 * _step((x - 30.0) / 30.0)
    top = -curve.share * curve.length + rise
    ends = np.maximum(top, (curve.share - 1.0) * curve.length)
    return smooth_max(smooth_max(slab, sides, 7.0), ends, 5.0)


def _step(t: FloatArray) -> FloatArray:
    """0 below 0, 1 above 1, smooth between."""
    t = np.clip(t, 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def _median_crest(x: FloatArray, curve: _Curved) -> FloatArray:
    """Fused spinous processes: a ridge with bumps behind the laminae."""
    share = np.clip(curve.share, 0.0, 1.0)
    bump = 3.5 * np.cos(2 * np.pi * (curve.share - 0.17) / 0.19)
    height = _BACK(share) + 7.0 + bump - 16.0 * np.clip(share - 0.55, 0, 1) * 2
    ridge = smooth_max(x - 3.0, curve.back - height, 4.0)
    ends = np.maximum(0.10 - curve.share, curve.share - 0.75) * curve.length
    return smooth_max(smooth_max(ridge, 10.0 - curve.back, 2.0), ends, 5.0)


def _canal(x: FloatArray, curve: _Curved) -> FloatArray:
    """The sacral canal, triangular and narrowing down to the hiatus."""
    share = np.clip(curve.share, -0.2, 1.0)
    middle = 21.0 - 12.5 * share
    wide, deep = 14.0 - 9.0 * share, 6.0 - 3.6 * share
    radius = np.sqrt((x / wide) ** 2 + ((curve.back - middle) / deep) ** 2)
    return smooth_max((radius - 1.0) * deep, (curve.share - 0.93) * curve.length, 2.0)


def _foramen(x: FloatArray, curve: _Curved, share: float, at: float, radius: float) -> FloatArray:
    """One pair of anterior and posterior foramina: a tunnel wide in front, narrow behind."""
    narrowing = np.clip((curve.back + 8.0) / 26.0, 0.0, 1.0)
    wide = radius * (1.0 - 0.45 * narrowing)
    field: FloatArray = np.hypot(x - at - 0.12 * -curve.back, (curve.share - share) * curve.length) - wide
    return field
