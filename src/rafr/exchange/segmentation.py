"""The bone labels as a DICOM Segmentation object (PS3.3 A.51)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rafr import __version__
from rafr.cases.case import Case
from rafr.exchange.ct_series import CHARACTERS, MANUFACTURER, MODEL
from rafr.exchange.identifiers import named_uid, new_uid
from rafr.imaging.segmentation import bone_of
from rafr.imaging.volume import Volume

SERIES_NUMBER = 300


def write_segmentation(path: Path, case: Case, labels: Volume, slices: Sequence[Any]) -> Any:
    """Write one segment per label value that the image holds; the dataset.

    A segment is called after its body, bone and label value (`left_hip: left hip 11`); those of one body
    share a Tracking ID, which is the body's name.

    Args:
        labels: the case's labels on the grid of `slices`.
        slices: headers of the CT's slices in the order of k.
    """
    from highdicom.seg import Segmentation, SegmentationTypeValues

    values = segment_labels(labels)
    numbers = np.zeros(int(labels.array.max()) + 1, np.uint8)
    numbers[values] = np.arange(1, len(values) + 1)
    bodies = {label: body.name for body in case.bodies for label in body.labels}
    frame = str(slices[0].FrameOfReferenceUID)
    segmentation = Segmentation(
        source_images=slices,
        pixel_array=numbers[labels.array],
        segmentation_type=SegmentationTypeValues.BINARY,
        segment_descriptions=[
            _described(number, label, bodies.get(label, "no body"), frame)
            for number, label in enumerate(values, 1)
        ],
        series_instance_uid=new_uid(),
        series_number=SERIES_NUMBER,
        sop_instance_uid=new_uid(),
        instance_number=1,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=MODEL,
        software_versions=__version__,
        device_serial_number="none",
        content_label="PELVIS",
        content_description="bones and fragments of the pelvis",
        series_description="bones and fragments",
    )
    segmentation.SpecificCharacterSet = CHARACTERS  # bodies may have names the source's set does not hold
    segmentation.save_as(path)
    return segmentation


def segment_labels(labels: Volume) -> list[int]:
    """The label values an image holds, ascending: segment n is the n-th of them."""
    return [int(v) for v in np.flatnonzero(np.bincount(labels.array.ravel())) if v > 0]


def _described(number: int, label: int, body: str, frame: str) -> Any:
    from highdicom import AlgorithmIdentificationSequence
    from highdicom.seg import SegmentAlgorithmTypeValues, SegmentDescription
    from highdicom.sr import CodedConcept
    from pydicom.sr.codedict import codes

    bone = bone_of(label)
    # SNOMED's bone structure of the pelvis, with a side, is what DICOM's own tables have for a hip bone
    kind = codes.SCT.Sacrum if bone == "sacrum" else codes.SCT.BoneStructureOfPelvis
    described = SegmentDescription(
        segment_number=number,
        segment_label=f"{body[:40]}: {bone.replace('_', ' ')} {label}",
        segmented_property_category=codes.SCT.AnatomicalStructure,
        segmented_property_type=kind,
        algorithm_type=SegmentAlgorithmTypeValues.SEMIAUTOMATIC,
        algorithm_identification=AlgorithmIdentificationSequence(
            "labels of the case", codes.DCM.ManualProcessing, __version__
        ),
        tracking_id=body[:64],
        tracking_uid=named_uid(frame, "body", body),
    )
    if bone != "sacrum":
        side = codes.SCT.Left if bone == "left_hip" else codes.SCT.Right
        kinds = described.SegmentedPropertyTypeCodeSequence
        kinds[0].SegmentedPropertyTypeModifierCodeSequence = [CodedConcept.from_code(side)]
    return described
