"""The CT as a DICOM series: read where the case came from one, written where it did not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rafr import __version__
from rafr.errors import InputError
from rafr.exchange.identifiers import fingerprint, named_uid
from rafr.imaging.dicom import series_files
from rafr.imaging.readers import quiet_stderr, read_volume
from rafr.imaging.volume import Volume
from rafr.progress import Progress, silent

MANUFACTURER, MODEL, BODY_PART = "rafr", "rafr export", "PELVIS"
CHARACTERS = "ISO_IR 192"  # UTF-8
_NEEDED = ("PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID")


def read_series(folder: Path, ct: Volume) -> list[Any]:
    """Headers of a DICOM series in the order of the CT's slices (k).

    Args:
        folder: holding the one series that `ct` came from.
        ct: the case's CT in HU, LPS mm.

    Raises:
        InputError: unreadable, not the image of the case, or without the identifiers that others refer to.
    """
    import pydicom

    if not folder.is_dir():
        raise InputError(folder, "no such folder", "the CT's DICOM series (where is it now? --series FOLDER)")
    found = read_volume(folder)
    if not found.same_grid(ct) or not np.array_equal(found.array, ct.array):
        raise InputError(folder, "is not the series of the case's CT", "the slices the case was made from")
    with quiet_stderr():
        names = series_files(folder)
    slices = [pydicom.dcmread(name, stop_before_pixels=True) for name in names]
    for name, header in zip(names, slices, strict=True):
        missing = [key for key in _NEEDED if key not in header]
        if missing:
            raise InputError(name, f"has no {missing[0]}", "slices of a CT series as a scanner writes them")
    return slices


def write_series(folder: Path, case_id: str, ct: Volume, progress: Progress = silent) -> list[Any]:
    """Write a CT as one DICOM file per slice (CT Image Storage, uncompressed); their headers, k ascending.

    The same CT of the same case is the same series with the same UIDs, byte for byte: a PACS that has it
    already keeps one. What the images do not say (dates, sex, scanner) stays empty.

    Raises:
        InputError: values that 16 bits do not hold.
    """
    values = _as_int16(ct)
    name = fingerprint(case_id, ct)
    slices = []
    for k, plane in enumerate(values):
        progress(k / len(values), "writing the CT as DICOM")
        image = _slice(case_id, name, ct, k)
        image.PixelData = np.ascontiguousarray(plane, dtype="<i2").tobytes()
        image.save_as(folder / f"{k + 1:04d}.dcm", enforce_file_format=True)
        del image.PixelData
        slices.append(image)
    return slices


def _as_int16(ct: Volume) -> NDArray[Any]:
    """Whole HU: a CT measures no finer."""
    whole: NDArray[Any] = np.rint(ct.array)
    low, high = float(whole.min()), float(whole.max())
    if low < -32768 or high > 32767:
        raise InputError("ct", f"holds values from {low:g} to {high:g} HU", "values that 16 bits hold")
    rounded: NDArray[Any] = whole.astype(np.int16)
    return rounded


def _slice(case_id: str, name: str, ct: Volume, k: int) -> Any:
    """One slice without its pixels: the modules of the CT Image IOD (PS3.3 A.3)."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian

    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.SOPClassUID = image.file_meta.MediaStorageSOPClassUID = CTImageStorage
    image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = UID(named_uid(name, "slice", str(k)))
    _describe_patient_and_series(image, case_id, name)
    _describe_plane(image, ct, k)
    _describe_pixels(image, ct)
    return image


def _describe_patient_and_series(image: Any, case_id: str, name: str) -> None:
    image.SpecificCharacterSet = CHARACTERS
    image.PatientName, image.PatientID = f"{case_id[:63]}^", case_id[:64]
    image.PatientBirthDate = image.PatientSex = ""
    image.StudyInstanceUID, image.SeriesInstanceUID = named_uid(name, "study"), named_uid(name, "series")
    image.FrameOfReferenceUID = named_uid(name, "frame of reference")
    image.StudyDate = image.StudyTime = image.AccessionNumber = ""
    image.ReferringPhysicianName = image.PositionReferenceIndicator = image.PatientPosition = ""
    image.StudyID, image.BodyPartExamined = case_id[:16], BODY_PART
    image.Modality, image.SeriesNumber, image.SeriesDescription = "CT", 1, "planning CT"
    image.Manufacturer, image.ManufacturerModelName, image.SoftwareVersions = MANUFACTURER, MODEL, __version__


def _describe_plane(image: Any, ct: Volume, k: int) -> None:
    from pydicom.valuerep import format_number_as_ds

    def decimals(numbers: NDArray[Any]) -> list[str]:
        return [format_number_as_ds(float(v) + 0.0) for v in numbers]

    i, j, step = ct.spacing
    image.InstanceNumber = k + 1
    image.ImageOrientationPatient = decimals(np.concatenate([ct.direction[:, 0], ct.direction[:, 1]]))
    image.ImagePositionPatient = decimals(ct.index_to_lps([0, 0, k]))
    image.PixelSpacing = decimals(np.array([j, i]))  # between rows first (PS3.3 10.7.1.3)
    image.SliceThickness = image.SpacingBetweenSlices = decimals(np.array([step]))[0]


def _describe_pixels(image: Any, ct: Volume) -> None:
    image.ImageType = ["DERIVED", "SECONDARY", "AXIAL"]
    image.Rows, image.Columns = ct.array.shape[1:]
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 16, 15, 1
    image.RescaleIntercept, image.RescaleSlope, image.RescaleType = 0, 1, "HU"
    image.BurnedInAnnotation = "NO"
    image.KVP = image.AcquisitionNumber = None
