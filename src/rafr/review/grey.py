"""Grey pictures of slices, quickly: a volume once brought in line with LPS, then cut along its axes."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.imaging.resample import resample
from rafr.imaging.volume import Volume
from rafr.registration.field_of_view import field_of_view

BONE_WINDOW_HU = (-500.0, 1300.0)  # level 400, width 1800
_TAILS = (2.0, 99.7)  # percentiles of a CBCT shown black and white
_STORED = 30000  # a value that is no int16 is kept as -30000..30000 over three widths of its window
_STRAIGHT = 1e-4  # an axis nearer than this to an axis of LPS lies along it
_MOST_VOXELS = 150e6


@dataclass(frozen=True, slots=True, eq=False)
class GreyVolume:
    """An image whose slices are to be looked at.

    Attributes:
        volume: int16, its i, j, k along LPS x, y, z; often a view of what it was made of.
        black, white: stored values shown so.
    """

    volume: Volume
    black: float
    white: float

    @staticmethod
    def of_ct(ct: Volume, box: FloatArray) -> GreyVolume:
        """A CT in HU (not copied where it is int16 and along the axes), inside a box (2, 3), LPS mm."""
        straight = _straightened(ct)
        if straight is None:
            straight = _resampled(ct, RigidTransform.identity(), box, outside=-1000.0)
        part = _cropped(straight, box)
        if part.array.dtype != np.int16:
            part = part.with_array(np.clip(np.rint(part.array), -32768, 32767).astype(np.int16))
        return GreyVolume(part, *BONE_WINDOW_HU)

    @staticmethod
    def of_cbct(cbct: Volume, T_ct_cbct: RigidTransform, box: FloatArray) -> GreyVolume:
        """A CBCT, whose values are no HU, carried into the CT's frame (mm) and cut to a box (2, 3)."""
        seen = cbct.array[field_of_view(cbct)]
        black, white = (float(p) for p in np.percentile(seen[:: max(seen.size // 400_000, 1)], _TAILS))
        white = max(white, black + 1e-6 * max(abs(black), 1.0))
        part = _resampled(cbct, T_ct_cbct, box, outside=float(cbct.array.min()))
        if part.array.dtype == np.int16:
            return GreyVolume(part, black, white)
        gain, middle = 2.0 * _STORED / (3.0 * (white - black)), 0.5 * (black + white)
        stored = np.clip(gain * (part.array - middle), -_STORED, _STORED).astype(np.int16)
        return GreyVolume(part.with_array(stored), gain * (black - middle), gain * (white - middle))

    def slice(
        self,
        normal: int,
        position_mm: float,
        corner_mm: FloatArray,
        step_mm: FloatArray,
        size: tuple[int, int],
    ) -> NDArray[np.uint8]:
        """(height, width) grey values of an axis-aligned plane; black where the image does not reach.

        Args:
            normal: axis of LPS across the plane, and the plane's position along it.
            corner_mm, step_mm: (2,) the upper left pixel's centre, and from a pixel to the next, along the
                axes of LPS that columns and rows run along: x or y, and y or z.
            size: (width, height).
        """
        across, down = (axis for axis in range(3) if axis != normal)
        plane = self._plane(normal, position_mm)
        if plane is None:
            return np.zeros(size[::-1], np.uint8)
        gain = 255.0 / (self.white - self.black)
        shown = cv2.convertScaleAbs(
            np.clip(plane, *np.rint([self.black, self.white]).astype(np.int16)),
            alpha=gain,
            beta=-gain * self.black,
        )
        axes = [across, down]
        origin, spacing = self.volume.origin[axes], self.volume.spacing[axes]
        to_index = np.column_stack([np.diag(step_mm / spacing), (corner_mm - origin) / spacing])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return np.asarray(cv2.warpAffine(shown, to_index, size, flags=flags), dtype=np.uint8)

    def _plane(self, normal: int, position_mm: float) -> NDArray[np.int16] | None:
        """Stored values between two slices across an axis of LPS; None outside the volume."""
        slices = np.moveaxis(self.volume.array, 2 - normal, 0)
        at = (position_mm - self.volume.origin[normal]) / self.volume.spacing[normal]
        last = len(slices) - 1
        if not -0.5 <= at <= last + 0.5:
            return None
        at = min(max(at, 0.0), float(last))
        below = min(int(at), max(last - 1, 0))
        pair = [np.ascontiguousarray(slices[k]) for k in (below, min(below + 1, last))]
        share = at - below
        return np.asarray(cv2.addWeighted(pair[0], 1.0 - share, pair[1], share, 0.0), dtype=np.int16)


def _straightened(volume: Volume) -> Volume | None:
    """A view whose index axes run along LPS x, y, z; None where a direction matrix is oblique."""
    direction = volume.direction
    runs = np.argmax(np.abs(direction), axis=1)  # the index axis along x, y, z
    straight = np.zeros((3, 3))
    straight[np.arange(3), runs] = np.sign(direction[np.arange(3), runs])
    if len(set(runs)) < 3 or np.abs(straight - direction).max() > _STRAIGHT:
        return None
    array = volume.array.transpose([2 - runs[lps] for lps in (2, 1, 0)])
    turned = tuple(2 - lps for lps in range(3) if direction[lps, runs[lps]] < 0)
    corners = volume.index_to_lps([np.zeros(3), np.array(volume.size) - 1.0])
    return Volume(np.flip(array, turned), corners.min(axis=0), volume.spacing[runs], np.eye(3))


def _resampled(volume: Volume, T_ct_volume: RigidTransform, box: FloatArray, outside: float) -> Volume:
    """The part inside a box (2, 3), on a grid along LPS as fine as the volume's finest axis."""
    last = np.array(volume.size) - 1.0
    index = np.stack(np.meshgrid(*np.stack([np.zeros(3), last]).T, indexing="ij"), axis=-1).reshape(-1, 3)
    corners = T_ct_volume.apply(volume.index_to_lps(index))
    low, high = np.maximum(corners.min(axis=0), box[0]), np.minimum(corners.max(axis=0), box[1])
    extent = np.maximum(high - low, 0.0)
    spacing = max(float(volume.spacing.min()), float(np.cbrt(np.prod(extent) / _MOST_VOXELS)))
    shape = tuple(int(n) for n in np.ceil(extent / spacing).astype(int)[::-1] + 1)
    grid = Volume(np.broadcast_to(np.uint8(0), shape), low, np.full(3, spacing), np.eye(3))
    return resample(volume, grid, T_ct_volume, outside=outside)


def _cropped(volume: Volume, box: FloatArray) -> Volume:
    """A view of the voxels inside a box (2, 3) and one beyond it on each side."""
    last = np.array(volume.size) - 1
    index = volume.lps_to_index(box)
    low = np.clip(np.floor(index[0]).astype(int) - 1, 0, last)
    high = np.clip(np.ceil(index[1]).astype(int) + 1, low, last) + 1
    window = tuple(slice(low[axis], high[axis]) for axis in (2, 1, 0))
    return Volume(volume.array[window], volume.index_to_lps(low), volume.spacing, volume.direction)
