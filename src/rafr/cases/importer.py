"""Make a case folder from a CT and its segmentation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rafr.cases.bodies import explain_bodies
from rafr.cases.case import Case, load_case, save_case
from rafr.cases.folder import new_folder, refuse_existing
from rafr.cases.load import check_same_grid, check_sides
from rafr.cases.pengwin import is_pengwin_folder, read_pengwin
from rafr.errors import InputError
from rafr.imaging.readers import read_labels, read_volume, reason
from rafr.imaging.volume import Volume, write_volume
from rafr.progress import Progress, part_of, silent


@dataclass(frozen=True, slots=True, eq=False)
class ImportedCase:
    """A new case folder and why its bodies are what they are (one sentence per finding).

    `case.bodies` is empty where nothing in the labels looks loose.
    """

    case: Case
    reasons: tuple[str, ...]


def import_case(
    ct: Path | str, labels: Path | str | None, out: Path | str, progress: Progress = silent
) -> ImportedCase:
    """Convert a CT and its labels into a case folder; the folder appears whole or not at all.

    Args:
        ct: image file or DICOM folder; or the folder of a PENGWIN patient, whose masks go with it.
        labels: label image on the CT's grid; None for a PENGWIN folder.
        out: the new folder.

    Raises:
        InputError: images that cannot be used or do not belong together; `out` is not empty.
    """
    ct, out = Path(ct), Path(out)
    refuse_existing(out)
    if labels is None:
        if not ct.exists():
            raise InputError(ct, "no such file or folder", "CT LABELS, or the folder of a PENGWIN patient")
        if not is_pengwin_folder(ct):
            raise InputError(ct, "comes without labels", "CT LABELS, or the folder of a PENGWIN patient")
        patient = read_pengwin(ct, part_of(progress, 0.0, 0.4))
        check_sides(ct, patient.labels)
        description = (
            f"PENGWIN patient {patient.name}. The CT shows bone alone: 0 HU outside, no soft tissue."
        )
        return _write(out, patient.ct, patient.labels, description, part_of(progress, 0.4, 1.0))
    progress(0.0, "reading the labels")
    segmentation = read_labels(labels)
    check_sides(Path(labels), segmentation)
    progress(0.15, "reading the CT")
    volume = read_volume(ct)
    check_same_grid(Path(labels), segmentation, ct, volume)
    dicom = ct if ct.is_dir() else None
    return _write(out, volume, segmentation, "", part_of(progress, 0.4, 1.0), dicom)


def _write(
    out: Path,
    ct: Volume,
    labels: Volume,
    description: str,
    progress: Progress,
    dicom: Path | None = None,
) -> ImportedCase:
    proposal = explain_bodies(labels, progress=part_of(progress, 0.0, 0.5))
    bodies = proposal.bodies if len(proposal.bodies) > 1 else ()
    with new_folder(out) as folder:
        progress(0.5, "writing the CT")
        _save(folder / "ct.nii.gz", ct.with_array(_as_hounsfield(ct)), out)
        progress(0.9, "writing the labels")
        _save(folder / "labels.nii.gz", labels, out)
        case = Case(
            folder=folder,
            id=out.resolve().name,
            ct=folder / "ct.nii.gz",
            labels=folder / "labels.nii.gz",
            cbct=None,
            bodies=bodies,
            description=description,
            dicom=dicom,
        )
        save_case(case)
    progress(1.0, "done")
    return ImportedCase(load_case(out), proposal.reasons)


def _save(path: Path, volume: Volume, out: Path) -> None:
    try:
        write_volume(path, volume)
    except (RuntimeError, OSError) as error:
        problem = f"{path.name} cannot be written ({reason(error)})"
        raise InputError(out, problem, "a disk with room for it") from None


def _as_hounsfield(ct: Volume) -> NDArray[Any]:
    """int16 where that holds every value exactly, else float32."""
    array = ct.array
    whole = array.dtype.kind in "iu" or bool(np.equal(np.rint(array), array).all())
    if whole and array.min() >= -32768 and array.max() <= 32767:
        return array.astype(np.int16)
    return array.astype(np.float32)
