"""Read volumes from NIfTI, NRRD, MetaImage files and DICOM folders, whatever their direction matrix."""

from __future__ import annotations

import math
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from rafr.errors import InputError
from rafr.imaging.dicom import read_dicom_folder
from rafr.imaging.headers import check_header
from rafr.imaging.nifti import check_nifti
from rafr.imaging.segmentation import LARGEST_LABEL, label_counts
from rafr.imaging.volume import Volume

SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")
_SPACING_MM = (1e-3, 1e3)
_MOST_VOXELS = 1 << 34
_FARTHEST_MM = 1e5  # from the scanner's own origin
_ORTHONORMAL = 1e-3  # of D Dᵀ from the identity: NIfTI holds its axes in single precision
_stderr_lock = threading.RLock()
_EXPECTED = f"a 3-D image ({', '.join(SUFFIXES)}) or a DICOM folder"


def read_volume(path: Path | str) -> Volume:
    """Read a scalar 3-D image.

    Args:
        path: an image file, or a folder holding one DICOM series.

    Raises:
        InputError: no such file, unknown format, damaged, not 3-D, several channels, not finite.
    """
    path = Path(path)
    _check_path(path)
    with quiet_stderr():
        volume = Volume.from_sitk(read_dicom_folder(path) if path.is_dir() else _read_file(path))
    _check_finite(path, volume)
    _check_grid(path, volume)
    return volume


def read_grid(path: Path | str) -> Volume:
    """The grid of an image without its voxels (all zero, no memory): only a file's header is read.

    Raises:
        InputError: as `read_volume`, for what the header can tell.
    """
    path = Path(path)
    _check_path(path)
    with quiet_stderr():
        grid = Volume.from_sitk(read_dicom_folder(path)) if path.is_dir() else _header_grid(path)
    _check_grid(path, grid)
    return grid


def read_labels(path: Path | str) -> Volume:
    """Read a label image as uint8: 0 background, 1–10 sacrum, 11–20 left hip, 21–30 right hip.

    Raises:
        InputError: as `read_volume`; also values that are not integers 0..30, or background alone.
    """
    volume = read_volume(path)
    values = _distinct(volume)
    wrong = [v for v in values if v != int(v) or not 0 <= v <= LARGEST_LABEL]
    if wrong:
        shown = ", ".join(f"{v:g}" for v in wrong[:5]) + (", …" if len(wrong) > 5 else "")
        raise InputError(path, f"holds the label value {shown}", f"integers 0..{LARGEST_LABEL}")
    if not any(values):
        raise InputError(path, "holds background alone", f"label values 1..{LARGEST_LABEL}")
    return volume.with_array(volume.array.astype(np.uint8, copy=False))


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Send what C++ readers print to stderr nowhere: what matters of it is raised as InputError."""
    import SimpleITK as sitk

    # one thread at a time: two that swap the descriptor at once could leave it pointing nowhere
    with _stderr_lock:
        shown = sitk.ProcessObject.GetGlobalWarningDisplay()
        sitk.ProcessObject.SetGlobalWarningDisplay(False)
        sys.stderr.flush()
        kept = os.dup(2)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            os.close(nowhere)
            sitk.ProcessObject.SetGlobalWarningDisplay(shown)


def _check_path(path: Path) -> None:
    if not path.exists():
        raise InputError(path, "no such file or folder", _EXPECTED)
    if path.is_file() and not path.name.lower().endswith(SUFFIXES):
        raise InputError(path, "not an image format rafr reads", _EXPECTED)


def _read_header(path: Path) -> Any:
    """An ImageFileReader that has read the header of a scalar 3-D image."""
    import SimpleITK as sitk

    check_header(path)
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise InputError(path, f"cannot be read ({reason(error)})", _EXPECTED) from None
    size = reader.GetSize()
    if reader.GetNumberOfComponents() != 1:
        raise InputError(
            path, f"has {reader.GetNumberOfComponents()} values per voxel", "one value per voxel"
        )
    if len(size) != 3 or min(size) < 2 or math.prod(size) > _MOST_VOXELS:
        raise InputError(path, f"has {' x '.join(map(str, size))} voxels", "a 3-D image")
    return reader


def _header_grid(path: Path) -> Volume:
    header = _read_header(path)
    shape = tuple(int(n) for n in reversed(header.GetSize()[:3]))
    return Volume(
        np.broadcast_to(np.uint8(0), shape),
        np.array(header.GetOrigin()),
        np.array(header.GetSpacing()),
        np.array(header.GetDirection()).reshape(3, 3),
    )


def _read_file(path: Path) -> Any:
    reader = _read_header(path)
    if path.name.lower().endswith((".nii", ".nii.gz")):
        check_nifti(path)
    try:
        return reader.Execute()
    except (RuntimeError, MemoryError) as error:
        raise InputError(path, f"cannot be read ({reason(error)})", "a whole, undamaged image") from None


def reason(error: BaseException) -> str:
    """The telling last line of an ITK error, without its source file and address."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[-1] if lines else type(error).__name__
    return text.split("): ", 1)[-1].rstrip(".")[:160]


def _check_finite(path: Path, volume: Volume) -> None:
    array = volume.array
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        count = int(array.size - np.isfinite(array).sum())
        raise InputError(path, f"{count} voxels are not finite (NaN or Inf)", "finite voxel values")


def _check_grid(path: Path, volume: Volume) -> None:
    """Refuse places that no scanner gives: ITK takes any spacing and any three axes."""
    spacing, axes = volume.spacing, volume.direction
    low, high = _SPACING_MM
    if not ((spacing >= low) & (spacing <= high)).all():
        raise InputError(path, f"its voxels are {_listed(spacing)} apart", f"{low:g} to {high:g} mm")
    if not (np.abs(volume.origin) <= _FARTHEST_MM).all():
        raise InputError(path, f"its origin is {_listed(volume.origin)}", f"at most {_FARTHEST_MM:g} mm")
    if not np.abs(axes @ axes.T - np.eye(3)).max() < _ORTHONORMAL:
        raise InputError(path, f"its axes are {_listed(axes.ravel())}", "three unit vectors at right angles")


def _listed(values: Any) -> str:
    return ", ".join(f"{v:.4g}" for v in values)


def _distinct(volume: Volume) -> list[float]:
    array = volume.array
    low, high = float(array.min()), float(array.max())
    if array.dtype.kind in "iu" and low >= 0 and high <= LARGEST_LABEL:
        return [float(v) for v in np.flatnonzero(label_counts(array.astype(np.uint8, copy=False)))]
    return [float(v) for v in np.unique(array)]
