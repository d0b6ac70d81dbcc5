"""Registration as in the room: tools tracked while a CBCT is taken, bones and spheres found in it."""

from __future__ import annotations

from dataclasses import dataclass

from rafr.assessment import Assessment
from rafr.cases.case import Case
from rafr.cases.meshes import body_meshes
from rafr.geometry import RigidTransform
from rafr.registration import chain
from rafr.registration.fiducials import locate_fiducials
from rafr.registration.live import LiveChain
from rafr.registration.register import register_case
from rafr.registration.result import FiducialRegistration, RegistrationResult
from rafr.registration.targets import TrackedLimits, judge_tracked, tracked_error
from rafr.review.run import Registered
from rafr.room import OperatingRoom
from rafr.simulation.arm_line import TICK
from rafr.simulation.c_arm import expose, take_cbct
from rafr.simulation.live import LivePlant
from rafr.simulation.room import SensorSuite
from rafr.tracking.average import ToolHistory
from rafr.tracking.drivers.frame import Reading
from rafr.tracking.gating import ToolGate
from rafr.tracking.judge import ToolJudge
from rafr.tracking.names import ToolNames
from rafr.tracking.tools import FIDUCIALS_MM, REFERENCE_TOOL, fragment_tool
from rafr.units import to_metres, to_mm

_WATCHED = 1.6  # s: the gate opens, then the window of the mean
_STEPS = round(TICK / 1e-3)


@dataclass(frozen=True, slots=True, eq=False)
class PatientRegistration:
    """A patient registered.

    Attributes:
        live: the constants that turn tracked tools into bones.
        current: `T_current_displaced` (mm) of the moving bodies, as found.
        record: as the registration node would publish it, with how the bodies really stood.
    """

    assessment: Assessment
    live: LiveChain
    current: dict[str, RigidTransform]
    record: Registered


def register_patient(case: Case, plant: LivePlant, sensors: SensorSuite, seed: int) -> PatientRegistration:
    """Take a CBCT of the patient in the room and register to it.

    Raises:
        InfeasibleError: a tool was not seen, or the spheres are not found.
    """
    plant.set_holding(True)
    tools = _seen(case, plant, sensors)
    cbct = take_cbct(expose(plant, sensors.markers, case.folder, seed, 0))
    true = {name: to_mm(T) for name, T in plant.truth().poses.items()}
    fiducials = locate_fiducials(cbct, FIDUCIALS_MM if case.fiducials_mm is None else case.fiducials_mm)
    return _registered(case, register_case(case, cbct, seed=seed), fiducials, tools, true)


def _seen(case: Case, plant: LivePlant, sensors: SensorSuite) -> dict[str, RigidTransform]:
    """`T_tracker_marker` (m) of the patient's tools while everything stands still.

    Raises:
        InfeasibleError: one was not seen often enough.
    """
    judge, history, now = ToolJudge(ToolGate(), ToolNames.parse("")), ToolHistory(), 0.0
    for tick in range(1, round(_WATCHED / TICK) + 1):
        plant.step(_STEPS)
        now = tick * TICK
        for item in sensors.tracker_frames(now, plant):
            readings = {
                t.name: Reading(t.T_tracker_marker, t.error, "" if t.T_tracker_marker else "not visible")
                for t in item.frame.tools
            }
            history.add(
                item.frame.stamp, judge.judge(item.frame.stamp, item.frame.number, readings, now).valid
            )
    names = [REFERENCE_TOOL, *(fragment_tool(body.name) for body in case.moving)]
    return history.mean(now - history.config.window, names)


def _registered(
    case: Case,
    result: RegistrationResult,
    fiducials: FiducialRegistration,
    tools: dict[str, RigidTransform],
    true: dict[str, RigidTransform],
) -> PatientRegistration:
    reference, meshes = case.reference.name, body_meshes(case)
    names = [body.name for body in result.bodies]
    errors = {n: tracked_error(result.body(n), fiducials, meshes[n].mesh.vertices) for n in names}
    assessment = result.assessment & judge_tracked(fiducials, errors, TrackedLimits())
    T_cbct_marker = to_metres(fiducials.T_cbct_marker)
    T_marker_ct = {}
    for name in names:
        T_cbct_ct = to_metres(result.body(name).T_cbct_ct)
        if name == reference:
            T_marker_ct[name] = chain.marker_from_ct(T_cbct_marker, T_cbct_ct)
        else:
            T_marker_ct[name] = chain.fragment_marker_from_ct(
                tools[fragment_tool(name)], tools[REFERENCE_TOOL], T_cbct_marker, T_cbct_ct
            )
    return PatientRegistration(
        assessment,
        LiveChain(reference, T_marker_ct, OperatingRoom.from_yaml().T_base_marker),
        {body.name: result.current_from_ct(body.name, reference) for body in case.moving},
        Registered(
            accepted=assessment.accepted,
            reasons=assessment.reasons,
            fiducial_error_mm=fiducials.fre_mm,
            T_cbct_ct={name: result.body(name).T_cbct_ct for name in names},
            tre_estimate_mm=errors,
            overlap={name: result.body(name).overlap for name in names},
            true_poses=true,
        ),
    )
