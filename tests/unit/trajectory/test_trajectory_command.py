"""`rafr trajectory` on a pelvis of blocks with a plan made by hand."""

import json
from dataclasses import replace

import numpy as np
import pytest

from rafr.assessment import Assessment
from rafr.cases.case import Body, Case, SchantzPin, save_case
from rafr.cli.main import main
from rafr.geometry import Plane, RigidTransform, screw_interpolate
from rafr.imaging.volume import Volume, write_volume
from rafr.planning.plan import BodyPlan, PathPose, ReductionPlan, SymmetryPlane

BOXES = {1: ((-30, 0, 0), (30, 30, 60)), 21: ((-60, -40, 0), (-34, 30, 60)), 11: ((42, -40, 0), (68, 30, 60))}


def labels_volume():
    array = np.zeros((40, 45, 75), np.uint8)
    origin = np.array([-74.0, -54.0, -9.0])
    for label, (lower, upper) in BOXES.items():
        i0, i1 = ((np.array(p) - origin) // 2 for p in (lower, upper))
        array[int(i0[2]) : int(i1[2]), int(i0[1]) : int(i1[1]), int(i0[0]) : int(i1[0])] = label
    return Volume(array, origin, np.full(3, 2.0), np.eye(3))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A case whose left hip stands 8 mm off; the pins come from in front."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    made = tmp_path / "case"
    made.mkdir()
    labels = labels_volume()
    write_volume(made / "labels.nii.gz", labels)
    write_volume(made / "ct.nii.gz", labels.with_array((labels.array > 0).astype(np.int16) * 700))
    save(made, np.array([-0.4, 0.9, 0.0]))
    return made


def save(folder, direction):
    entries = (np.array([55.0, -40.0, 15.0]), np.array([55.0, -40.0, 45.0]))
    pins = tuple(SchantzPin(e, direction / np.linalg.norm(direction)) for e in entries)
    bodies = (Body("reference", (1, 21)), Body("left_hip", (11,)))
    paths = (folder / "ct.nii.gz", folder / "labels.nii.gz")
    save_case(Case(folder, "blocks", *paths, None, bodies, schantz_pins=(("left_hip", pins),)))


def plan(name="left_hip", force=0.0):
    target = RigidTransform.from_rotvec((0.02, 0.0, 0.03), (-8.0, 1.0, 2.0))
    way = screw_interpolate(RigidTransform.identity(), target, np.linspace(0, 1, 10))
    body = BodyPlan(name, (11,), target, 1.0, {}, {}, tuple(PathPose(T, 1.0, force, 0.0) for T in way))
    symmetry = SymmetryPlane(Plane(np.zeros(3), np.array([1.0, 0.0, 0.0])), 0.5)
    return ReductionPlan("blocks", "by hand", (body,), symmetry, (name,), Assessment(True), 0.0)


@pytest.fixture
def plan_file(tmp_path):
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(plan().to_json()))
    return path


@pytest.mark.slow
def test_a_plan_becomes_docking_and_arm_motions_within_limits(folder, plan_file, tmp_path, capsys):
    result, out = tmp_path / "trajectory.json", tmp_path / "pictures"
    code = main(["trajectory", str(folder), "--plan", str(plan_file), "--json", str(result), "-o", str(out)])
    assert code == 0
    data = json.loads(result.read_text(encoding="utf-8"))
    assert set(data["base"]) == {"t", "x", "y", "theta", "v", "omega", "wheel"}
    assert set(data["arm"]) == {"joint_names", "t", "q", "qd", "qdd", "qddd"}
    assert data["assessment"]["accepted"]
    assert "cause" not in data["assessment"]
    assert data["base"]["y"][-1] < 0  # the patient's left
    limits = data["limits"]["arm"]
    for name, bound in (("qd", "velocity"), ("qdd", "acceleration"), ("qddd", "jerk")):
        assert (np.abs(data["arm"][name]) <= np.array(limits[bound])).all()
    assert data["toppra_duration_s"] <= data["duration_s"] < 1.3 * data["toppra_duration_s"]
    kinds = ("docking", "joints", "load")
    assert {p.name for p in out.iterdir()} == {f"{kind}_left_hip.png" for kind in kinds}
    assert "accepted" in capsys.readouterr().out


@pytest.mark.slow
def test_a_mecanum_base_docks_with_a_sideways_speed_for_every_time(folder, plan_file, tmp_path):
    result = tmp_path / "trajectory.json"
    arguments = ["--plan", str(plan_file), "--base", "mecanum", "--json", str(result)]
    assert main(["trajectory", str(folder), *arguments]) == 0
    base = json.loads(result.read_text(encoding="utf-8"))["base"]
    assert np.shape(base["wheel"]) == (len(base["t"]), 4)
    assert max(np.abs(base["lateral"])) > 0.01  # m/s; forward is as quick, so it is used little


@pytest.mark.slow
def test_another_arm_has_motions_of_its_own(folder, plan_file, tmp_path):
    result = tmp_path / "trajectory.json"
    arguments = ["--plan", str(plan_file), "--arm", "lbr_med14", "--json", str(result)]
    assert main(["trajectory", str(folder), *arguments]) == 0
    data = json.loads(result.read_text(encoding="utf-8"))
    assert np.shape(data["arm"]["q"]) == (len(data["arm"]["t"]), 7)


@pytest.mark.slow
def test_together_the_arm_is_before_the_pins_when_the_base_arrives(folder, plan_file, tmp_path, capsys):
    result, out = tmp_path / "trajectory.json", tmp_path / "pictures"
    arguments = ["--plan", str(plan_file), "--together", "free", "--json", str(result), "-o", str(out)]
    assert main(["trajectory", str(folder), *arguments]) == 0
    data = json.loads(result.read_text(encoding="utf-8"))
    together, stages = data["together"], data["bodies"]["left_hip"]
    assert together["base"]["t"] == together["arm"]["t"]
    assert together["duration_s"] == together["arm"]["t"][-1] < together["sequential_duration_s"]
    assert data["arm"]["q"][0] == pytest.approx(together["arm"]["q"][-1], abs=1e-6)
    assert together["brakes"] is stages["docking"]["brakes"] is False
    assert all(stages[name]["brakes"] for name in ("approach", "reduction", "retreat"))
    assert (out / "together_left_hip.png").stat().st_size > 10_000  # bytes
    assert "left_hip: base and arm together" in capsys.readouterr().out


@pytest.mark.slow
def test_pins_nobody_can_reach_give_exit_code_1_and_the_reasons(folder, plan_file, tmp_path):
    save(folder, np.array([0.0, -1.0, 0.0]))  # from below the table
    result = tmp_path / "trajectory.json"
    assert main(["trajectory", str(folder), "--plan", str(plan_file), "--json", str(result)]) == 1
    data = json.loads(result.read_text(encoding="utf-8"))
    assert data["base"] is None
    assert any("no base pose on the left side" in reason for reason in data["assessment"]["reasons"])
    assert data["assessment"]["cause"] == "collision"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not valid JSON"),
        ("[]", "not a plan"),
        ("{}", "'bodies'"),
        (json.dumps(plan("right_hip").to_json()), "moving right_hip"),
        (json.dumps(replace(plan(), case_id="other").to_json()), "plan of case 'other'"),
        (json.dumps(replace(plan(), order=()).to_json()), "moving nothing"),
        (json.dumps({**plan().to_json(), "case": "other"}), "it was changed"),
    ],
)
def test_a_file_that_is_no_plan_of_the_case_is_bad_input(folder, tmp_path, capsys, text, message):
    path = tmp_path / "plan.json"
    path.write_text(text)
    assert main(["trajectory", str(folder), "--plan", str(path)]) == 2
    complaint = capsys.readouterr().err
    assert message in complaint
    assert str(path) in complaint
    assert complaint.count("\n") == 1


def test_a_missing_plan_file_is_bad_input(folder, tmp_path, capsys):
    assert main(["trajectory", str(folder), "--plan", str(tmp_path / "none.json")]) == 2
    assert "cannot be read" in capsys.readouterr().err
