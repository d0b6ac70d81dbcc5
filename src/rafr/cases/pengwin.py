"""PENGWIN patients in three files: one bone-only CT and one fragment mask per bone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from rafr.cases.load import check_same_grid
from rafr.errors import InputError
from rafr.imaging.readers import read_grid, read_volume
from rafr.imaging.segmentation import BONES
from rafr.imaging.volume import Volume
from rafr.progress import Progress, silent

_FILE = re.compile(r"(?P<patient>.+)_(?P<bone>SA|LI|RI)(?P<mask>_mask)?\.(nii\.gz|nii|mha|nrrd)")
_BONE_NAMES = {"SA": "sacrum", "LI": "left_hip", "RI": "right_hip"}
_MOST_FRAGMENTS = 10


class PengwinPatient(NamedTuple):
    """One CT and one label volume put together from the bones' files."""

    name: str
    ct: Volume
    labels: Volume


def is_pengwin_folder(folder: Path) -> bool:
    """True when a folder holds files named like `001_LI_mask.nii.gz`."""
    return folder.is_dir() and any(_FILE.fullmatch(p.name) for p in folder.iterdir())


def read_pengwin(folder: Path, progress: Progress = silent) -> PengwinPatient:
    """Put the three bones of a PENGWIN patient together.

    The CT holds what the bones' CTs hold, and 0 HU elsewhere: these files carry no soft tissue.
    Fragment n of a bone becomes the n-th label value of that bone.

    Raises:
        InputError: a file is missing, grids differ, or a fragment number is outside 1..10.
    """
    patient, files = _files(folder)
    grid = read_grid(files["SA", False])
    ct = grid.with_array(np.zeros(grid.array.shape, np.int16))
    labels = grid.with_array(np.zeros(grid.array.shape, np.uint8))
    for number, (code, bone) in enumerate(_BONE_NAMES.items()):
        progress(number / len(_BONE_NAMES), f"reading {bone.replace('_', ' ')}")
        image, mask = read_volume(files[code, False]), read_volume(files[code, True])
        check_same_grid(files[code, True], mask, files[code, False], image)
        check_same_grid(files[code, False], image, files["SA", False], ct)
        _add_bone(ct, labels, image, _fragments(files[code, True], mask), BONES[bone].start)
    return PengwinPatient(patient, ct, labels)


def _files(folder: Path) -> tuple[str, dict[tuple[str, bool], Path]]:
    found = {}
    patients = set()
    for path in sorted(folder.iterdir()):
        match = _FILE.fullmatch(path.name)
        if match:
            found[match["bone"], bool(match["mask"])] = path
            patients.add(match["patient"])
    if len(patients) != 1:
        listed = ", ".join(sorted(patients)) or "none"
        raise InputError(folder, f"holds files of these patients: {listed}", "one PENGWIN patient")
    patient = patients.pop()
    for code in _BONE_NAMES:
        for mask in (False, True):
            if (code, mask) not in found:
                name = f"{patient}_{code}{'_mask' if mask else ''}.nii.gz"
                raise InputError(folder / name, "no such file", "CT and mask of SA, LI and RI")
    return patient, found


def _fragments(path: Path, mask: Volume) -> Volume:
    low, high = float(mask.array.min()), float(mask.array.max())
    if low < 0 or high > _MOST_FRAGMENTS or not np.equal(np.mod(mask.array, 1), 0).all():
        raise InputError(
            path, f"holds values from {low:g} to {high:g}", f"fragment numbers 0..{_MOST_FRAGMENTS}"
        )
    return mask.with_array(mask.array.astype(np.uint8))


def _add_bone(ct: Volume, labels: Volume, image: Volume, fragments: Volume, first: int) -> None:
    """Write one bone into the CT and the labels; voxels that another bone has already stay."""
    free = (fragments.array > 0) & (labels.array == 0)
    labels.array[free] = fragments.array[free] + np.uint8(first - 1)
    shown = (image.array != 0) & (ct.array == 0)
    ct.array[shown] = np.clip(np.rint(image.array[shown]), -32768, 32767).astype(np.int16)
