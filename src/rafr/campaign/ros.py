"""The procedure as people run it: `rafr sim` with every node as a process of its own, and its report read."""

from __future__ import annotations

import json
import math
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from rafr.campaign.course import Course
from rafr.campaign.patients import Patient
from rafr.campaign.result import FAILED, HELD, REDUCED, REFUSED, PatientResult, result_of_report
from rafr.errors import RafrError
from rafr.supervisor import die_with_parent

REPORT_TIME = 60.0  # s of wall time that an interrupted run has to stop its nodes and write its report


class RunError(RafrError):
    """The run left no report."""


def run_ros(patient: Patient, folder: Path, course: Course, limit: float) -> PatientResult:
    """Operate on one patient; `folder` is then that of the run.

    Args:
        limit: s of wall time for the run; what takes longer is interrupted.

    Raises:
        RunError: it ended without a report.
    """
    with course.during("case"):
        case = patient.make_case(folder)
    with course.during("run"):
        report = _run(patient, case.folder, folder, limit)
    outcome, stage, reason = judge_run(report)
    return result_of_report(patient, report, outcome, stage, reason, course.seconds)


def _command(patient: Patient, case: Path, folder: Path) -> list[str]:
    command = [sys.executable, "-m", "rafr.cli.main", "sim", str(case), "--headless", "--auto-approve"]
    return [*command, "--seed", str(patient.seed), "--arm", patient.arm, "--out", str(folder)]


def _run(patient: Patient, case: Path, folder: Path, limit: float) -> dict[str, Any]:
    command = _command(patient, case, folder)
    process = subprocess.Popen(command, preexec_fn=die_with_parent())
    try:
        process.wait(limit if math.isfinite(limit) else None)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        process.wait(REPORT_TIME)
    try:
        report: dict[str, Any] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"rafr sim ended with code {process.returncode} and no report ({error})") from None
    return report


def judge_run(report: dict[str, Any]) -> tuple[str, str, str]:
    """Outcome, stage and reason of a run by its report."""
    phases = report["phases"]
    stage = phases[-1]["name"] if phases else "start"
    if report["outcome"] == "reduced":
        return REDUCED, stage, ""
    reason = "; ".join(report["holds"])
    plan = report["plan"]
    if plan is not None and not plan["accepted"]:
        return REFUSED, stage, "; ".join(plan["reasons"])
    if not phases:
        return FAILED, stage, reason or "the procedure did not begin"
    moved = any(phase["name"] == "reduction" for phase in phases)
    return (HELD if moved else REFUSED), stage, reason or report["outcome"]
