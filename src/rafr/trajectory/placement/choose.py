"""Placement: a grid of base poses, the best of them improved together with the arm, all examined alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from rafr.assessment import Assessment
from rafr.errors import InfeasibleError
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.robot.arm import ArmModel
from rafr.robot.mobile import DifferentialDrive, Drive
from rafr.room import OperatingRoom, TrackerStand, other_side, side_of
from rafr.trajectory.placement.candidates import candidates
from rafr.trajectory.placement.diagnosis import diagnosed
from rafr.trajectory.placement.examine import Examiner
from rafr.trajectory.placement.joint import JointPlacement
from rafr.trajectory.placement.request import FloorPose, PlacementConfig, Request, way_along
from rafr.trajectory.placement.service import Refused, Served, Service
from rafr.trajectory.watch import Watch


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the base is to stand.

    Attributes:
        base: (x, y, theta).   service: what it offers.   assessment: accepted, with what is to be known.
        tracker: where the tracker had better stand, as the robot would hide a tool from where it is; None: it
            hides none, or does from every place of the room's `tracker_places`.
    """

    base: FloorPose
    service: Service
    assessment: Assessment
    tracker: TrackerStand | None = None


def choose_docking_pose(
    arm: ArmModel,
    T_world_clamp_path: Sequence[RigidTransform],
    room: OperatingRoom,
    side: str | None = None,
    *,
    load: FloatArray | None = None,
    watch: Watch | None = None,
    drive: Drive | None = None,
    config: PlacementConfig | None = None,
) -> Placement:
    """The best base pose (x, y, theta) beside the table for a path of the clamp.

    Every candidate is examined by inverse kinematics along the path and at the stand-off, with joint limits,
    collisions with table, patient and the robot itself, distance from singularities, and joint torques.
    Places from which the tracker sees every tool along the whole path, and past the parked arm before and
    after it, go before all others, then those that bear pins farther off plan, then those of more `merit`.
    The best of a grid are improved by `JointPlacement`; that is kept where the same examination ranks it
    higher.

    Args:
        T_world_clamp_path: poses of the clamp in `world`, from the pins' grip to the reduced position.
        room: `room.tracker` is where the tracker stands now.
        side: "left" or "right" of the patient; by default that of the first clamp pose, and the other one
            where no place on that side serves, or the robot would hide a tool wherever it stood there.
        load: (n, 6) wrench that acts on the clamp at each pose of the path, N and N m, axes of `world`,
            torque about the clamp's origin; None: not known, places count by what they hold in any direction.
        watch: what the tracker is to see; None: not known.

    Raises:
        InputError: the load is not one finite wrench per pose.
        InfeasibleError: no candidate works; `cause` is the requirement without which one would, the reasons
            say by how much it is missed and count what failed.
    """
    request = _request(arm, T_world_clamp_path, room, side, load, watch, drive, config)
    best = _best_on(request) if side else _best(request)
    tracker = _better_tracker_place(request, bool(side)) if best.service.hides else None
    remarks = _remarks(best.service, load is not None, tracker)
    return Placement(best.base, best.service, Assessment(True, remarks), tracker)


def examine_docking_pose(
    arm: ArmModel,
    pose: FloorPose,
    T_world_clamp_path: Sequence[RigidTransform],
    room: OperatingRoom,
    *,
    load: FloatArray | None = None,
    watch: Watch | None = None,
    drive: Drive | None = None,
    config: PlacementConfig | None = None,
) -> Service | str:
    """How one base pose serves a path, by the checks of `choose_docking_pose`, or why it does not."""
    request = _request(arm, T_world_clamp_path, room, None, load, watch, drive, config)
    examiner = Examiner(request)
    if not examiner.stands_free(pose):
        return "the base would stand too near to an obstacle"
    branches = examiner.branches(pose)
    best = best_of(branches)
    if best is not None:
        return best.service
    return next(b.violations[0].text for b in branches if isinstance(b, Refused))


def _request(
    arm: ArmModel,
    path: Sequence[RigidTransform],
    room: OperatingRoom,
    side: str | None,
    load: FloatArray | None,
    watch: Watch | None,
    drive: Drive | None,
    config: PlacementConfig | None,
) -> Request:
    config = config or PlacementConfig()
    return Request(
        arm,
        path,
        way_along(path, load, config.standoff),
        room,
        side or side_of(path[0]),
        drive or DifferentialDrive.from_yaml(),
        watch,
        config,
    )


def _best(request: Request) -> Served:
    """The best place on the request's side, or the other where none serves there, or all hide a tool.

    Raises:
        InfeasibleError: there is none; what is said is of the request's side.
    """
    across = replace(request, side=other_side(request.side))
    try:
        best = _best_on(request)
    except InfeasibleError:
        with suppress(InfeasibleError):
            return _best_on(across)
        raise
    if best.service.hides:
        with suppress(InfeasibleError):
            best = max(best, _best_on(across), key=lambda s: s.rank)
    return best


def _better_tracker_place(request: Request, keep_side: bool) -> TrackerStand | None:
    """The first other place of the room for the tracker from which the robot, placed anew, hides nothing."""
    if request.watch is None:
        return None
    for place in request.room.other_tracker_places:
        moved = replace(
            request,
            room=replace(request.room, tracker=place),
            watch=request.watch.seen_from(place.T_world_tracker.translation),
        )
        with suppress(InfeasibleError):
            if not (_best_on(moved) if keep_side else _best(moved)).service.hides:
                return place
    return None


def _best_on(request: Request) -> Served:
    """The best place on the request's side.

    Raises:
        InfeasibleError: there is none.
    """
    examiner = Examiner(request)
    served, refused = _searched(request, examiner)
    if not served:
        raise diagnosed(request, examiner, refused)
    return _improved(request, examiner, served)


def _searched(request: Request, examiner: Examiner) -> tuple[list[Served], list[Refused]]:
    """The best branch of every base pose that serves, best first; and every branch of the others."""
    config, obstacles = request.config, request.room.obstacles
    served: list[Served] = []
    refused: list[Refused] = []

    def examine(base: FloorPose) -> None:
        branches = examiner.branches(base)
        best = best_of(branches)
        if best is None:
            refused.extend(b for b in branches if isinstance(b, Refused))
        else:
            served.append(best)

    for base in candidates(request, config.coarse, obstacles):
        examine(base)
    if not any(_perfect(s, config) for s in served):
        for k, base in enumerate(candidates(request, config.fine, obstacles)):
            enough = sum(_perfect(s, config) for s in served) >= config.enough
            if enough or (served and k >= config.tried):
                break
            examine(base)
    return sorted(served, key=lambda s: s.rank, reverse=True), refused


def _perfect(served: Served, config: PlacementConfig) -> bool:
    return served.service.hides == 0 and served.service.uncertainty == config.uncertainty[0]


def best_of(branches: Iterable[Served | Refused]) -> Served | None:
    """The one that serves best; None where none does."""
    return max((b for b in branches if isinstance(b, Served)), key=lambda s: s.rank, default=None)


def _improved(request: Request, examiner: Examiner, served: Sequence[Served]) -> Served:
    """The best place after the joint placement of the first few."""
    best, first = served[0], served[: request.config.improved]
    if not first:
        return best
    programme = JointPlacement(request)
    for start in first:
        for step in request.config.steps:
            found = _placed(programme, examiner, start, step)
            if found is not None and found.rank > start.rank:
                best = max(best, found, key=lambda s: s.rank)
                break
    return best


def _placed(programme: JointPlacement, examiner: Examiner, start: Served, step: float) -> Served | None:
    """The examined result of one solve, None where the solver or the examination refuses."""
    better = programme.improved(start.base, start.q, step)
    if better is None or not examiner.stands_free(better):
        return None
    return best_of(examiner.branches(better))


def _remarks(service: Service, loaded: bool, tracker: TrackerStand | None) -> tuple[str, ...]:
    beside = " beside the load" if loaded else ""
    remarks = [
        f"pins may be {service.uncertainty * 1e3:.0f} mm off plan, "
        f"manipulability at least {service.manipulability:.3f} m",
        f"the arm holds {service.reserve:.0f} N in any direction{beside}, its joints use up to "
        f"{service.share:.0%} of their torque and keep {np.degrees(service.margin):.0f} deg from their ends",
    ]
    if service.hides:
        hidden = "wherever the base stands, the robot hides a tool from the tracker"
        remedy = "mount the tool elsewhere" if tracker is None else f"move the tracker to {tracker}"
        remarks.append(f"{hidden}: {remedy}")
    return tuple(remarks)
