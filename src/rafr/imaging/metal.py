"""Steel in a CBCT: saturated voxels and the streaks around them (modelled in the image)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from rafr.geometry.rigid_transform import FloatArray
from rafr.imaging.resample import crop_to
from rafr.imaging.volume import Volume

if TYPE_CHECKING:
    from rafr.imaging.cbct import CbctConfig

_STREAK_REACH_MM = 18.0  # distance at which a streak has halved
_HARMONICS = 24


def add_metal(
    image: np.ndarray,
    grid: Volume,
    fiducials_mm: FloatArray,
    pins_mm: Sequence[tuple[FloatArray, FloatArray]],
    config: CbctConfig,
    rng: np.random.Generator,
) -> None:
    """Draw spheres and pins into `image` (float, in place), streaks first."""
    angles = np.linspace(0, 2 * np.pi, 721)
    for points, radius in _metal(fiducials_mm, pins_mm, config):
        pattern = _streak_pattern(angles, rng)
        for k, centre in _slices(points, radius, grid):
            _add_streaks(image[k], centre, grid, angles, pattern, config.streak)
    for centre in fiducials_mm:
        _fill(image, grid, centre, centre, 0.5 * config.fiducial_diameter_mm, config.metal)
    for start, end in pins_mm:
        _fill(image, grid, np.asarray(start), np.asarray(end), 0.5 * config.pin_diameter_mm, config.metal)


def _metal(
    fiducials_mm: FloatArray, pins_mm: Sequence[tuple[FloatArray, FloatArray]], config: CbctConfig
) -> list[tuple[FloatArray, float]]:
    spheres = [(np.stack([c, c]), 0.5 * config.fiducial_diameter_mm) for c in fiducials_mm]
    return spheres + [(np.array([a, b], dtype=float), 0.5 * config.pin_diameter_mm) for a, b in pins_mm]


def _streak_pattern(angles: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Zero-mean function of the angle, alike in opposite directions, as a ray through the metal is."""
    pattern = np.zeros_like(angles)
    for harmonic in range(2, _HARMONICS, 2):
        pattern += rng.normal() * np.cos(harmonic * angles + rng.uniform(0, 2 * np.pi))
    scaled: FloatArray = pattern / pattern.std()
    return scaled


def _slices(points: FloatArray, radius: float, grid: Volume) -> list[tuple[int, FloatArray]]:
    """Slice numbers a segment passes and where, (2,) mm in the slice."""
    z = grid.origin[2] + grid.spacing[2] * np.arange(grid.size[2])
    (x0, y0, z0), (x1, y1, z1) = points if points[0, 2] <= points[1, 2] else points[::-1]
    found = []
    for k in np.flatnonzero((z >= z0 - radius) & (z <= z1 + radius)):
        t = np.clip((z[k] - z0) / max(z1 - z0, 1e-6), 0, 1) if z1 > z0 else 0.0
        found.append((int(k), np.array([x0 + t * (x1 - x0), y0 + t * (y1 - y0)])))
    return found


def _add_streaks(
    plane: np.ndarray,
    centre: FloatArray,
    grid: Volume,
    angles: FloatArray,
    pattern: FloatArray,
    amplitude: float,
) -> None:
    ni, nj, _ = grid.size
    dx = (grid.origin[0] + grid.spacing[0] * np.arange(ni) - centre[0]).astype(np.float32)
    dy = (grid.origin[1] + grid.spacing[1] * np.arange(nj) - centre[1]).astype(np.float32)
    distance = np.hypot(dx[None, :], dy[:, None])
    angle = np.arctan2(dy[:, None], dx[None, :]) % (2 * np.pi)
    lookup = pattern[(angle * ((len(angles) - 1) / (2 * np.pi))).astype(np.int32)]
    plane += (amplitude * lookup / (1.0 + distance / _STREAK_REACH_MM)).astype(np.float32)


def _fill(
    image: np.ndarray, grid: Volume, start: FloatArray, end: FloatArray, radius: float, value: float
) -> None:
    """Blend a capsule into the image by its share of each voxel."""
    part, window = crop_to(grid.with_array(image), np.stack([start, end]), radius + 2 * grid.spacing[0])
    index = np.argwhere(np.ones(part.array.shape, bool))
    points = part.index_to_lps(index[:, ::-1])
    axis = end - start
    length2 = float(axis @ axis)
    t = np.clip((points - start) @ axis / length2, 0, 1) if length2 > 0 else np.zeros(len(points))
    distance = np.linalg.norm(points - start - t[:, None] * axis, axis=1)
    share = np.clip(0.5 + (radius - distance) / grid.spacing[0], 0, 1).reshape(part.array.shape)
    image[window] = part.array + share * (value - part.array)
