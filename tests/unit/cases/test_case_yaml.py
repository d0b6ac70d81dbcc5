"""case.yaml: what is written is read back; what is wrong is named in one line."""

import numpy as np
import pytest
import yaml

from rafr.cases.case import Body, Case, SchantzPin, Traction, load_case, save_case
from rafr.errors import InputError
from rafr.geometry import RigidTransform


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "ct.nii.gz").write_bytes(b"x")
    (tmp_path / "labels.nii.gz").write_bytes(b"x")
    return tmp_path


def write(folder, **changes):
    data = {
        "id": "p1",
        "ct": "ct.nii.gz",
        "labels": "labels.nii.gz",
        "bodies": {"reference": [1, 21], "left_hip": [11]},
        **changes,
    }
    (folder / "case.yaml").write_text(yaml.safe_dump({k: v for k, v in data.items() if v is not ...}))


def test_a_case_survives_writing_and_reading(folder):
    pin = SchantzPin(np.array([1.0, 2.0, 3.0]), np.array([0.0, 0.6, 0.8]))
    case = Case(
        folder,
        "p1",
        folder / "ct.nii.gz",
        folder / "labels.nii.gz",
        None,
        (Body("reference", (1, 21)), Body("left_hip", (11,))),
        description="two lines\nof text",
        fracture="denis2",
        patient_mass_kg=81.5,
        traction=Traction("left", 120.0),
        torn_ligaments=("iliolumbar", "sacrospinous"),
        schantz_pins=(("left_hip", (pin,)),),
        fiducials_mm=np.arange(12.0).reshape(4, 3),
        table_pose=RigidTransform.from_rotvec([0.1, 0.0, 0.2], [5.0, 6.0, 7.0]),
        dicom=folder / "slices",
    )
    save_case(case)
    back = load_case(folder)
    assert back.bodies == case.bodies
    assert back.traction == case.traction
    assert back.torn_ligaments == case.torn_ligaments
    assert (back.description, back.fracture, back.patient_mass_kg) == (
        "two lines\nof text",
        "denis2",
        81.5,
    )
    assert np.allclose(back.pins("left_hip")[0].direction, pin.direction, atol=1e-6)
    assert np.allclose(back.fiducials_mm, case.fiducials_mm)
    assert np.allclose(back.table_pose.matrix, case.table_pose.matrix)
    assert back.dicom == case.dicom  # a series that is gone by now hinders nobody else


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ct": "nothing.nii.gz"}, "no such file"),
        ({"labels": ...}, "labels is None"),
        ({"bodys": {}}, "unknown key 'bodys'; expected 'bodies'"),
        ({"bodies": {"left_hip": [11], "sacrum": [1]}}, "one of them `reference`"),
        ({"bodies": {"reference": [1], "left_hip": []}}, "bodies.left_hip is []"),
        ({"bodies": {"reference": [1], "left_hip": [1]}}, "label 1 once"),
        ({"bodies": {"reference": [1], "left_hip": ["a"]}}, "label values"),
        ({"patient_mass_kg": float("nan")}, "patient_mass_kg is nan"),
        ({"patient_mass_kg": True}, "patient_mass_kg is True"),
        ({"fracture": "denis9"}, "one of denis1"),
        ({"traction": {"side": "up", "force_n": 3}}, "left or right"),
        ({"traction": {"side": "left", "force": 3}}, "unknown key traction.'force'"),
        ({"torn_ligaments": "all"}, "a list of ligaments"),
        ({"torn_ligaments": ["cruciate"]}, "sacrospinous"),
        ({"schantz_pins": {"right_hip": []}}, "a body among"),
        ({"table_pose": np.diag([1, 1, -1, 1]).tolist()}, "proper motion"),
        ({"fiducials_mm": [[0, 0, 0]]}, "four or more"),
    ],
)
def test_each_wrong_value_is_named(folder, changes, words):
    write(folder, **changes)
    with pytest.raises(InputError, match=r"case\.yaml|no such file") as error:
        load_case(folder)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["[1, 2]", "id: [", "\x00", ""])
def test_what_is_no_yaml_mapping_is_refused(folder, text):
    (folder / "case.yaml").write_text(text)
    with pytest.raises(InputError):
        load_case(folder)


def test_the_reference_comes_first_wherever_it_is_written(folder):
    write(folder, bodies={"left_hip": [11], "reference": [1]})
    assert load_case(folder).reference.labels == (1,)


def test_a_missing_folder_and_a_missing_description_are_told_apart(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        load_case(tmp_path / "nowhere")
    with pytest.raises(InputError, match="rafr case new"):
        load_case(tmp_path)
