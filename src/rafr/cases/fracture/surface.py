"""Fracture surfaces: a plane roughened by noise of several scales, and what lies on which side of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates

from rafr.geometry.rigid_transform import FloatArray

# A signed function of points (n, 3), about mm: negative on the piece's side.
Side = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True, slots=True)
class RoughnessConfig:
    """How rough bone breaks.

    Attributes:
        amplitude_mm: standard deviation of the height at each scale.
        wavelength_mm: the scales.
    """

    amplitude_mm: tuple[float, ...] = (2.0, 0.8, 0.3)
    wavelength_mm: tuple[float, ...] = (45.0, 16.0, 6.0)


_REACH_MM = 200.0  # height fields repeat beyond this; no bone is wider


@dataclass(frozen=True, slots=True, eq=False)
class RoughSurface:
    """`f(p) = n·(p − p0) − h(u, v)`, divided by its mean slope so that f is about a distance.

    Attributes:
        point: (3,) a point of the mean plane, mm.   normal: (3,) unit.
        height: (m, m) periodic heights, mm, on a 1 mm grid.   slope: rms slope of the heights.
    """

    point: FloatArray
    normal: FloatArray
    height: FloatArray
    slope: float

    def __call__(self, points: FloatArray) -> FloatArray:
        u, v = _tangents(self.normal)
        relative = np.asarray(points, dtype=float) - self.point
        h = map_coordinates(self.height, [relative @ u, relative @ v], order=1, mode="grid-wrap")
        value: FloatArray = (relative @ self.normal - h) / np.hypot(1.0, self.slope)
        return value


def rough_surface(
    point: FloatArray,
    normal: FloatArray,
    rng: np.random.Generator,
    config: RoughnessConfig | None = None,
    scale: float = 1.0,
) -> RoughSurface:
    """A rough plane through `point`; `scale` reduces the roughness for thin bones."""
    config = config or RoughnessConfig()
    n = int(_REACH_MM)
    height = np.zeros((n, n))
    for amplitude, wavelength in zip(config.amplitude_mm, config.wavelength_mm, strict=True):
        layer = gaussian_filter(rng.standard_normal((n, n)), wavelength / 4.0, mode="wrap")
        height += amplitude * scale * (layer - layer.mean()) / layer.std()
    gradient = np.hypot(*np.gradient(height))
    unit = np.asarray(normal, dtype=float) / np.linalg.norm(normal)
    return RoughSurface(np.asarray(point, dtype=float), unit, height, float(np.sqrt((gradient**2).mean())))


def flip(side: Side) -> Side:
    """The other side of the same surface: an exact complement."""
    return lambda p: -side(p)


def both(*sides: Side) -> Side:
    """Where every one of the sides holds."""
    return lambda p: np.max([s(p) for s in sides], axis=0)


def _tangents(normal: FloatArray) -> tuple[FloatArray, FloatArray]:
    helper = np.eye(3)[int(np.argmin(np.abs(normal)))]
    u = np.cross(normal, helper)
    u /= np.linalg.norm(u)
    return u, np.cross(normal, u)
