"""A run with all nodes is known by its report."""

import json
import sys
from types import SimpleNamespace

import pytest

from rafr.campaign.course import Course
from rafr.campaign.patients import CampaignConfig, Patient, draw_patient
from rafr.campaign.ros import RunError, judge_run, run_ros
from rafr.review.report import build_report
from rafr.review.run import RunRecord


def report(outcome="held", accepted=True, phases=("registration", "planning", "reduction"), holds=("lost",)):
    return {
        "outcome": outcome,
        "phases": [{"name": name} for name in phases],
        "holds": list(holds),
        "plan": {"accepted": accepted, "reasons": ["too far"]},
    }


@pytest.mark.parametrize(
    ("given", "judged"),
    [
        (report("reduced", phases=("registration", "xray_check")), ("reduced", "xray_check", "")),
        (report(), ("held", "reduction", "lost")),
        (report(phases=("registration", "docking")), ("refused", "docking", "lost")),
        (report("aborted", accepted=False, phases=("approval",)), ("refused", "approval", "too far")),
        (report("aborted", phases=(), holds=()), ("failed", "start", "the procedure did not begin")),
    ],
)
def test_a_run_with_all_nodes_is_judged_by_its_report(given, judged):
    assert judge_run(given) == judged


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A patient for whom `rafr sim` is a program of our own."""
    record = RunRecord(outcome="reduced")
    case = SimpleNamespace(
        id="x",
        folder=tmp_path,
        fracture="rami",
        description="",
        patient_mass_kg=70.0,
        traction=None,
        moving=(),
    )
    text = json.dumps(build_report(case, record, {}, None, 0))
    (tmp_path / "given.json").write_text(text)
    monkeypatch.setattr(Patient, "make_case", lambda self, folder: case)
    patient = draw_patient(CampaignConfig(procedure="ros"), 0)

    def make(program, limit):
        monkeypatch.setattr("rafr.campaign.ros._command", lambda *_: [sys.executable, "-c", program])
        monkeypatch.chdir(tmp_path)
        return run_ros(patient, tmp_path, Course(), limit)

    return make


def test_its_report_is_the_result(run):
    result = run("import shutil; shutil.copy('given.json', 'report.json')", 20.0)
    assert (result.outcome, result.mass_kg) == ("reduced", 70.0)
    assert set(result.seconds) == {"case", "run"}
    assert result.seconds["run"] > 0.0  # the child's: this process only waits


def test_a_run_without_a_report_is_an_error_with_its_code(run):
    with pytest.raises(RunError, match="ended with code 3 and no report"):
        run("raise SystemExit(3)", 20.0)


def test_a_run_that_takes_too_long_is_interrupted_and_still_reports(run):
    program = """
import json, time
try:
    time.sleep(60)
except KeyboardInterrupt:
    report = json.load(open("given.json")) | {"outcome": "aborted", "holds": ["interrupted"]}
    json.dump(report, open("report.json", "w"))
"""
    result = run(program, 2.0)
    assert (result.outcome, result.reason) == ("failed", "interrupted")
