"""The report of a run: what is measured against what, and that its JSON is what DESIGN promises."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from rafr.assessment import ACCEPTED
from rafr.cases.case import Body, Case
from rafr.cases.truth import Truth
from rafr.geometry import Plane, RigidTransform, TriangleMesh
from rafr.planning.plan import BodyPlan, PathPose, ReductionPlan, SymmetryPlane
from rafr.review.curves import save_curves
from rafr.review.report import build_report, save_pictures
from rafr.review.run import Registered, RunRecord, Sample, TrueSample

TARGET = RigidTransform.from_rotvec((0.0, 0.1, 0.0), (10.0, 0.0, -4.0))
PLANNED = RigidTransform.from_translation((0.0, 2.0, 0.0)) @ TARGET
REACHED = RigidTransform.from_translation((0.0, 0.0, 0.5)) @ PLANNED


def box(centre) -> TriangleMesh:
    import trimesh

    mesh = trimesh.creation.box((20.0, 30.0, 40.0))
    return TriangleMesh(np.asarray(mesh.vertices) + centre, np.asarray(mesh.faces))


MESHES = {"reference": box((0, 0, 0)), "wing": box((60, 0, 0))}


def make_case() -> Case:
    return Case(
        folder=Path("case"),
        id="case-7",
        ct=Path("ct.nii.gz"),
        labels=Path("labels.nii.gz"),
        cbct=None,
        bodies=(Body("reference", (1,)), Body("wing", (11,))),
    )


def make_plan() -> ReductionPlan:
    path = (
        PathPose(RigidTransform.identity(), 1.0, 0.0, 0.0),
        PathPose(PLANNED, 0.5, 80.0, 2.0),
    )
    return ReductionPlan(
        "case-7",
        "mirror",
        (BodyPlan("wing", (11,), PLANNED, 1.0, {}, {}, path),),
        SymmetryPlane(Plane(np.zeros(3), np.array([1.0, 0.0, 0.0])), 1.0),
        ("wing",),
        ACCEPTED,
        1.0,
    )


def sample(t, state="REDUCING", force=50.0):
    return Sample(
        t, state, "wing", min(t / 10, 1.0), 0.02 - t * 1e-3, 0.05, 1e-4, force, 3.0, 200.0, 15.0, True
    )


def make_record() -> RunRecord:
    record = RunRecord(outcome="reduced", plan=make_plan(), approver="auto", automatic=True)
    record.samples = [
        sample(0.0, "MOVING", force=500.0),
        *(sample(float(t), force=10.0 * t) for t in range(1, 11)),
    ]
    record.truth = [
        TrueSample(0.0, {"wing": RigidTransform.identity()}, 0.0, 0.0, 95.0, 0.0),
        TrueSample(10.0, {"wing": REACHED}, 104.0, 3.0, 95.0, 0.0),
    ]
    record.registrations = [
        Registered(
            True,
            (),
            0.1,
            {
                "reference": RigidTransform.identity(),
                "wing": RigidTransform.from_translation((1.0, 0.0, 0.0)),
            },
            {"reference": 0.3, "wing": 0.4},
            {"reference": 0.9, "wing": float("nan")},
            {"wing": RigidTransform.identity()},
        )
    ]
    return record


TRUTH = Truth({"wing": TARGET}, {}, RigidTransform.identity())

PROMISED = {
    "case": str,
    "outcome": str,
    "bodies": dict,
    "peak_force_n": float,
    "force_limit_n": float,
    "peak_torque_nm": float,
    "duration_s": float,
    "phases": list,
    "registration": dict,
    "holds": list,
    "seed": int,
    "versions": dict,
}


def test_the_json_has_every_promised_key_of_the_promised_kind():
    report = json.loads(
        json.dumps(build_report(make_case(), make_record(), MESHES, TRUTH, 3), allow_nan=False)
    )
    for key, kind in PROMISED.items():
        assert isinstance(report[key], kind), key
    body = report["bodies"]["wing"]
    assert set(body["residual_mm"]) == {"mean", "p95", "max"}
    assert isinstance(body["residual_deg"], float)
    assert set(body["matta"]) >= {"grade", "max_mm"}
    assert report["auto_approved"] is True


def test_a_simulated_case_is_measured_against_its_truth_and_its_plan():
    report = build_report(make_case(), make_record(), MESHES, TRUTH, 0)
    body = report["bodies"]["wing"]
    assert report["residual_reference"] == "truth"
    # pure shifts on top of the target: 2 mm and 0.5 mm at right angles
    assert body["residual_mm"]["max"] == pytest.approx(np.hypot(2.0, 0.5), abs=1e-9)
    assert body["residual_to_plan_mm"]["mean"] == pytest.approx(0.5, abs=1e-9)
    assert body["residual_deg"] == pytest.approx(0.0, abs=1e-6)
    assert body["plan_error"]["mm"]["mean"] == pytest.approx(2.0, abs=1e-9)
    assert body["matta"]["grade"] == "excellent"


def test_the_report_gives_the_pose_achieved_by_truth_or_by_the_x_ray_check():
    simulated = build_report(make_case(), make_record(), MESHES, TRUTH, 0)["bodies"]["wing"]
    assert np.allclose(simulated["T_achieved_displaced"], REACHED.matrix)
    record = make_record()
    record.truth = []
    unknown = build_report(make_case(), record, MESHES, None, 0)
    assert unknown["bodies"]["wing"]["T_achieved_displaced"] is None
    assert unknown["residual_measured_by"] is None
    T_cbct_ct = RigidTransform.from_rotvec((0.3, 0.0, 0.1), (5.0, 6.0, 7.0))
    seen = {"reference": T_cbct_ct, "wing": T_cbct_ct @ REACHED}
    record.registrations.append(dataclasses.replace(record.registrations[0], T_cbct_ct=seen))
    report = build_report(make_case(), record, MESHES, None, 0)
    real = report["bodies"]["wing"]
    assert np.allclose(real["T_achieved_displaced"], REACHED.matrix, atol=1e-9)
    assert report["residual_measured_by"] == "second CBCT"
    assert real["residual_to_plan_mm"]["mean"] == pytest.approx(0.5, abs=1e-6)
    assert real["matta"]["grade"] == "excellent"


def test_a_real_patient_is_measured_against_the_plan_and_the_report_says_so():
    report = build_report(make_case(), make_record(), MESHES, None, 0)
    assert report["residual_reference"] == "plan"
    assert report["bodies"]["wing"]["residual_mm"]["mean"] == pytest.approx(0.5, abs=1e-9)


def test_peak_force_counts_only_while_a_fragment_is_held():
    report = build_report(make_case(), make_record(), MESHES, TRUTH, 0)
    assert report["peak_force_n"] == 100.0
    assert report["force_limit_n"] == 200.0


def test_the_registration_error_is_that_of_the_body_relative_to_the_reference():
    report = build_report(make_case(), make_record(), MESHES, TRUTH, 0)
    wing = report["registration"]["bodies"]["wing"]
    assert wing["error_mm"] == pytest.approx(1.0, abs=1e-9)
    assert wing["overlap"] is None  # NaN has no place in JSON


def test_an_aborted_run_reports_nothing_it_has_not_measured():
    report = build_report(make_case(), RunRecord(outcome="aborted", lost=["tracker died"]), MESHES, TRUTH, 0)
    body = report["bodies"]["wing"]
    assert body["residual_mm"] is None
    assert body["matta"]["grade"] is None
    assert report["holds"] == ["tracker died"]
    json.dumps(report, allow_nan=False)


@pytest.mark.slow
def test_pictures_and_curves_are_written_and_not_blank(tmp_path):
    from PIL import Image

    written = save_pictures(tmp_path, make_case(), make_record(), MESHES, TRUTH)
    assert written == ["before_after.png", "curves.png"]
    for name in written:
        assert np.asarray(Image.open(tmp_path / name)).std() > 5


def test_curves_without_samples_do_not_fail(tmp_path):
    save_curves(tmp_path / "empty.png", [])
    assert (tmp_path / "empty.png").stat().st_size > 0


def test_phases_follow_the_history_even_when_one_passed_unseen():
    record = RunRecord()
    record.samples = [sample(1.0)]
    record.enter("position", 0.2, [])
    record.samples.append(sample(4.0))
    record.enter("registration", 0.5, ["position: done", "holding_device: done"])
    record.samples.append(sample(9.0))
    record.enter(
        "registration", 5.5, ["position: done", "holding_device: done", "registration: tried again (x)"]
    )
    assert [p.name for p in record.phases] == ["position", "holding_device", "registration"]
    assert [p.outcome for p in record.phases] == ["done", "done", ""]
    assert record.phases[-1].seconds == 5.5
    record.enter("", 6.0, ["position: done", "holding_device: done", "registration: held"])
    assert record.phases[-1].outcome == "held"
    assert len(record.phases) == 3
    assert record.duration == pytest.approx(8.0)
