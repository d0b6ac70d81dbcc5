"""Image volumes in LPS mm, whatever direction matrix their file carries."""

from __future__ import annotations

import errno
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rafr.files import written_whole
from rafr.geometry.rigid_transform import FloatArray

_NIFTI_HEADER = 352  # bytes before the voxels
_GZIP_LENGTH = struct.Struct("<I")  # of what is packed, at the end of the file


@dataclass(frozen=True, slots=True, eq=False)
class Volume:
    """A sampled image; voxel (i, j, k) lies at `origin + direction @ (spacing * (i, j, k))`.

    Attributes:
        array: (nk, nj, ni) voxel values, k slowest (SimpleITK's array order).
        origin: (3,) LPS mm of voxel (0, 0, 0).
        spacing: (3,) mm along i, j, k.
        direction: (3, 3) columns are the LPS unit vectors of i, j, k.
    """

    array: NDArray[Any]
    origin: FloatArray
    spacing: FloatArray
    direction: FloatArray

    @staticmethod
    def from_sitk(image: Any) -> Volume:
        import SimpleITK as sitk

        return Volume(
            sitk.GetArrayFromImage(image),
            np.array(image.GetOrigin()),
            np.array(image.GetSpacing()),
            np.array(image.GetDirection()).reshape(3, 3),
        )

    def to_sitk(self) -> Any:
        import SimpleITK as sitk

        image = sitk.GetImageFromArray(self.array)
        image.SetOrigin([float(v) for v in self.origin])
        image.SetSpacing([float(v) for v in self.spacing])
        image.SetDirection([float(v) for v in self.direction.ravel()])
        return image

    @property
    def size(self) -> tuple[int, int, int]:
        """Voxels along (i, j, k)."""
        nk, nj, ni = self.array.shape
        return ni, nj, nk

    def index_to_lps(self, index: ArrayLike) -> FloatArray:
        """LPS mm (..., 3) of continuous voxel indices (..., 3) in (i, j, k) order."""
        return (np.asarray(index, dtype=float) * self.spacing) @ self.direction.T + self.origin

    def lps_to_index(self, points: ArrayLike) -> FloatArray:
        """Continuous voxel indices (..., 3), (i, j, k), of LPS mm points (..., 3)."""
        relative = np.asarray(points, dtype=float) - self.origin
        return (relative @ np.linalg.inv(self.direction).T) / self.spacing

    def same_grid(self, other: Volume) -> bool:
        """True when both volumes sample the same points (to 1 % of a voxel)."""
        if self.array.shape != other.array.shape:
            return False
        corners = np.array([[0, 0, 0], self.size])
        gap = np.abs(self.index_to_lps(corners) - other.index_to_lps(corners)).max()
        return bool(gap < 0.01 * self.spacing.min() + 1e-6) and np.allclose(
            self.direction, other.direction, atol=1e-4
        )

    def with_array(self, array: NDArray[Any]) -> Volume:
        """Other values on the same grid."""
        return Volume(array, self.origin, self.spacing, self.direction)


def write_volume(path: Path, volume: Volume) -> None:
    """Write NIfTI, NRRD or MHA by suffix, compressed; through a temporary name, never half-written.

    Raises:
        OSError, RuntimeError: it cannot be written whole.
    """
    import SimpleITK as sitk

    with written_whole(path) as temporary:
        sitk.WriteImage(volume.to_sitk(), str(temporary), useCompression=True)
        if path.name.lower().endswith(".nii.gz"):
            _check_end(temporary, volume)
        else:
            _check_voxels(temporary, volume)


def _check_voxels(path: Path, volume: Volume) -> None:
    """Short of memory, ITK packs a MetaImage wrongly and says nothing: it is read again."""
    import SimpleITK as sitk

    if not np.array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(path))), volume.array):
        raise OSError(errno.EIO, "it was not written as it is (is there enough memory?)", str(path))


def _check_end(path: Path, volume: Volume) -> None:
    """ITK says nothing where the disk takes no more of a packed NIfTI.

    The last four bytes tell how much is in it (RFC 1952).
    """
    with path.open("rb") as file:
        file.seek(-_GZIP_LENGTH.size, os.SEEK_END)
        (length,) = _GZIP_LENGTH.unpack(file.read(_GZIP_LENGTH.size))
    if length != (_NIFTI_HEADER + volume.array.nbytes) % 2**32:
        raise OSError(errno.EIO, "not all of it was written (is the disk full?)", str(path))
