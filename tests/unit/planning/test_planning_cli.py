"""`rafr plan` at its edges."""

from __future__ import annotations

import json

import numpy as np
import pytest

from rafr.assessment import ACCEPTED, Assessment
from rafr.cli.main import main
from rafr.geometry import Plane, RigidTransform
from rafr.planning.plan import BodyPlan, PathPose, ReductionPlan, SymmetryPlane


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
        monkeypatch.setattr("rafr.planning.reduction.plan_reduction", lambda case, progress: result)
        monkeypatch.setattr("rafr.cases.meshes.body_meshes", lambda case: {})
        monkeypatch.setattr("rafr.planning.alignment.alignment_of", lambda *_: {"planned": {}})

    return use


def test_a_missing_case_is_one_line_and_exit_code_2(tmp_path, capsys):
    assert main(["plan", str(tmp_path / "nowhere")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_an_accepted_plan_exits_0_and_its_json_reads_back(planned, tmp_path, capsys):
    planned(plan(ACCEPTED))
    assert main(["plan", "CASE", "--json", str(tmp_path / "plan.json")]) == 0
    read = ReductionPlan.from_json(json.loads((tmp_path / "plan.json").read_text()))
    assert read.hash == plan(ACCEPTED).hash
    assert "planned" in json.loads((tmp_path / "plan.json").read_text())["pelvis"]
    assert "accepted" in capsys.readouterr().out


def test_a_plan_not_accepted_exits_1_and_says_why(planned, capsys):
    planned(plan(Assessment(False, ("left: the target is uncertain by 9.0 mm",))))
    assert main(["plan", "CASE"]) == 1
    assert "uncertain by 9.0 mm" in capsys.readouterr().out


def test_json_to_standard_output_is_json_alone(planned, capsys):
    planned(plan(ACCEPTED))
    main(["plan", "CASE", "--json", "-"])
    assert json.loads(capsys.readouterr().out)["order"] == ["left"]
