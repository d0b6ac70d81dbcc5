"""The motion of one body as a DICOM Spatial Registration object (PS3.3 A.39.1, C.20.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rafr import __version__
from rafr.exchange.ct_series import BODY_PART, CHARACTERS, MANUFACTURER, MODEL
from rafr.exchange.identifiers import new_uid
from rafr.geometry import RigidTransform

SERIES_NUMBER = 301
_SPATIAL_REGISTRATION_STORAGE = "1.2.840.10008.5.1.4.1.1.66.1"


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """How one body moves.

    Attributes:
        body: its name.   segments: the numbers of its segments in the labels' DICOM object.
        T_to_displaced: from where the CT shows it; LPS mm, which are DICOM's own patient axes and unit.
        what: planned or achieved.
    """

    body: str
    segments: tuple[int, ...]
    T_to_displaced: RigidTransform
    what: str


def write_registration(
    path: Path, motion: Motion, slices: Sequence[Any], segmentation: Any, series: str, number: int
) -> Any:
    """Write a motion from the CT's frame of reference into one where this body stands as wanted; the dataset.

    One object per body: 3D Slicer's reader multiplies all matrices of an object into one. The frame of
    reference it registers to is new, for in the CT's own only the identity would be true. Which part of the
    image it holds for is said by the segments it refers to.

    Args:
        slices: headers of the CT's slices.   segmentation: the dataset of the labels.
        series: UID of the series of all motions.   number: of this instance in it.
    """
    from highdicom.base import SOPClass
    from pydicom.dataset import Dataset
    from pydicom.uid import ExplicitVRLittleEndian

    registration = SOPClass(
        study_instance_uid=slices[0].StudyInstanceUID,
        series_instance_uid=series,
        series_number=SERIES_NUMBER,
        sop_instance_uid=new_uid(),
        sop_class_uid=_SPATIAL_REGISTRATION_STORAGE,
        instance_number=number,
        modality="REG",
        transfer_syntax_uid=ExplicitVRLittleEndian,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=MODEL,
        software_versions=__version__,
        series_description="motions of the bodies",
    )
    registration.copy_patient_and_study_information(slices[0])
    registration.SpecificCharacterSet = CHARACTERS
    registration.FrameOfReferenceUID = new_uid()
    registration.PositionReferenceIndicator, registration.BodyPartExamined = "", BODY_PART
    registration.ContentDate, registration.ContentTime = (
        registration.InstanceCreationDate,
        registration.InstanceCreationTime,
    )
    registration.ContentLabel = motion.what.upper()
    registration.ContentDescription = f"{motion.body[:50]}: {motion.what}"
    registration.ContentCreatorName = ""
    source = Dataset()
    source.FrameOfReferenceUID = slices[0].FrameOfReferenceUID
    source.ReferencedImageSequence = [_reference(segmentation)]
    source.ReferencedImageSequence[0].ReferencedSegmentNumber = list(motion.segments)
    source.MatrixRegistrationSequence = [_rigid(motion.T_to_displaced, registration.ContentDescription)]
    registration.RegistrationSequence = [source]
    referred = Dataset()
    referred.SeriesInstanceUID = segmentation.SeriesInstanceUID
    referred.ReferencedInstanceSequence = [_reference(segmentation)]
    registration.ReferencedSeriesSequence = [referred]
    registration.save_as(path, enforce_file_format=True)
    return registration


def _reference(instance: Any) -> Any:
    from pydicom.dataset import Dataset

    reference = Dataset()
    reference.ReferencedSOPClassUID = instance.SOPClassUID
    reference.ReferencedSOPInstanceUID = instance.SOPInstanceUID
    return reference


def _rigid(T: RigidTransform, comment: str) -> Any:
    from pydicom.dataset import Dataset
    from pydicom.valuerep import format_number_as_ds

    step = Dataset()
    step.FrameOfReferenceTransformationMatrixType = "RIGID"
    step.FrameOfReferenceTransformationMatrix = [
        format_number_as_ds(float(v) + 0.0) for v in T.matrix.ravel()
    ]
    registered = Dataset()
    registered.FrameOfReferenceTransformationComment = comment
    registered.RegistrationTypeCodeSequence = []
    registered.MatrixSequence = [step]
    return registered
