"""Read the one volume a DICOM folder holds (GDCM through SimpleITK)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from rafr.errors import InputError
from rafr.geometry.rigid_transform import FloatArray

_POSITION, _ORIENTATION, _DESCRIPTION = "0020|0032", "0020|0037", "0008|103e"
_SPACING = "0028|0030"
_LOCALISER_IMAGES = 3  # series with at most this many images are scouts, not volumes
_GRID = (_ORIENTATION, _SPACING)
_SAME_GRID = 1e-3  # of the axes' cosines and of the pixel spacing in mm
_STEP_TOLERANCE = 0.02  # share of the slice distance that slices may be off


def read_dicom_folder(folder: Path) -> Any:
    """Read a folder's DICOM series as a SimpleITK image in HU (rescale slope and intercept applied).

    Scouts beside the series are left out.

    Raises:
        InputError: no series or several, missing slices, a tilted gantry, or unreadable files.
    """
    import SimpleITK as sitk

    names = series_files(folder)
    positions, normal = _slice_positions(folder, names)
    _check_stack(folder, positions, normal)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(names)
    try:
        return reader.Execute()
    except (RuntimeError, MemoryError) as error:
        last = str(error).strip().splitlines()[-1].strip()
        raise InputError(folder, f"the DICOM series cannot be read ({last})", "undamaged slices") from None


def series_files(folder: Path) -> tuple[str, ...]:
    """The files of a folder's one series, in the order of the slices; scouts are left out.

    Raises:
        InputError: no series or several.
    """
    import SimpleITK as sitk

    series = {
        uid: sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder), uid)
        for uid in sitk.ImageSeriesReader.GetGDCMSeriesIDs(str(folder))
    }
    volumes = {uid: names for uid, names in series.items() if len(names) > _LOCALISER_IMAGES}
    if len(volumes) == 1:
        names: tuple[str, ...] = next(iter(volumes.values()))
        return names
    if not volumes:
        found = f"no DICOM series of more than {_LOCALISER_IMAGES} images"
        raise InputError(folder, found, "a folder holding the slices of one series")
    listed = "; ".join(
        f"{_tag(n[0], _DESCRIPTION) or uid} ({len(n)} images)" for uid, n in sorted(volumes.items())
    )
    raise InputError(folder, f"holds {len(volumes)} DICOM series: {listed}", "one series per folder")


def _tag(name: str, key: str) -> str:
    import SimpleITK as sitk

    reader = sitk.ImageFileReader()
    reader.SetFileName(name)
    reader.SetImageIO("GDCMImageIO")
    reader.ReadImageInformation()
    return str(reader.GetMetaData(key)).strip() if reader.HasMetaDataKey(key) else ""


def _slice_positions(folder: Path, names: tuple[str, ...]) -> tuple[FloatArray, FloatArray]:
    """Positions (n, 3) of the slices, LPS mm, and the (3,) unit normal they share."""
    try:
        positions = np.array([[float(x) for x in _tag(n, _POSITION).split("\\")] for n in names])
        grids = np.array([[float(x) for key in _GRID for x in _tag(n, key).split("\\")] for n in names])
        axes = grids[0, :6].reshape(2, 3)
    except (RuntimeError, ValueError):
        raise InputError(
            folder,
            "a slice carries no position, orientation or pixel spacing",
            "axial images of one CT series",
        ) from None
    if positions.shape[1] != 3 or not (np.isfinite(positions).all() and np.isfinite(grids).all()):
        raise InputError(folder, "a slice's position is no three numbers", "axial images of one CT series")
    other = np.flatnonzero(np.abs(grids - grids[0]).max(axis=1) > _SAME_GRID)
    if len(other):
        problem = f"{Path(names[other[0]]).name} is turned or scaled against the first slice"
        raise InputError(folder, problem, "one orientation and one pixel spacing in all slices")
    return positions, np.cross(axes[0], axes[1])


def _check_stack(folder: Path, positions: FloatArray, normal: FloatArray) -> None:
    """Slices one above the other at one distance: anything else would be a bent volume."""
    steps = np.diff(positions, axis=0)
    heights = steps @ normal
    distance = float(np.median(heights))
    aside = np.abs(steps - heights[:, None] * normal).max()
    if aside > _STEP_TOLERANCE * abs(distance) + 1e-3:
        raise InputError(
            folder, "the slices are shifted sideways (tilted gantry)", "a straight stack of slices"
        )
    off = np.flatnonzero(np.abs(heights - distance) > _STEP_TOLERANCE * abs(distance) + 1e-3)
    if len(off):
        gap = f"{heights[off[0]]:.2f} mm after slice {off[0] + 1}, {distance:.2f} mm elsewhere"
        raise InputError(folder, f"slices are missing or doubled ({gap})", "evenly spaced slices")
