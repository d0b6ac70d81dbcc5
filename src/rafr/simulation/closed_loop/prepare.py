"""Find what a `Start` holds: dock and reach as the trajectory node does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rafr.cases.load import open_case
from rafr.planning.plan import ReductionPlan
from rafr.robot.mobile import floor_transform
from rafr.room import OperatingRoom
from rafr.simulation.closed_loop.loop import require
from rafr.simulation.closed_loop.run import gripped
from rafr.simulation.closed_loop.start import Start, registration
from rafr.simulation.room import open_room
from rafr.trajectory import measured, mission


def prepare(case_folder: str, plan: ReductionPlan, seed: int, arm: str = "ur16e", body: str = "") -> Start:
    """Dock and reach for a body (default: the plan's first) where this seed has the patient lie.

    Raises:
        InfeasibleError: no place serves, or no way leads there.
    """
    body = body or plan.order[0]
    case = open_case(Path(case_folder))
    plant, sensors = open_room(case, seed, arm)
    markers = sensors.markers
    live = registration(markers, seed, OperatingRoom.from_yaml().T_base_marker)
    robot = mission.Robot.named(arm)
    view = sensors.tracker.T_world_tracker.inverse()
    tools = {name: view @ T for name, T in markers.in_world(plant).items() if name in measured.tools_of(body)}
    parked = measured.Situation(tuple(robot.parked_arm), floor_transform(robot.room.parking.pose))
    now = measured.with_patient(parked, body, plan, live, 0.0, tools)
    patient = measured.Patient.of(case)
    way, check = measured.docking(robot, patient, body, now)
    require(check)
    base = (float(way.x[-1]), float(way.y[-1]), float(way.theta[-1]))
    moved = floor_transform(base).inverse() @ now.T_world_base
    assert now.T_base_pelvis is not None
    docked = replace(now, T_world_base=floor_transform(base), T_base_pelvis=moved @ now.T_base_pelvis)
    reach, check = measured.approach(robot, patient, body, docked, seed)
    require(check)
    return with_trajectory(Start(case_folder, plan, body, arm, seed, base, reach.q[-1]))


def with_trajectory(start: Start) -> Start:
    """With the reduction's trajectory, from what is measured once the fragment is held."""
    return replace(start, trajectory=gripped(replace(start, trajectory=None)).trajectory)
