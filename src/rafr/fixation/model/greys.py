"""Hounsfield units of one bone piece anywhere in it, undisturbed by what lies around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rafr.errors import InputError
from rafr.geometry.rigid_transform import FloatArray
from rafr.imaging.volume import Volume

METAL_HU = 2400.0  # above any cortical bone, below titanium and steel in a clinical CT
_LOWEST_HU = -200.0  # below fat: air, padding or a streak of metal
_MARGIN = 6  # voxels round the piece: its mesh may stick out by that much


@dataclass(frozen=True, slots=True, eq=False)
class BoneGreys:
    """The CT round one piece; voxels that are not its own carry the value of its nearest one.

    So neither soft tissue nor the 0 HU around bones that were cut out of their CT, nor the bone across a
    joint or fracture leaks into it. Cavities inside the piece keep what the CT shows there.

    Attributes:
        metal, dark: share of the piece's voxels above `METAL_HU` (replaced by the nearest bone) and below
            -200 HU (raised to it).
    """

    volume: Volume
    metal: float
    dark: float

    @staticmethod
    def of(ct: Volume, labels: Volume, values: Sequence[int], name: str) -> BoneGreys:
        """The greys of the piece carrying one of the label `values`, on the CT's grid.

        Raises:
            InputError: no voxel carries the labels, or hardly one shows bone.
        """
        from scipy import ndimage

        window = _window(labels, values, name)
        own = _carries(labels.array[window], values)
        hu = ct.array[window].astype(np.float32)
        metal = own & (hu > METAL_HU)
        sound = ndimage.binary_fill_holes(own) & (hu <= METAL_HU)
        if (sound & own).sum() < 8:
            raise InputError(name, "the CT shows nothing but metal in it", "bone below 2400 HU")
        nearest = ndimage.distance_transform_edt(
            ~sound, sampling=tuple(ct.spacing[::-1]), return_distances=False, return_indices=True
        )
        filled = np.maximum(hu[tuple(nearest)], _LOWEST_HU)
        first = np.array([window[2].start, window[1].start, window[0].start])
        part = Volume(filled, ct.index_to_lps(first), ct.spacing, ct.direction)
        n = max(int(own.sum()), 1)
        return BoneGreys(part, float(metal.sum() / n), float((own & (hu < _LOWEST_HU)).sum() / n))

    def sample(self, points: FloatArray) -> FloatArray:
        """HU (n,) at points (n, 3) of the CT, LPS mm: trilinear, the border's value outside."""
        from scipy import ndimage

        index = self.volume.lps_to_index(points)
        hu: FloatArray = ndimage.map_coordinates(
            self.volume.array, index[:, ::-1].T, order=1, mode="nearest", output=np.float64
        )
        return hu


def _window(labels: Volume, values: Sequence[int], name: str) -> tuple[slice, slice, slice]:
    """(k, j, i) slices of the labels' array around the piece."""
    mask = _carries(labels.array, values)
    if not mask.any():
        raise InputError(name, f"no voxel carries label {', '.join(map(str, values))}", "labels of the case")
    slices = []
    for axis in range(3):
        used = np.flatnonzero(_along(mask, axis))
        slices.append(slice(max(int(used[0]) - _MARGIN, 0), int(used[-1]) + 1 + _MARGIN))
    return slices[0], slices[1], slices[2]


def _along(mask: NDArray[np.bool_], axis: int) -> NDArray[np.bool_]:
    """Whether anything is set, by index along one axis."""
    return np.asarray(mask.any(axis=tuple(a for a in range(3) if a != axis)))


def _carries(array: NDArray[np.integer], values: Sequence[int]) -> NDArray[np.bool_]:
    """Which voxels carry one of the values."""
    mask = np.zeros(array.shape, dtype=bool)
    for value in values:
        np.logical_or(mask, array == value, out=mask)
    return mask
