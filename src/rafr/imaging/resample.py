"""Carrying a volume onto another grid, through a rigid motion."""

from __future__ import annotations

import numpy as np

from rafr.geometry import RigidTransform
from rafr.imaging.volume import Volume


def resample(
    volume: Volume, grid: Volume, T_grid_volume: RigidTransform, *, outside: float, nearest: bool = False
) -> Volume:
    """`volume`, moved by `T_grid_volume` (LPS mm), sampled at the voxels of `grid`.

    Args:
        outside: the value where `volume` does not reach.
        nearest: nearest neighbour (labels) instead of trilinear.

    Returns:
        A volume on `grid`'s voxels with `volume`'s data type; `grid`'s own values are not read.
    """
    import SimpleITK as sitk

    back = T_grid_volume.inverse()
    transform = sitk.AffineTransform(3)
    transform.SetMatrix([float(v) for v in back.rotation.ravel()])
    transform.SetTranslation([float(v) for v in back.translation])
    resampler = sitk.ResampleImageFilter()
    resampler.SetSize([int(n) for n in grid.size])
    resampler.SetOutputOrigin([float(v) for v in grid.origin])
    resampler.SetOutputSpacing([float(v) for v in grid.spacing])
    resampler.SetOutputDirection([float(v) for v in grid.direction.ravel()])
    resampler.SetTransform(transform)
    resampler.SetInterpolator(sitk.sitkNearestNeighbor if nearest else sitk.sitkLinear)
    resampler.SetDefaultPixelValue(float(outside))
    return Volume.from_sitk(resampler.Execute(volume.to_sitk()))


def crop_to(
    grid: Volume, points_mm: np.ndarray, margin_mm: float
) -> tuple[Volume, tuple[slice, slice, slice]]:
    """The part of `grid` around points (n, 3) LPS mm, and its (k, j, i) slices in `grid`'s array."""
    index = grid.lps_to_index(points_mm)
    margin = margin_mm / grid.spacing
    size = np.array(grid.size)
    low = np.clip(np.floor(index.min(axis=0) - margin).astype(int), 0, size - 1)
    high = np.clip(np.ceil(index.max(axis=0) + margin).astype(int) + 1, low + 1, size)
    window = (slice(low[2], high[2]), slice(low[1], high[1]), slice(low[0], high[0]))
    part = Volume(grid.array[window], grid.index_to_lps(low), grid.spacing, grid.direction)
    return part, window
