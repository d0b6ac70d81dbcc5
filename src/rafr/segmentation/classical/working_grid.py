"""The grid the classical method works on: isotropic, along the LPS axes, around the bone alone."""

from __future__ import annotations

import numpy as np

from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.imaging.resample import resample
from rafr.imaging.volume import Volume


def lps_grid(corners_mm: FloatArray, spacing_mm: float) -> Volume:
    """An empty grid along LPS around points (n, 3) mm; `array` is a broadcast zero (no memory)."""
    low, high = corners_mm.min(axis=0), corners_mm.max(axis=0)
    size = np.maximum(np.ceil((high - low) / spacing_mm).astype(int) + 1, 2)
    empty = np.broadcast_to(np.uint8(0), tuple(int(n) for n in size[::-1]))
    return Volume(empty, low, np.full(3, spacing_mm), np.eye(3))


def corners(volume: Volume) -> FloatArray:
    """(8, 3) LPS mm of the outermost voxel centres."""
    last = np.array(volume.size) - 1
    return volume.index_to_lps(np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)]) * last)


def true_corners(mask: Volume, margin_mm: float) -> FloatArray:
    """(8, 3) corners of the box (along the volume's own axes) around its true voxels, widened.

    The box does not leave the volume by more than the margin. `mask` must hold a true voxel.
    """
    low, high = np.zeros(3), np.zeros(3)
    for axis in range(3):
        used = np.flatnonzero(mask.array.any(axis=tuple(a for a in range(3) if a != axis)))
        low[2 - axis], high[2 - axis] = used[0], used[-1]
    margin = margin_mm / mask.spacing
    ends = np.stack([low - margin, high + margin])
    pick = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    return mask.index_to_lps(np.stack([ends[pick[:, a], a] for a in range(3)], axis=1))


def shrunk(volume: Volume, target_mm: float) -> Volume:
    """Block averages (float32) of about `target_mm`: what is coarse and yet not aliased."""
    import SimpleITK as sitk

    factors = [max(1, int(target_mm / s + 0.2)) for s in volume.spacing]
    image = sitk.Cast(volume.with_array(volume.array.astype(np.uint8)).to_sitk(), sitk.sitkFloat32)
    return Volume.from_sitk(sitk.BinShrink(image, factors))


def onto(volume: Volume, grid: Volume, *, outside: float = 0.0, nearest: bool = False) -> np.ndarray:
    """`volume`'s values at the voxels of `grid`."""
    return resample(volume, grid, RigidTransform.identity(), outside=outside, nearest=nearest).array
