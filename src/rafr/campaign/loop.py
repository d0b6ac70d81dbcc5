"""The procedure in one process, without ROS: case, registration, plan, and every fragment in the closed loop.

1. A case is made (CT, labels) and brought into the simulated room.
2. Tools tracked, CBCT taken there, bones and spheres found in it; refused where the registration node would.
3. Plan from where the bodies were found; refused unless its planner accepts it.
4. Per body, in the plan's order: the base stands where docking puts it and the arm where its approach ends,
   the clamp closes, the fragment is reduced under control and supervision, fixed and let go.
5. The simulator's word where the bodies stand then, and the report that a run with all nodes leaves.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from rafr.assessment import Assessment
from rafr.campaign.course import Course
from rafr.campaign.patients import Patient
from rafr.campaign.registration import register_patient
from rafr.campaign.result import GOAL_DEG, GOAL_MM, HELD, REDUCED, REFUSED, PatientResult, result_of_report
from rafr.cases.case import Case
from rafr.cases.meshes import body_meshes
from rafr.control.config import ArmControlConfig
from rafr.errors import InfeasibleError
from rafr.geometry import RigidTransform
from rafr.planning.reduction import plan_reduction
from rafr.review.report import build_report, save_pictures, truth_of
from rafr.review.run import Phase, RunRecord, Sample, TrueSample
from rafr.room import TrackerStand
from rafr.simulation.closed_loop import ClosedLoop, Hook, Start, docked, gripped, reduce
from rafr.simulation.config import PlantConfig
from rafr.simulation.live import LivePlant
from rafr.simulation.room import open_room
from rafr.units import to_mm

_LET_GO = 1000  # ms that a fixed fragment is watched after the clamp has opened


class _StoppedError(Exception):
    """The arm stopped on its way."""


def run_loop(patient: Patient, folder: Path, course: Course) -> PatientResult:
    """Operate on one patient; pictures and the case are left in `folder`."""
    with course.during("case"):
        case = patient.make_case(folder)
    record, outcome, reason = RunRecord(), REDUCED, ""
    try:
        _operate(patient, case, record, course)
    except InfeasibleError as error:
        outcome, reason = REFUSED, str(error)
    except _StoppedError as error:
        outcome, reason = HELD, str(error)
    stage = course.stage
    with course.during("report"):
        record.outcome = outcome
        report = _report(patient, case, record, folder)
    return result_of_report(patient, report, outcome, stage, reason, course.seconds, course.remarks)


def _operate(patient: Patient, case: Case, record: RunRecord, course: Course) -> None:
    reality = replace(PlantConfig(), tissue=patient.tissue.params())
    with course.during("registration"):
        room = open_room(case, patient.seed, patient.arm, config=reality)
        registered = register_patient(case, *room, patient.seed)
        record.registrations.append(registered.record)
        record.truth.append(TrueSample(0.0, registered.record.true_poses, 0.0, 0.0, 0.0, 0.0))
        _require(registered.assessment)
    with course.during("plan"):
        record.plan = plan_reduction(case, start=registered.current)
        _require(record.plan.assessment)
    standing: dict[str, RigidTransform] = {}
    tracker: TrackerStand | None = None
    for body in record.plan.order:
        with course.during("docking"):
            start = docked(
                str(case.folder), record.plan, patient.seed, patient.arm, body,
                chain=registered.live, standing=standing, room=None if standing else room, tracker=tracker,
                reality=reality,
            )  # fmt: skip
            tracker = start.tracker
            course.remarks += tuple(f"{body}: {remark}" for remark in start.remarks)
        standing = {**standing, body: _reduced(start, reality, record, course)}


def _require(assessment: Assessment) -> None:
    """Raise InfeasibleError where something was not accepted."""
    if not assessment.accepted:
        raise InfeasibleError(assessment.reasons)


def _reduced(start: Start, reality: PlantConfig, record: RunRecord, course: Course) -> RigidTransform:
    """`T_current_displaced` (mm) of a body once it is reduced and fixed and the clamp is open.

    Raises:
        InfeasibleError: refused before it moved.   _StoppedError: it did not reach its target.
    """
    with course.during("grip"):
        loop = gripped(start, reality=reality)
    with course.during("reduction"):
        begin = record.duration
        run = reduce(loop, hooks=[_watching(record, begin)])
        end = begin + run.duration
        record.phases.append(Phase(f"reduction of {start.body}", 0.0, run.outcome, begin, end))
        if run.outcome == REDUCED:
            loop.plant.fix_body(start.body)
            loop.plant.set_clamp(False)
            loop.plant.step(_LET_GO)
        record.truth.append(_true_sample(end, loop.plant))
    if run.outcome != REDUCED:
        raise _StoppedError(f"{start.body}: {run.reason or run.outcome}")
    return record.truth[-1].T_current_displaced[start.body]


def _watching(record: RunRecord, begin: float) -> Hook:
    """A hook that notes every tick as a run with all nodes does; times from `begin` (s) on."""
    limits = ArmControlConfig()

    def watch(loop: ClosedLoop, t: float) -> None:
        command = loop.command
        if command is None:
            return
        record.truth.append(_true_sample(begin + t, loop.plant))
        record.samples.append(
            Sample(
                t=begin + t,
                state=command.state.name,
                body=command.body,
                progress=command.progress,
                distance=command.target_distance,
                angle=command.target_angle,
                path_error=command.path_error,
                force=command.force,
                torque=command.torque,
                force_limit=limits.force_limit,
                torque_limit=limits.torque_limit,
                tracked=command.fragment is not None,
                warnings=command.warnings,
                stiffness=command.stiffness,
                expected_force=command.expected_force,
                adjustment=command.adjustment,
            )
        )

    return watch


def _true_sample(t: float, plant: LivePlant) -> TrueSample:
    truth = plant.truth()
    force, torque = (float((truth.wrench[k : k + 3] ** 2).sum() ** 0.5) for k in (0, 3))
    poses = {name: to_mm(T) for name, T in truth.poses.items()}
    return TrueSample(t, poses, force, torque, truth.traction, truth.contact)


def _report(patient: Patient, case: Case, record: RunRecord, folder: Path) -> dict[str, Any]:
    """As of a run with all nodes; pictures of those alone who are not within the goals."""
    meshes = {name: body.mesh for name, body in body_meshes(case).items()}
    truth = truth_of(case)
    report = build_report(case, record, meshes, truth, patient.seed)
    if record.outcome != REDUCED or not all(map(_good, report["bodies"].values())):
        save_pictures(folder, case, record, meshes, truth)
    return report


def _good(body: dict[str, Any]) -> bool:
    return bool(body["residual_mm"]["mean"] <= GOAL_MM and body["residual_deg"] <= GOAL_DEG)
