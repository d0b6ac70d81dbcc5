"""`rafr xray`: files, numbers, exit codes, and one line for everything that cannot be used."""

import json

import numpy as np
import pytest
import yaml

from rafr.assessment import ACCEPTED
from rafr.cases.achieved import read_achieved
from rafr.cases.load import open_case
from rafr.cli.main import main
from rafr.errors import InputError
from rafr.geometry import Plane, RigidTransform
from rafr.planning.plan import BodyPlan, PathPose, ReductionPlan, SymmetryPlane

TARGET = RigidTransform.from_translation([-4.0, 0.0, 6.0])
SMALL = ["--pixels", "64"]


@pytest.fixture
def plan(case, tmp_path):
    """A plan that shifts the fragment, as `rafr plan --json` would write it."""
    path = tuple(PathPose(T, 1.0, 1.0, 0.1) for T in (RigidTransform.identity(), TARGET))
    body = BodyPlan("fragment", (11,), TARGET, 0.5, {}, {}, path)
    plane = SymmetryPlane(Plane(np.zeros(3), np.array([1.0, 0.0, 0.0])), 0.5)
    made = ReductionPlan(case.id, "test", (body,), plane, ("fragment",), ACCEPTED, 1.0)
    target = tmp_path / "plan.json"
    target.write_text(json.dumps(made.to_json()))
    return target


def achieved(tmp_path, shift):
    path = tmp_path / "achieved.yaml"
    pose = RigidTransform.from_translation(shift) @ TARGET
    path.write_text(yaml.safe_dump({"fragment": pose.tolist()}))
    return path


def test_a_case_alone_gives_four_pictures_and_a_sheet(case, tmp_path):
    from PIL import Image

    out = tmp_path / "pictures"
    assert main(["xray", str(case.folder), "-o", str(out), *SMALL]) == 0
    assert sorted(p.name for p in out.iterdir()) == [
        "ap.png",
        "inlet.png",
        "lateral.png",
        "outlet.png",
        "sheet.png",
    ]
    assert Image.open(out / "ap.png").size == (64, 64)
    assert Image.open(out / "sheet.png").size == (64, 256)


@pytest.mark.parametrize(
    ("shift", "code", "grade"), [([0.0, 0.0, 3.0], 0, "excellent"), ([0.0, 0.0, 14.0], 1, "fair")]
)
def test_the_achieved_reduction_is_measured_and_judged(case, plan, tmp_path, shift, code, grade):
    facts = tmp_path / "facts.json"
    poses = str(achieved(tmp_path, shift))
    command = ["xray", str(case.folder), "--plan", str(plan), "--achieved", poses, "-o", str(tmp_path / "p")]
    assert main([*command, "--json", str(facts), *SMALL]) == code
    found = json.loads(facts.read_text(encoding="utf-8"))
    assert found["assessment"]["accepted"] == (code == 0)
    matta = found["states"]["achieved"]["matta"]
    assert matta["grade"] == grade
    assert matta["max_mm"] == pytest.approx(shift[2], rel=0.05)
    assert found["states"]["planned"]["is_target"]
    before = found["states"]["before"]["matta"]["views_mm"]
    assert before["ap"] == pytest.approx(np.hypot(4.0, 6.0), rel=0.05)
    assert before["lateral"] == pytest.approx(6.0, rel=0.05)


def test_without_a_plan_nothing_is_graded(case, tmp_path, capsys):
    poses = str(achieved(tmp_path, [0.0, 0.0, 0.0]))
    command = ["xray", str(case.folder), "--achieved", poses, "-o", str(tmp_path / "p"), "--json", "-"]
    assert main([*command, *SMALL]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["states"]["achieved"]["matta"]["grade"] is None
    assert "no plan" in facts["assessment"]["reasons"][0]


def test_a_registration_is_read_relative_to_the_reference(case, tmp_path):
    T_cbct_reference = RigidTransform.from_rotvec([0.1, 0.2, 0.3], [50.0, 60.0, 70.0])
    poses = {"reference": T_cbct_reference, "fragment": T_cbct_reference @ TARGET}
    path = tmp_path / "registration.json"
    path.write_text(json.dumps({"bodies": {n: {"T_cbct_ct": T.tolist()} for n, T in poses.items()}}))
    found = read_achieved(path, open_case(case.folder))
    assert list(found) == ["fragment"]
    assert found["fragment"].matrix == pytest.approx(TARGET.matrix)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("fragment: [[1, 0], [0, 1]]", "fragment"),
        ("[1, 2]", "not a mapping"),
        ("{}", "no pose for fragment"),
        ("leg: 3", "leg"),
        ("a: [", "not valid YAML"),
        ("bodies: {fragment: {T_cbct_ct: 1}}", "fragment"),
    ],
)
def test_bad_poses_are_named(case, tmp_path, content, says):
    path = tmp_path / "poses.yaml"
    path.write_text(content)
    with pytest.raises(InputError, match=says):
        read_achieved(path, open_case(case.folder))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--pixels", "3"], "--pixels: 3; expected 64 to 2048"),
        (["--kev", "5"], "5 keV; expected 40 to 100 keV"),
        (["--plan", "nowhere.json"], "nowhere.json"),
        (["--achieved", "nowhere.yaml"], "nowhere.yaml"),
        (["--json", "/nowhere/at/all.json"], "/nowhere/at"),
    ],
)
def test_bad_options_give_one_line_and_no_folder(case, tmp_path, capsys, options, says):
    out = tmp_path / "pictures"
    assert main(["xray", str(case.folder), "-o", str(out), *options]) == 2
    error = capsys.readouterr().err.strip()
    assert says in error
    assert "\n" not in error
    assert not out.exists()


def test_a_bad_screw_in_the_case_gives_one_line(case, tmp_path, capsys):
    text = (case.folder / "case.yaml").read_text(
        encoding="utf-8"
    ) + "screws: [{head_mm: [0, 0, 0], tip_mm: here}]\n"
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("ct.nii.gz", "labels.nii.gz"):
        (copy / name).symlink_to(case.folder / name)
    (copy / "case.yaml").write_text(text)
    out = tmp_path / "pictures"
    assert main(["xray", str(copy), "-o", str(out), *SMALL]) == 2
    assert "screws[0].tip_mm is 'here'" in capsys.readouterr().err
    assert not out.exists()


def test_a_missing_case_gives_one_line(tmp_path, capsys):
    assert main(["xray", str(tmp_path / "none"), "-o", str(tmp_path / "p")]) == 2
    assert "no such folder" in capsys.readouterr().err
