"""What is written as DICOM, read back with highdicom, pydicom, SimpleITK and, where there, the validators."""

import shutil
import subprocess

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from rafr.cases.case import Body
from rafr.cases.importer import import_case
from rafr.cases.load import load_ct
from rafr.errors import InputError
from rafr.exchange.export import ExportOptions, export_case
from rafr.geometry import RigidTransform
from rafr.imaging.readers import read_volume
from rafr.imaging.volume import write_volume

DICOM_ONLY = ExportOptions(meshes=None, transforms=None)


@pytest.fixture
def exported(tmp_path, case, plan, goals):
    out = tmp_path / "out"
    return out, export_case(case, out, DICOM_ONLY, plan, goals)


def as_from_a_hospital(folder):
    """Make a written series look like a scanner's: a name, a date, other UIDs, no order of file names."""
    uids = {}
    for n, path in enumerate(sorted(folder.iterdir())):
        image = pydicom.dcmread(path)
        image.SpecificCharacterSet = "ISO_IR 100"
        image.PatientName, image.PatientID, image.StudyDate = "Müßig^Jörg", "4711", "20260102"
        image.PatientSex, image.AccessionNumber = "F", "A1"
        for key in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"):
            image[key].value = uids.setdefault(key, pydicom.uid.generate_uid())
        image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
        image.save_as(folder / f"im_{(n * 37) % 101:03d}")
        path.unlink()
    return uids


def test_the_ct_comes_back_voxel_for_voxel_on_its_grid(exported, ct):
    back = read_volume(exported[0] / "dicom" / "ct")
    assert back.same_grid(ct)
    assert np.array_equal(back.array, ct.array)
    assert np.abs(back.index_to_lps([5, 6, 7]) - ct.index_to_lps([5, 6, 7])).max() < 1e-5


def test_the_labels_come_back_where_they_lie_in_the_patient(exported, labels):
    from highdicom.seg import segread

    segmentation = segread(exported[0] / "dicom" / "labels.dcm")
    volume = segmentation.get_volume(combine_segments=True)
    values = np.array([0, 1, 11, 12, 21])[volume.array]
    filled = np.argwhere(values > 0)
    where = filled @ volume.affine[:3, :3].T + volume.affine[:3, 3]
    index = labels.lps_to_index(where)
    i, j, k = np.rint(index).astype(int).T
    assert np.abs(index - np.rint(index)).max() < 1e-5  # NIfTI keeps axes in single precision
    assert np.array_equal(labels.array[k, j, i], values[tuple(filled.T)])
    assert len(filled) == np.count_nonzero(labels.array)


def test_segments_tell_body_bone_and_side(exported):
    from highdicom.seg import segread

    segmentation = segread(exported[0] / "dicom" / "labels.dcm")
    described = [segmentation.get_segment_description(n) for n in segmentation.segment_numbers]
    assert [d.segment_label for d in described] == [
        "reference: sacrum 1",
        "left_hip: left hip 11",
        "left_ischium: left hip 12",
        "reference: right hip 21",
    ]
    assert [d.tracking_id for d in described] == ["reference", "left_hip", "left_ischium", "reference"]
    assert described[0].tracking_uid == described[3].tracking_uid != described[1].tracking_uid
    kinds = [d.SegmentedPropertyTypeCodeSequence[0] for d in described]
    sides = [k.SegmentedPropertyTypeModifierCodeSequence[0].CodeMeaning for k in kinds[1:]]
    assert kinds[0].CodeValue == "54735007"
    assert sides == ["Left", "Left", "Right"]


def test_simpleitk_reads_the_labels_file_too(exported, labels):
    frames = sitk.GetArrayFromImage(sitk.ReadImage(str(exported[0] / "dicom" / "labels.dcm")))
    assert np.count_nonzero(frames) == np.count_nonzero(labels.array)


def test_motions_are_matrices_from_the_ct_to_a_frame_of_their_own(exported, goals, ct):
    out, written = exported
    frames = set()
    for what in ("planned", "achieved"):
        for name, T in goals.items():
            registration = pydicom.dcmread(out / "dicom" / f"{name}_{what}.dcm")
            source = registration.RegistrationSequence[0]
            step = source.MatrixRegistrationSequence[0].MatrixSequence[0]
            matrix = np.array([float(v) for v in step.FrameOfReferenceTransformationMatrix]).reshape(4, 4)
            assert np.abs(matrix - T.matrix).max() < 1e-12
            assert step.FrameOfReferenceTransformationMatrixType == "RIGID"
            assert source.FrameOfReferenceUID == written.dicom["frame_of_reference"]
            assert registration.SeriesInstanceUID == written.dicom["motions_series"]
            frames.add(str(registration.FrameOfReferenceUID))
    assert len(frames) == 4
    assert written.dicom["frame_of_reference"] not in frames


def test_a_motion_refers_to_the_segments_of_its_body(exported):
    out, written = exported
    labels = pydicom.dcmread(out / "dicom" / "labels.dcm")
    registration = pydicom.dcmread(out / "dicom" / "left_ischium_planned.dcm")
    reference = registration.RegistrationSequence[0].ReferencedImageSequence[0]
    assert reference.ReferencedSOPInstanceUID == labels.SOPInstanceUID
    assert labels.SegmentSequence[reference.ReferencedSegmentNumber - 1].TrackingID == "left_ischium"
    assert registration.ReferencedSeriesSequence[0].SeriesInstanceUID == written.dicom["labels_series"]


def test_everything_is_one_study_and_the_same_ct_is_the_same_series_again(tmp_path, exported, case, plan):
    out, _ = exported
    files = [pydicom.dcmread(p, stop_before_pixels=True) for p in sorted(out.rglob("*.dcm"))]
    assert len({f.StudyInstanceUID for f in files}) == 1
    assert len({f.SOPInstanceUID for f in files}) == len(files)
    export_case(case, tmp_path / "again", DICOM_ONLY)
    slices = sorted((out / "dicom" / "ct").iterdir())
    for path in slices:
        assert path.read_bytes() == (tmp_path / "again" / "dicom" / "ct" / path.name).read_bytes()
    again = pydicom.dcmread(tmp_path / "again" / "dicom" / "labels.dcm", stop_before_pixels=True)
    assert again.SOPInstanceUID not in {f.SOPInstanceUID for f in files}
    assert again.StudyInstanceUID == files[0].StudyInstanceUID


def test_a_case_made_from_dicom_refers_to_the_series_it_came_from(tmp_path, exported, labels, plan, case):
    hospital = exported[0] / "dicom" / "ct"
    uids = as_from_a_hospital(hospital)
    write_volume(tmp_path / "labels.nii.gz", labels)
    imported = import_case(hospital, tmp_path / "labels.nii.gz", tmp_path / "imported").case
    assert imported.dicom.resolve() == hospital.resolve()
    imported = imported.with_bodies(case.bodies)
    written = export_case(imported, tmp_path / "second", DICOM_ONLY, plan)
    assert not (tmp_path / "second" / "dicom" / "ct").exists()
    assert written.dicom["ct_series"] == uids["SeriesInstanceUID"]
    known = {pydicom.dcmread(p).SOPInstanceUID for p in hospital.iterdir()}
    for name in ("labels.dcm", "left_hip_planned.dcm"):
        file = pydicom.dcmread(tmp_path / "second" / "dicom" / name)
        assert (file.PatientName, file.PatientID, file.StudyDate) == ("Müßig^Jörg", "4711", "20260102")
        assert file.StudyInstanceUID == uids["StudyInstanceUID"]
    segmentation = pydicom.dcmread(tmp_path / "second" / "dicom" / "labels.dcm")
    referred = segmentation.ReferencedSeriesSequence[0].ReferencedInstanceSequence
    assert {r.ReferencedSOPInstanceUID for r in referred} <= known
    assert segmentation.FrameOfReferenceUID == uids["FrameOfReferenceUID"]


def test_names_keep_their_letters_whatever_the_source_writes_them_in(tmp_path, exported, case):
    hospital = exported[0] / "dicom" / "ct"
    as_from_a_hospital(hospital)  # its character set is Latin 1
    bodies = tuple(
        Body(name, b.labels) for name, b in zip(("Bezug", "Hüfte", "坐骨"), case.bodies, strict=True)
    )
    options = ExportOptions(meshes=None, transforms=None, series=hospital)
    motions = {"Hüfte": RigidTransform.identity(), "坐骨": RigidTransform.identity()}
    export_case(case.with_bodies(bodies), tmp_path / "second", options, achieved=motions)
    folder = tmp_path / "second" / "dicom"
    labels, registration = (
        pydicom.dcmread(folder / "labels.dcm"),
        pydicom.dcmread(folder / "坐骨_achieved.dcm"),
    )
    assert labels.PatientName == registration.PatientName == "Müßig^Jörg"
    assert [s.TrackingID for s in labels.SegmentSequence] == ["Bezug", "Hüfte", "坐骨", "Bezug"]
    assert registration.ContentDescription == "坐骨: achieved"


@pytest.mark.parametrize("name", ["../left", "left/hip", "..", "left\\hip"])
def test_a_body_that_cannot_name_a_file_is_refused(tmp_path, case, name):
    bodies = (case.bodies[0], Body(name, (11,)), case.bodies[2])
    with pytest.raises(InputError, match="cannot name a file"):
        export_case(case.with_bodies(bodies), tmp_path / "out", DICOM_ONLY)
    assert not (tmp_path / "out").exists()


def test_another_image_than_the_cases_is_refused_as_its_series(tmp_path, exported, case, ct):
    hospital = exported[0] / "dicom" / "ct"
    changed = ct.array.copy()
    changed[0, 0, 0] += 1
    write_volume(case.ct, ct.with_array(changed))
    options = ExportOptions(meshes=None, transforms=None, series=hospital)
    with pytest.raises(InputError, match="not the series of the case's CT"):
        export_case(case, tmp_path / "second", options)
    assert not (tmp_path / "second").exists()


def test_slices_without_identifiers_are_refused(tmp_path, exported, case):
    hospital = exported[0] / "dicom" / "ct"
    for path in hospital.iterdir():
        image = pydicom.dcmread(path)
        del image.FrameOfReferenceUID
        image.save_as(path)
    options = ExportOptions(meshes=None, transforms=None, series=hospital)
    with pytest.raises(InputError, match="has no FrameOfReferenceUID"):
        export_case(case, tmp_path / "second", options)


def test_values_beyond_16_bits_are_refused_and_fractions_rounded(tmp_path, case, ct):
    write_volume(case.ct, ct.with_array(ct.array + np.float32(0.25)))
    export_case(case, tmp_path / "rounded", DICOM_ONLY)
    assert np.array_equal(read_volume(tmp_path / "rounded" / "dicom" / "ct").array, ct.array)
    write_volume(case.ct, ct.with_array(ct.array.astype(np.float32) * 1000))
    with pytest.raises(InputError, match="16 bits"):
        export_case(case, tmp_path / "wide", DICOM_ONLY)
    assert load_ct(case).array.max() > 32767
    assert not (tmp_path / "wide").exists()


def test_an_independent_validator_finds_no_error(exported):
    """dciodvfy of dicom3tools (D. Clunie) knows the modules of PS3.3."""
    validator = shutil.which("dciodvfy")
    if validator is None:
        pytest.skip("no dciodvfy on this machine (apt-get install dicom3tools)")
    folder = exported[0] / "dicom"
    for path in (folder / "ct" / "0001.dcm", *sorted(folder.glob("*.dcm"))):
        found = subprocess.run([validator, "-new", path], capture_output=True, text=True)
        said = found.stdout + found.stderr
        assert [line for line in said.splitlines() if line.startswith("Error")] == []
