"""`rafr export`, and `rafr plan --targets` at its edges."""

import dataclasses
import json

import numpy as np
import pytest

from rafr.assessment import ACCEPTED, Assessment
from rafr.cli.main import main
from rafr.exchange.targets import read_targets
from rafr.exchange.transform_files import write_motion
from rafr.geometry import RigidTransform
from rafr.planning.target.targets import BodyTarget, TargetResult


@pytest.fixture
def report_file(tmp_path, goals):
    path = tmp_path / "report.json"
    bodies = {name: {"T_achieved_displaced": T.tolist()} for name, T in goals.items()}
    path.write_text(json.dumps({"case": "blocks", "bodies": bodies}))
    return path


def test_without_a_choice_everything_is_written(tmp_path, case, plan, plan_file, report_file, goals, capsys):
    out = tmp_path / "out"
    arguments = ["--plan", str(plan_file), "--report", str(report_file), "--json", str(tmp_path / "e.json")]
    assert main(["export", str(case.folder), "-o", str(out), *arguments]) == 0
    assert "exported" in capsys.readouterr().out
    for name in (
        "dicom/ct/0001.dcm",
        "dicom/labels.dcm",
        "dicom/left_hip_achieved.dcm",
        "meshes/before/reference.stl",
        "meshes/achieved/left_hip.stl",
        "transforms/planned/left_ischium.tfm",
    ):
        assert (out / name).stat().st_size == json.loads((tmp_path / "e.json").read_text(encoding="utf-8"))[
            "files"
        ][name]
    index = json.loads((out / "export.json").read_text(encoding="utf-8"))
    assert index["plan_hash"] == plan.hash
    assert np.allclose(index["T_achieved_displaced"]["left_hip"], goals["left_hip"].matrix)
    read = read_targets(out / "transforms" / "planned", case)
    assert all(np.abs(read[n].matrix - T.matrix).max() < 1e-12 for n, T in goals.items())


def test_a_choice_is_all_that_is_written(tmp_path, case, plan_file):
    out = tmp_path / "out"
    options = ["--plan", str(plan_file), "--transforms", "h5"]
    assert main(["export", str(case.folder), "-o", str(out), *options]) == 0
    files = {str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()}
    planned = {f"transforms/planned/{name}.h5" for name in ("left_hip", "left_ischium")}
    assert files == {"export.json", *planned}


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"--transforms": "tfm"}, "nothing moves without a plan"),
        ({"--plan": "{}"}, "not a plan"),
        ({"--plan": "nowhere"}, "cannot be read"),
        ({"--report": "{}"}, "no pose for left_hip"),
        ({"--report": "["}, "not valid YAML"),
        ({"--report": '{"case": "other", "bodies": {}}'}, "it is of case 'other'"),
        ({"--report": '{"case": "blocks", "bodies": {"left_hip": null}}'}, "no achieved pose of left_hip"),
        ({"--series": "nowhere"}, "no such folder"),
    ],
)
def test_what_does_not_fit_is_one_line_and_nothing_is_written(tmp_path, case, capsys, change, wrong):
    arguments = []
    for option, content in change.items():
        path = tmp_path / "given"
        if option in ("--plan", "--report") and content != "nowhere":
            path.write_text(content)
        arguments += [option, content if option == "--transforms" else str(path)]
    out = tmp_path / "out"
    assert main(["export", str(case.folder), "-o", str(out), *arguments]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert wrong in error
    assert not out.exists()


def test_a_folder_with_something_in_it_is_left_alone(tmp_path, case, capsys):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    assert main(["export", str(case.folder), "-o", str(tmp_path / "out")]) == 2
    assert "not an empty folder" in capsys.readouterr().err
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    ("motion", "name", "wrong"),
    [
        (RigidTransform.from_translation([0.0, 0.0, 700.0]), "left_hip", "moves left_hip by 700 mm"),
        (RigidTransform.from_rotvec([0.0, 0.0, 3.0]), "left_hip", "and 172°"),
        (RigidTransform.identity(), "right_hip", "'right_hip' is no moving body"),
    ],
)
def test_targets_of_somebody_else_are_one_line_and_exit_code_2(tmp_path, case, capsys, motion, name, wrong):
    write_motion(tmp_path / f"{name}.tfm", motion)
    assert main(["plan", str(case.folder), "--targets", str(tmp_path / f"{name}.tfm")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert wrong in error


def test_a_plan_is_made_to_the_targets_of_the_files(tmp_path, case, plan, goals, monkeypatch):
    """Search and path are left out: that the targets reach the planner is under test."""
    asked = {}

    def plan_targets(case, meshes, **_):
        own = RigidTransform.identity()
        bodies = [BodyTarget(b.name, own, 9.0, 12.0, None, {}, 0.0, Assessment(False)) for b in case.moving]
        return TargetResult(tuple(bodies), plan.symmetry_plane, plan.order, ACCEPTED)

    def plan_reduction(case, *, targets, **_):
        asked.update({t.name: t.T_reduced_displaced for t in targets.bodies}, method=targets.method)
        return dataclasses.replace(plan, method=targets.method, bodies=(), order=())

    monkeypatch.setattr("rafr.planning.target.given.plan_targets", plan_targets)
    monkeypatch.setattr("rafr.planning.reduction.plan_reduction", plan_reduction)
    monkeypatch.setattr("rafr.planning.alignment.alignment_of", lambda *_: {})
    folder = tmp_path / "from_slicer"
    folder.mkdir()
    write_motion(folder / "left_hip.mat", goals["left_hip"])
    assert main(["plan", str(case.folder), "--targets", str(folder), "--json", str(tmp_path / "p.json")]) == 0
    assert np.abs(asked["left_hip"].matrix - goals["left_hip"].matrix).max() < 1e-12
    assert np.array_equal(asked["left_ischium"].matrix, np.eye(4))
    assert json.loads((tmp_path / "p.json").read_text(encoding="utf-8"))["method"].startswith(
        "given: left_hip;"
    )
