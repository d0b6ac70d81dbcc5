"""Find what a `Start` holds: dock and reach as the trajectory node does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from rafr.cases.load import open_case
from rafr.geometry import RigidTransform
from rafr.planning.plan import ReductionPlan
from rafr.registration.live import LiveChain
from rafr.robot.mobile import floor_transform
from rafr.room import TrackerStand
from rafr.simulation.closed_loop.loop import require
from rafr.simulation.closed_loop.run import gripped
from rafr.simulation.closed_loop.start import Start, registration
from rafr.simulation.config import PlantConfig
from rafr.simulation.live import LivePlant
from rafr.simulation.room import SensorSuite, open_room
from rafr.trajectory import measured, mission


def prepare(case_folder: str, plan: ReductionPlan, seed: int, arm: str = "ur16e", body: str = "") -> Start:
    """As `docked`, with the reduction's trajectory made."""
    return with_trajectory(docked(case_folder, plan, seed, arm, body))


def docked(
    case_folder: str,
    plan: ReductionPlan,
    seed: int,
    arm: str = "ur16e",
    body: str = "",
    *,
    chain: LiveChain | None = None,
    standing: Mapping[str, RigidTransform] | None = None,
    room: tuple[LivePlant, SensorSuite] | None = None,
    tracker: TrackerStand | None = None,
    reality: PlantConfig | None = None,
) -> Start:
    """Dock and reach for a body (default: the plan's first) where this seed has the patient lie.

    Where the robot would hide a tool wherever it stood, the tracker is moved to where docking proposes.

    Args:
        chain, standing: as of `Start`.
        room: of this case and seed, where it is open already and all bodies still stand there as here.
        tracker: where it was moved for a body before this one.
        reality: the plant, where it is not what the plan takes it for.

    Raises:
        InfeasibleError: no place serves, or no way leads there.
    """
    body = body or plan.order[0]
    case = open_case(Path(case_folder))
    robot = mission.Robot.named(arm)
    parked = Start(
        case_folder, plan, body, arm, seed, robot.room.parking.pose, robot.parked_arm,
        chain=chain, standing=standing or {},
    )  # fmt: skip
    plant, sensors = room or open_room(case, seed, arm, carry=parked.carry, config=reality)
    markers = sensors.markers
    live = chain or registration(markers, seed, robot.room.T_base_marker)
    patient = measured.Patient.of(case)

    def seen_from(stand: TrackerStand) -> tuple[measured.Situation, mission.Docking]:
        view = stand.T_world_tracker.inverse()
        places = markers.in_world(plant).items()
        tools = {name: view @ T for name, T in places if name in measured.tools_of(body)}
        waiting = measured.Situation(tuple(robot.parked_arm), floor_transform(parked.base))
        now = measured.with_patient(waiting, body, plan, live, 0.0, tools)
        return now, measured.docking(robot, patient, body, now)

    now, docking = seen_from(tracker or robot.room.tracker)
    if docking.tracker is not None:  # as a team would that is told so
        tracker = docking.tracker
        now, docking = seen_from(tracker)
    require(docking.assessment)
    way = docking.trajectory
    base = (float(way.x[-1]), float(way.y[-1]), float(way.theta[-1]))
    moved = floor_transform(base).inverse() @ now.T_world_base
    assert now.T_base_pelvis is not None
    there = replace(now, T_world_base=floor_transform(base), T_base_pelvis=moved @ now.T_base_pelvis)
    reach, approach = measured.approach(robot, patient, body, there, seed)
    require(approach)
    moved_to = (f"tracker moved to {tracker}",) if tracker is not None else ()
    remarks = moved_to + docking.assessment.reasons + approach.reasons
    return replace(parked, base=base, q=reach.q[-1], tracker=tracker, remarks=remarks)


def with_trajectory(start: Start) -> Start:
    """With the reduction's trajectory, from what is measured once the fragment is held."""
    return replace(start, trajectory=gripped(replace(start, trajectory=None)).trajectory)
