"""Where a CBCT has seen anything, and its grey values made comparable: soft tissue 0, dense bone 1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from rafr.errors import InfeasibleError
from rafr.geometry.rigid_transform import FloatArray
from rafr.imaging.volume import Volume

_MIN_PADDING_SHARE = 0.02  # a value less frequent than this is no padding
_SHADING_MM = 25.0  # standard deviation over which soft tissue is averaged: shading changes slowly
_DENSE_BONE_PERCENTILE = 99.5
_PEAK_SHARE = 0.25  # of the highest histogram peak, for a lower one to be a tissue of its own


@dataclass(frozen=True, slots=True, eq=False)
class BoneMap:
    """A CBCT reduced to what coarse alignment needs.

    Attributes:
        bone: float32 volume, about 0 in soft tissue and outside the field of view, 1 in dense bone and metal.
        inside: boolean volume on the same grid, the field of view.
    """

    bone: Volume
    inside: Volume


def sample(volume: Volume, points_mm: FloatArray, *, outside: float = np.nan) -> FloatArray:
    """Trilinear values (n, ...) of a volume at LPS mm points (n, ..., 3); `outside` beyond its voxels."""
    index = volume.lps_to_index(points_mm)[..., ::-1]
    array = volume.array
    if array.dtype == np.bool_:
        array = array.astype(np.float32)
    coordinates = np.moveaxis(index, -1, 0)
    values: FloatArray = ndimage.map_coordinates(
        array, coordinates, order=1, mode="constant", cval=outside, output=np.float64
    )
    return values


def field_of_view(volume: Volume) -> NDArray[np.bool_]:
    """Voxels a scanner has measured: finite, and not the constant it fills the corners with."""
    array = volume.array
    inside: NDArray[np.bool_] = np.isfinite(array)
    corners = array[np.ix_(*((0, -1),) * 3)].ravel()
    values, counts = np.unique(corners[np.isfinite(corners)], return_counts=True)
    if len(values) and counts.max() >= 4:
        padding = values[counts.argmax()]
        padded = array == padding
        if padded.mean() > _MIN_PADDING_SHARE:
            inside &= ~padded
    return inside


def bone_map(volume: Volume, spacing_mm: float = 2.0) -> BoneMap:
    """Reduce a CBCT to bone on a coarse grid.

    Grey values are not calibrated, so soft tissue is taken as the highest frequent value and dense
    bone as a high percentile; slow shading is removed by subtracting the local mean of soft tissue.

    Raises:
        InfeasibleError: the volume holds no image (empty or constant).
    """
    inside = field_of_view(volume)
    step = np.maximum(np.round(spacing_mm / volume.spacing).astype(int), 1)
    share = _block_mean(inside.astype(np.float32), step)
    array = np.where(inside, volume.array, 0).astype(np.float32)
    mean: NDArray[np.float32] = (_block_mean(array, step) / np.maximum(share, 1e-6)).astype(np.float32)
    seen = share > 0.5
    if seen.sum() < 1000 or np.ptp(mean[seen]) == 0:
        raise InfeasibleError(("the CBCT holds no image: empty, constant or not finite",))
    spacing = volume.spacing * step
    soft = _soft_tissue(mean[seen])
    dense = float(np.percentile(mean[seen], _DENSE_BONE_PERCENTILE))
    corrected = mean - _shading(mean, seen, soft, dense, spacing)
    scaled = np.where(seen, corrected / max(dense - soft, 1e-6), 0.0)
    bone = np.clip(scaled, 0.0, 1.0).astype(np.float32)
    origin = volume.index_to_lps((step - 1) / 2.0)
    return BoneMap(
        Volume(bone, origin, spacing, volume.direction), Volume(seen, origin, spacing, volume.direction)
    )


def _block_mean(array: NDArray[np.float32], step: NDArray[np.int64]) -> NDArray[np.float32]:
    """Means over blocks of `step` (i, j, k) voxels; incomplete blocks at the end are dropped."""
    nk, nj, ni = (n // s for n, s in zip(array.shape, step[::-1], strict=True))
    sk, sj, si = (int(s) for s in step[::-1])
    blocks = array[: nk * sk, : nj * sj, : ni * si].reshape(nk, sk, nj, sj, ni, si)
    mean: NDArray[np.float32] = blocks.mean(axis=(1, 3, 5))
    return mean


def _soft_tissue(values: NDArray[np.float32]) -> float:
    """The highest grey value that is frequent: air and fat lie below it, bone is rare and spread out."""
    low, high = np.percentile(values, [0.5, 99.5])
    counts, edges = np.histogram(values, bins=100, range=(float(low), float(high)))
    smooth = ndimage.gaussian_filter1d(counts.astype(float), 2.0)
    peaks = np.flatnonzero((smooth >= np.roll(smooth, 1)) & (smooth >= np.roll(smooth, -1)))
    frequent = peaks[smooth[peaks] >= _PEAK_SHARE * smooth.max()]
    index = int(frequent.max())
    return float(0.5 * (edges[index] + edges[index + 1]))


def _shading(
    mean: NDArray[np.float32], seen: NDArray[np.bool_], soft: float, dense: float, spacing: FloatArray
) -> NDArray[np.float32]:
    """Local mean of soft tissue (voxels near its grey value), (nk, nj, ni)."""
    width = 0.3 * (dense - soft)
    tissue = seen & (np.abs(mean - soft) < width)
    sigma = _SHADING_MM / spacing[::-1]
    weight = ndimage.gaussian_filter(tissue.astype(np.float32), sigma, truncate=2.0)
    total = ndimage.gaussian_filter(np.where(tissue, mean - soft, 0).astype(np.float32), sigma, truncate=2.0)
    shading: NDArray[np.float32] = soft + total / np.maximum(weight, 1e-2)
    return shading
