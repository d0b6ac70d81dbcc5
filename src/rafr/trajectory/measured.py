"""The motions of a procedure from what is measured: how everything stands when one is asked for.

What computes is imported where it is needed: a node describes a situation and has others compute.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from rafr.assessment import Assessment
from rafr.cases.case import Case
from rafr.errors import InfeasibleError, InputError
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.planning.plan import ReductionPlan
from rafr.registration.live import LiveChain
from rafr.tracking.tools import BASE_TOOL, REFERENCE_TOOL, fragment_tool
from rafr.trajectory.reduction_path import ReductionPath
from rafr.trajectory.result import ArmTrajectory
from rafr.trajectory.watch import TrackedTools
from rafr.units import METRES_PER_MM, to_metres, to_mm

if TYPE_CHECKING:
    from rafr.cases.meshes import BodyMesh
    from rafr.planning.path import Pull
    from rafr.trajectory.mission import Docking, Robot

_SAME_PLACE = 1e-3  # share of a path: a pose no further ahead than this is where the body stands


@dataclass(frozen=True, slots=True)
class Situation:
    """How robot and patient stand when a motion is asked for, as measured.

    Attributes:
        q: joint angles, rad.   T_world_base: m, from odometry.   T_base_pelvis: m, tracked.
        T_current_displaced: mm, the body now, tracked.
        T_path_displaced: mm, the plan's path of the body.
        T_reduced_displaced: mm, the plan's targets of all bodies.
        tools: where the tracker and its tools are.
    """

    q: tuple[float, ...]
    T_world_base: RigidTransform
    T_base_pelvis: RigidTransform | None = None
    T_current_displaced: RigidTransform | None = None
    T_path_displaced: tuple[RigidTransform, ...] = ()
    T_reduced_displaced: Mapping[str, RigidTransform] = field(default_factory=dict)
    tools: TrackedTools | None = None


def tools_of(body: str) -> tuple[str, str, str]:
    """The tools that must be seen while a body is worked on."""
    return REFERENCE_TOOL, BASE_TOOL, fragment_tool(body)


def with_patient(
    robot: Situation,
    body: str,
    plan: ReductionPlan,
    live: LiveChain,
    t: float,
    tools: Mapping[str, RigidTransform],
) -> Situation:
    """How pelvis and body stand, beside the robot.

    Args:
        t: s, when `tools` (`T_tracker_marker`, m, those of `tools_of`) were seen.

    Raises:
        InfeasibleError: the body was not registered.
    """
    tracking = live.tracking(t, tools)
    if tracking is None or tracking.T_base_pelvis is None or body not in tracking.T_current_displaced:
        raise InfeasibleError((f"{body} is not registered",))
    return replace(
        robot,
        T_base_pelvis=tracking.T_base_pelvis,
        T_current_displaced=to_mm(tracking.T_current_displaced[body]),
        T_path_displaced=tuple(pose.T_path_displaced for pose in plan.body(body).path),
        T_reduced_displaced={b.name: b.T_reduced_displaced for b in plan.bodies},
        tools=_watched(robot.T_world_base, live.T_base_marker, tools, body),
    )


def _watched(
    T_world_base: RigidTransform,
    T_base_marker: RigidTransform,
    tools: Mapping[str, RigidTransform],
    body: str,
) -> TrackedTools:
    """Where the tools are in the room; `T_tracker_marker` (m) by name."""
    T_world_tracker = T_world_base @ T_base_marker @ tools[BASE_TOOL].inverse()
    places = {name: (T_world_tracker @ T).translation for name, T in tools.items()}
    fragment = fragment_tool(body)
    return TrackedTools(
        eye=T_world_tracker.translation,
        still={REFERENCE_TOOL: places[REFERENCE_TOOL]},
        carried={fragment: places[fragment]},
        on_base={BASE_TOOL: T_base_marker.translation},
    )


@dataclass(frozen=True, slots=True, eq=False)
class Patient:
    """A case with its meshes, read once for a computation."""

    case: Case
    meshes: Mapping[str, BodyMesh]

    @staticmethod
    def of(case: Case) -> Patient:
        from rafr.cases.meshes import body_meshes

        return Patient(case, body_meshes(case))

    def measured(self, body: str, now: Situation) -> tuple[RigidTransform, list[RigidTransform]]:
        """`T_base_pelvis` (m) and the path from here (mm)."""
        if now.T_base_pelvis is None or now.T_current_displaced is None or not now.T_path_displaced:
            raise InputError("optimise_trajectory", f"{body} is not tracked or has no path", "both")
        pivot = self.meshes[body].mesh.centroid
        return now.T_base_pelvis, path_from(now.T_current_displaced, now.T_path_displaced, pivot)

    def pull(self, body: str, now: Situation) -> Pull:
        """Soft tissue and traction on a body, as planned with: it lay where its planned path begins."""
        from rafr.planning.reduction import pull_on

        lying = now.T_path_displaced[0] if now.T_path_displaced else None
        return pull_on(self.case, self.meshes, body, now.T_reduced_displaced, lying)

    def planned_clamp(self, body: str) -> RigidTransform:
        """`T_ct_clamp` (mm) from the body's Schantz pins as planned."""
        from rafr.planning.pins import clamp_frame, propose_pins

        return clamp_frame(propose_pins(self.case, self.meshes, body))


def docking(robot: Robot, patient: Patient, body: str, now: Situation) -> Docking:
    """Where the base goes for a body, and the way there."""
    from rafr.robot.mobile import floor_pose
    from rafr.trajectory import mission

    T_base_pelvis, path = patient.measured(body, now)
    return mission.dock(
        robot,
        floor_pose(now.T_world_base),
        now.T_world_base @ T_base_pelvis,
        path,
        patient.planned_clamp(body),
        now.tools,
        patient.pull(body, now),
    )


def approach(
    robot: Robot, patient: Patient, body: str, now: Situation, seed: int
) -> tuple[ArmTrajectory, Assessment]:
    """The clamp's way to the pins of a body where it stands now."""
    import numpy as np

    from rafr.trajectory import mission

    T_base_pelvis, path = patient.measured(body, now)
    motion = mission.approach(
        robot,
        now.T_world_base,
        now.q,
        T_base_pelvis,
        path,
        patient.planned_clamp(body),
        rng=np.random.default_rng(seed),
        tools=now.tools,
        pull=patient.pull(body, now),
    )
    return motion.trajectory, motion.assessment


def reduction(robot: Robot, patient: Patient, body: str, now: Situation) -> tuple[ArmTrajectory, Assessment]:
    """Along the plan's path, from where the clamped body stands now."""
    from rafr.trajectory import mission

    T_base_pelvis, path = patient.measured(body, now)
    T_base_clamp = robot.arm.T_base_armbase @ robot.arm.forward(now.q)
    # the pins are never where they were planned: how the clamp holds the fragment is what is measured
    T_fragment_clamp = (T_base_pelvis @ to_metres(path[0])).inverse() @ T_base_clamp
    load = mission.fragment_load(robot, T_base_pelvis, T_fragment_clamp, patient.pull(body, now))
    motion = mission.reduction(
        robot, now.T_world_base, now.q, T_base_pelvis, path, T_fragment_clamp, load=load
    )
    return motion.trajectory, motion.assessment


def path_from(
    T_current: RigidTransform, T_path: Sequence[RigidTransform], pivot: FloatArray
) -> list[RigidTransform]:
    """The rest of a path for a body that stands at `T_current`, near the path: there first, then on.

    Args:
        T_current, T_path: mm.   pivot: (3,) the body's centre, mm in its CT frame.
    """
    way = ReductionPath([to_metres(T) for T in T_path], pivot * METRES_PER_MM)
    reached, _ = way.project(to_metres(T_current))
    ahead = [T for T in T_path if way.project(to_metres(T))[0] > reached + _SAME_PLACE]
    return [T_current, *(ahead or T_path[-1:])]
