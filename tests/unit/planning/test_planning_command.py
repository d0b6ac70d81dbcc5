"""`rafr plan` at its edges."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from rafr.assessment import ACCEPTED, Assessment
from rafr.cli.main import main
from rafr.geometry import Plane, RigidTransform
from rafr.planning.path.via import read_via
from rafr.planning.plan import (
    BodyPlan,
    PathPose,
    PathSummary,
    ReductionPlan,
    StraightPath,
    SymmetryPlane,
)


def plan(assessment: Assessment) -> ReductionPlan:
    goal = RigidTransform.from_translation([1.0, 2.0, 3.0])
    standing = {"mean_mm": 3.7, "deg": 0.0, "matta": {"grade": "excellent", "max_mm": 3.7}}
    after = {**standing, "evidence_mm2": {"mirror:left_hip": 5000.0, "face:sacrum": 1200.0}}
    path = tuple(PathPose(T, 0.5, 10.0, 1.0) for T in (RigidTransform.identity(), goal))
    body = BodyPlan("left", (11,), goal, 0.8, standing, after, path)
    plane = SymmetryPlane(Plane(np.zeros(3), np.array([1.0, 0.0, 0.0])), 0.6)
    return ReductionPlan("made-up", "test", (body,), plane, ("left",), assessment, 2.0)


@pytest.fixture
def planned(monkeypatch):
    """Replace the search by a finished plan: only the command itself is under test."""

    def use(result: ReductionPlan) -> None:
        monkeypatch.setattr("rafr.cases.load.open_case", lambda path: path)
        monkeypatch.setattr("rafr.planning.reduction.plan_reduction", lambda case, **_: result)
        monkeypatch.setattr("rafr.cases.meshes.body_meshes", lambda case: {})
        monkeypatch.setattr("rafr.planning.alignment.alignment_of", lambda *_: {"planned": {}})

    return use


def test_a_missing_case_is_one_line_and_exit_code_2(tmp_path, capsys):
    assert main(["plan", str(tmp_path / "nowhere")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_an_accepted_plan_exits_0_and_its_json_reads_back(planned, tmp_path, capsys):
    planned(plan(ACCEPTED))
    assert main(["plan", "CASE", "--json", str(tmp_path / "plan.json")]) == 0
    read = ReductionPlan.from_json(json.loads((tmp_path / "plan.json").read_text(encoding="utf-8")))
    assert read.hash == plan(ACCEPTED).hash
    assert "planned" in json.loads((tmp_path / "plan.json").read_text(encoding="utf-8"))["pelvis"]
    assert "accepted" in capsys.readouterr().out


def test_a_plan_not_accepted_exits_1_and_says_why(planned, capsys):
    planned(plan(Assessment(False, ("left: the target is uncertain by 9.0 mm",))))
    assert main(["plan", "CASE"]) == 1
    assert "uncertain by 9.0 mm" in capsys.readouterr().out


def test_json_to_standard_output_is_json_alone(planned, capsys):
    planned(plan(ACCEPTED))
    main(["plan", "CASE", "--json", "-"])
    assert json.loads(capsys.readouterr().out)["order"] == ["left"]


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("left: [", "not valid YAML"),
        ("- 1", "not a mapping"),
        ("left: 3", "not a mapping of lists"),
        ("left: [[[1, 0, 0, 0]]]", "left, pose 1"),
        ("left: [[[2, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]]", "not a proper rigid transform"),
        ("left: [hello]", "left, pose 1"),
    ],
)
def test_a_bad_file_of_via_poses_is_one_line_and_exit_code_2(text, wrong, tmp_path, capsys):
    path = tmp_path / "via.yaml"
    path.write_text(text)
    assert main(["plan", "CASE", "--via", str(path)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert wrong in error
    assert str(path) in error


def test_a_file_of_via_poses_that_is_not_there_is_one_line_and_exit_code_2(tmp_path, capsys):
    assert main(["plan", "CASE", "--via", str(tmp_path / "via.yaml")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_via_poses_are_read_from_json_too(tmp_path):
    poses = [RigidTransform.from_rotvec([0.1, 0.2, 0.3], [1.0, 2.0, k]) for k in range(2)]
    path = tmp_path / "via.json"
    path.write_text(json.dumps({"left": [T.tolist() for T in poses]}))
    for T, read in zip(poses, read_via(path)["left"], strict=True):
        assert np.array_equal(T.matrix, read.matrix)


def test_costs_and_traction_of_a_path_survive_json_and_the_hash_covers_the_traction():
    summary = PathSummary(100.0, 5.0, 1.5, -0.2, 90.0, 3.0)
    straight = StraightPath(dataclasses.replace(summary, peak_force_n=400.0), (0.5, -3.0), (0.0, 400.0))
    plain = plan(ACCEPTED)
    body = dataclasses.replace(plain.bodies[0], path_summary=summary, straight_path=straight)
    full = dataclasses.replace(plain, bodies=(pulled(body, 70.0),))
    data = json.loads(json.dumps(full.to_json()))
    assert data["bodies"]["left"]["straight_path"]["peak_force_n"] == 400.0
    assert ReductionPlan.from_json(data).bodies[0].straight_path == straight
    assert ReductionPlan.from_json(data).bodies[0].traction_n == full.bodies[0].traction_n
    assert ReductionPlan.from_json(data).hash == full.hash != plain.hash
    assert plain.bodies[0].traction_n is None
    assert dataclasses.replace(full, bodies=(pulled(body, 71.0),)).hash != full.hash


def pulled(body, tension):
    """A body's plan with a tension that rises from nothing."""
    along = np.linspace(0.0, tension, len(body.path))
    path = tuple(dataclasses.replace(p, traction_n=float(n)) for p, n in zip(body.path, along, strict=True))
    return dataclasses.replace(body, path=path)
