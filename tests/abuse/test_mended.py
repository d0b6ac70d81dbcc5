"""What fuzzing found: each damage once, in the reader it was found in."""

import json
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import yaml
from tests.abuse import readers, reads, seeds
from tests.abuse.readers import READERS

from rafr.control.config import ArmControlConfig
from rafr.errors import InputError
from rafr.planning.plan import ReductionPlan

BY_NAME = {reader.name: reader for reader in READERS}
LAUGHS = "a0: &a0 [0, 0, 0, 0, 0, 0, 0, 0, 0]\n" + "".join(
    f"a{k + 1}: &a{k + 1} [{', '.join([f'*a{k}'] * 9)}]\n" for k in range(12)
)


def refusal(reader, path):
    with pytest.raises(InputError) as caught:
        reader.read(path)
    text = str(caught.value)
    assert "\n" not in text
    assert text.isprintable()
    assert len(text) < 2000
    return text


CONFUSING = {
    "deep": "[" * 100_000,
    "laughs": LAUGHS,
    "itself": "a: &a [*a]",
    "date": "a: 2001-99-99",
    "int": "a: !!int ''",
    "huge": "a: 1.0e+99",
    "digits": "a: " + "9" * 5000,
    "twice": "a: 1\na: 2",
}


def refuses(name, content, tmp_path):
    path = BY_NAME[name].make(tmp_path)
    path.write_text(content)
    assert path.name in (text := refusal(BY_NAME[name], path)) or path.parent.name in text


@pytest.mark.parametrize("name", [r.name for r in READERS if r.kind in ("yaml", "json")])
def test_nesting_that_exhausts_the_stack_is_one_line_from_every_reader(name, tmp_path):
    refuses(name, CONFUSING["deep"], tmp_path)


@pytest.mark.parametrize("content", CONFUSING.values(), ids=CONFUSING)
def test_yaml_that_exhausts_or_confuses_is_one_line(content, tmp_path):
    refuses("EMG column map", content, tmp_path)


JSON = ('{"a": NaN}', '{"a": 1e999}', '{"a": 1, "a": 2}', '{"a": ' + "9" * 400 + "}")


@pytest.mark.parametrize("content", JSON, ids=("nan", "infinite", "twice", "digits"))
def test_json_holds_finite_numbers_and_every_key_once(content, tmp_path):
    reader = BY_NAME["report of a run"]
    path = reader.make(tmp_path)
    path.write_text(content)
    refusal(reader, path)


def test_a_value_cannot_write_over_the_terminal_or_fill_it(tmp_path):
    reader = BY_NAME["case.yaml"]
    path = reader.make(tmp_path)
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    path.write_text(yaml.safe_dump(data | {"\x1b[2J\nlost": "x" * 100_000}))
    assert "unknown key" in refusal(reader, path)
    path.write_text(yaml.safe_dump(data | {"patient_mass_kg": ["x" * 100_000] * 9}))
    assert "patient_mass_kg" in refusal(reader, path)


def edited(**changes):
    """A plan without a hash, one of its values changed: `bodies__left_hip__labels=…`."""
    data = seeds.reduction_plan().to_json()
    for where, value in changes.items():
        *keys, last = where.split("__")
        holder = data
        for key in keys:
            holder = holder[int(key) if key.isdigit() else key]
        holder[last] = value
    return data


@pytest.mark.parametrize(
    "change",
    [
        {"assessment__accepted": "no"},
        {"assessment__accepted": 1},
        {"assessment__reasons": "because"},
        {"order": "left_hip"},
        {"order": ["left_hip", "left_hip"]},
        {"bodies__left_hip__labels": [11.7]},
        {"bodies__left_hip__labels": [-1]},
        {"bodies__left_hip__before": 3},
        {"bodies__left_hip__path__0__force_n": -1.0},
        {"bodies__left_hip__path__0__clearance_mm": "2"},
        {"bodies__left_hip__path__0__traction_n": -5.0},
        {"bodies__left_hip__path__0__T_path_displaced": [[10**400] * 4] * 4},
        {"symmetry_plane__point": [1.0]},
        {"symmetry_plane__rms_mm": float("nan")},
        {"seconds": True},
    ],
    ids=str,
)
def test_a_plan_says_what_it_means_or_is_none(change):
    from rafr.errors import RafrError

    assert ReductionPlan.from_json(edited()).hash == seeds.reduction_plan().hash
    with pytest.raises(RafrError):
        ReductionPlan.from_json(edited(**change))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("ElementSpacing", "0.8 0.9 1e20"),
        ("Offset", "1e30 0 0"),
        ("TransformMatrix", "-1 0 0 0.5 -1 0 0 0 1"),
        ("TransformMatrix", "-1 0 0 0 -2 0 0 0 1"),
    ],
)
@pytest.mark.parametrize("read", ["volume .mha", "grid .mha"])
def test_a_grid_no_scanner_gives_is_refused(read, key, value, tmp_path):
    path = BY_NAME[read].make(tmp_path)
    head, tail = path.read_bytes().split(f"{key} = ".encode(), 1)
    path.write_bytes(head + f"{key} = {value}\n".encode() + tail.split(b"\n", 1)[1])
    assert path.name in refusal(BY_NAME[read], path)


def test_a_nifti_whose_voxels_begin_nowhere_is_refused(tmp_path):
    path = BY_NAME["volume .nii"].make(tmp_path)
    content = bytearray(path.read_bytes())
    struct.pack_into("<f", content, 108, float("nan"))
    path.write_bytes(content)
    refusal(BY_NAME["volume .nii"], path)


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        ("ImageOrientationPatient", [0, 1, 0, 1, 0, 0]),
        ("PixelSpacing", [2, 2]),
        ("ImagePositionPatient", ["-10", "5", "1e400"]),
    ],
)
def test_a_slice_unlike_its_series_is_refused(tag, value, tmp_path):
    import pydicom

    path = seeds.dicom_slice(tmp_path)
    slice_ = pydicom.dcmread(path)
    setattr(slice_, tag, value)
    slice_.save_as(path)
    refusal(BY_NAME["DICOM folder"], path)


def test_a_transform_whose_names_are_no_text_is_refused(tmp_path):
    reader = BY_NAME["transform .mat"]
    path = reader.make(tmp_path)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"AffineTransform", b"Aff\xe9neTransform"))
    refusal(reader, path)


@pytest.mark.parametrize("kept", [0, 40, 84, 1000])
def test_a_binary_stl_that_was_cut_is_refused(kept, tmp_path):
    path = seeds.pelvis(tmp_path, ".stl")
    path.write_bytes(path.read_bytes()[:kept])
    assert "left_hip.stl" in refusal(BY_NAME["mesh .stl"], path)


def rewritten(path, **arrays):
    with np.load(path) as stored:
        np.savez(path, **{**stored, **arrays})


@pytest.mark.parametrize(
    "arrays",
    [
        {"mean_mm": np.full((486, 3), np.nan)},
        {"triangles": np.full((4, 3), 10**6)},
        {"mode_variance": np.array([-1.0, 1.0])},
        {"body": np.ones(486, int)},
        {"triangles": np.zeros((4, 3))},
    ],
    ids=["nan", "beyond", "negative", "no sacrum", "fractions"],
)
def test_a_shape_model_that_cannot_be_one_is_refused(arrays, tmp_path):
    path = seeds.shape_model(tmp_path)
    rewritten(path, **arrays)
    refusal(BY_NAME["shape model .npz"], path)


@pytest.mark.parametrize(
    "change", [(b"(486, 3)", b"(486, 3 "), (b"\x93NUMPY", b"\x93NUMPX")], ids=["header", "magic"]
)
def test_an_array_whose_head_is_damaged_is_refused(change, tmp_path):
    path = seeds.shape_model(tmp_path)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["mean_mm.npy"] = parts["mean_mm.npy"].replace(*change)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    refusal(BY_NAME["shape model .npz"], path)


def test_an_archive_with_a_damaged_stream_is_refused(tmp_path):
    path = seeds.shape_model(tmp_path)
    with zipfile.ZipFile(path) as archive:
        at = archive.infolist()[0].header_offset + 60
    content = bytearray(path.read_bytes())
    content[at : at + 20] = b"\xff" * 20
    path.write_bytes(content)
    refusal(BY_NAME["shape model .npz"], path)


@pytest.mark.parametrize("name", ["tracker, MCAP", "recording"])
def test_a_recording_cut_before_its_index_is_one_line(name, tmp_path):
    path = BY_NAME[name].make(tmp_path)
    path.write_bytes(path.read_bytes()[:-500])
    refusal(BY_NAME[name], path)


def test_what_an_unclosed_recording_holds_up_to_the_cut_is_read(tmp_path):
    reader = BY_NAME["recording, unclosed"]
    path = reader.make(tmp_path)
    whole = reader.read(path)
    path.write_bytes(path.read_bytes()[:-200])
    assert 0 < len(cut := reader.read(path)) < len(whole)
    assert cut == whole[: len(cut)]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("-1.57 0.78", "low 0.78"),
        (" 1 0<", " 1<"),
        ("1 0<", "1 x<"),
        ("1 0<", "1e308 1e308<"),
        ("-0.07 -0.06", "1e308 -0.06"),
    ],
)
def test_a_number_missing_in_a_muscle_model_is_one_line(old, new, tmp_path):
    path = seeds.opensim(tmp_path)
    path.write_text(path.read_text(encoding="utf-8").replace(old, new))
    refusal(BY_NAME["muscles .osim"], path)


@pytest.mark.parametrize(
    ("key", "value"),
    [("width", -1), ("height", 0), ("height", float("inf")), ("rms_px", -0.1), ("rms_px", float("inf"))],
)
def test_a_camera_without_a_picture_is_refused(key, value, tmp_path):
    path = seeds.plain(tmp_path, "camera.yaml", readers.CAMERA | {key: value})
    refusal(BY_NAME["camera"], path)


def test_an_adjustment_beyond_all_numbers_is_judged_not_computed():
    from rafr.control.adjustment import Adjustment

    huge = Adjustment(np.array([0.1, 0.5, 1.0]), np.full((3, 6), 1e308))
    with np.errstate(over="ignore"):
        assert not huge.judge(np.zeros(6), 0.2, ArmControlConfig()).accepted


@pytest.mark.parametrize("dimensions", ["-1e308", "11", "2", "x", "", "9" * 5000])
def test_a_metaimage_that_would_end_the_process_is_refused(dimensions, tmp_path):
    path = seeds.volume(tmp_path, "packed.mha")
    path.write_bytes(path.read_bytes().replace(b"NDims = 3", f"NDims = {dimensions}".encode()))
    refusal(BY_NAME["volume .mha, packed"], path)


@pytest.mark.parametrize("field", ["space directions: (-0.8", "space origin: (10", "sizes: 5"])
def test_an_nrrd_that_would_end_the_process_is_refused(field, tmp_path):
    path = seeds.volume(tmp_path, "image.nrrd")
    content = path.read_bytes()
    path.write_bytes(content.replace(field.encode(), field.encode() + b"9" * 5000))
    assert content != path.read_bytes()
    refusal(BY_NAME["volume .nrrd"], path)


@pytest.mark.parametrize("place", [None, [1.0, 2.0], [1.0, None, 2.0]])
def test_a_landmark_that_is_no_place_is_refused(place, tmp_path):
    path = seeds.truth(tmp_path)
    path.write_text(
        json.dumps(json.loads(path.read_text(encoding="utf-8")) | {"landmarks_mm": {"asis": place}})
    )
    refusal(BY_NAME["truth"], path)


def test_a_screw_without_an_end_is_refused(tmp_path):
    path = seeds.case_file(tmp_path)
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    data["screws"][0]["tip_mm"][2] = float("nan")
    path.write_text(yaml.safe_dump(data))
    assert "screws[0].tip_mm" in refusal(BY_NAME["case.yaml"], path)


def test_a_transform_that_ends_the_library_is_one_line(tmp_path, capfd):
    reader = BY_NAME["transform .h5"]
    path = reader.make(tmp_path)
    content = path.read_bytes()
    path.write_bytes(content[:96] + content[:400] * 2 + content[96:])
    refusal(reader, path)
    assert capfd.readouterr() == ("", "")


def test_a_name_no_file_can_have_is_one_line(tmp_path):
    path = seeds.case_file(tmp_path)
    for name in ("x" * 5000, "a\0b"):
        path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text(encoding="utf-8")) | {"labels": name}))
        assert "no such file" in refusal(BY_NAME["case.yaml"], path)


def test_a_trajectory_message_has_a_value_for_every_joint_in_every_point():
    from rafr.nodes.convert import arm_trajectory_from_message

    message = reads.arm_message(Path())
    message.joint_names = ["a", "b", "c", "d"]  # 4 points of 3 values are 3 points of 4
    with pytest.raises(InputError, match="one value for every joint"):
        arm_trajectory_from_message(message)


@pytest.mark.parametrize("number", ["1e30", "0.5", "-1e17"])
def test_a_frame_number_is_a_whole_number(number, tmp_path):
    path = seeds.sequence(tmp_path)
    path.write_text(path.read_text(encoding="utf-8").replace("FrameNumber = 2", f"FrameNumber = {number}"))
    assert "FrameNumber of frame 2" in refusal(BY_NAME["tracker sequence"], path)


def test_a_report_whose_numbers_are_texts_is_one_line(tmp_path):
    path = seeds.report(tmp_path)
    report = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(report | {key: "x" for key, v in report.items() if isinstance(v, float)}))
    refusal(BY_NAME["operation report"], path)


def test_a_registration_that_mirrors_is_one_line(tmp_path):
    mirrored = np.diag([-1.0, 1.0, 1.0, 1.0]).tolist()
    content = {"bodies": {name: {"T_cbct_ct": mirrored} for name in ("reference", "left_hip")}}
    path = seeds.plain(tmp_path, "registration.json", content)
    assert "proper rigid" in refusal(BY_NAME["registration"], path)


def test_a_definition_of_many_lines_is_complained_of_in_one(tmp_path):
    path = seeds.recording(tmp_path)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"float64 error", b"flo=t64 error"))
    assert content != path.read_bytes()
    for name in ("tracker, MCAP", "recording, replay"):
        refusal(BY_NAME[name], path)


def test_the_seeds_of_the_images_are_what_their_names_say(tmp_path):
    assert sitk.ReadImage(str(seeds.volume(tmp_path, "image.mha"))).GetSize() == (5, 6, 7)
    assert json.loads(seeds.plan(tmp_path).read_text(encoding="utf-8"))["hash"] == seeds.reduction_plan().hash


@pytest.mark.parametrize("word", ["1e308", "nan", "inf", "x", "9" * 5000])
def test_axes_that_itk_turns_without_end_are_refused_before_it_reads_them(word, tmp_path):
    reader = BY_NAME["volume .mha"]
    path = reader.make(tmp_path)
    head = path.read_bytes().replace(b"TransformMatrix = -1", b"TransformMatrix = " + word.encode(), 1)
    path.write_bytes(head)
    assert "TransformMatrix" in refusal(reader, path)


def test_an_image_of_more_voxels_than_there_can_be_is_one_line(tmp_path):
    reader = BY_NAME["grid .mha"]
    path = reader.make(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"DimSize = 5", b"DimSize = 2001-99-99", 1))
    assert "voxels" in refusal(reader, path)


def test_a_tag_without_a_number_is_one_line(tmp_path):
    path = BY_NAME["tags"].make(tmp_path)
    path.write_text(path.read_text().replace("id: 3", "id: .inf"))
    refusal(BY_NAME["tags"], path)
