"""The long computations of the nodes, as functions a worker process can import: no ROS in here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rafr.assessment import Assessment
from rafr.cases.case import Case
from rafr.errors import InputError
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.planning.path import Pull
from rafr.planning.plan import ReductionPlan
from rafr.progress import Progress, part_of, silent
from rafr.registration.result import FiducialRegistration, RegistrationResult
from rafr.trajectory.result import ArmTrajectory, BaseTrajectory
from rafr.trajectory.watch import TrackedTools

if TYPE_CHECKING:
    from rafr.cases.meshes import BodyMesh
    from rafr.planning.adjust import Terrain

_SAME_PLACE = 1e-3  # share of a path: a pose no further ahead than this is where the body stands


def case_of(folder: str) -> Case:
    """The case a node works on.

    Whoever starts the nodes has opened the folder with every check (`rafr.cases.load.open_case`), so only
    the description is read here; bodies are proposed where it names none.
    """
    from rafr.cases.case import load_case
    from rafr.cases.load import open_case

    if not folder:
        raise InputError("parameter case", "is empty", "a case folder")
    case = load_case(Path(folder))
    return case if case.bodies else open_case(Path(folder))


def register(
    case_folder: str, cbct_path: str, bodies: tuple[str, ...], seed: int, *, progress: Progress = silent
) -> tuple[RegistrationResult, FiducialRegistration]:
    """Find the bodies of a case (none named: all) and the reference tool's spheres in a CBCT."""
    from rafr.imaging.readers import read_volume
    from rafr.registration.fiducials import locate_fiducials
    from rafr.registration.register import register_case
    from rafr.tracking.tools import FIDUCIALS_MM

    progress(0.0, "reading the CBCT")
    case = case_of(case_folder)
    cbct = read_volume(Path(cbct_path))
    progress(0.1, "finding the fiducial spheres")
    spheres = FIDUCIALS_MM if case.fiducials_mm is None else case.fiducials_mm
    fiducials = locate_fiducials(cbct, spheres)
    result = register_case(case, cbct, bodies=bodies or None, seed=seed, progress=part_of(progress, 0.2, 1.0))
    return result, fiducials


def plan(case_folder: str, start: dict[str, RigidTransform], *, progress: Progress = silent) -> ReductionPlan:
    """Plan the reduction of a case from where its bodies were last measured (`T_current_displaced`, mm)."""
    from rafr.planning.reduction import plan_reduction

    result: ReductionPlan = plan_reduction(case_of(case_folder), start=start, progress=progress)
    return result


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


def docking(
    case_folder: str, arm: str, body: str, now: Situation, *, progress: Progress = silent
) -> tuple[BaseTrajectory, Assessment]:
    """Where the base goes for a body, and the way there."""
    from rafr.robot.mobile import floor_pose
    from rafr.trajectory import mission

    patient = _Patient.of(case_folder)
    T_base_pelvis, path = patient.measured(body, now)
    progress(0.1, "choosing a place for the base")
    result = mission.dock(
        mission.Robot.named(arm),
        floor_pose(now.T_world_base),
        now.T_world_base @ T_base_pelvis,
        path,
        patient.planned_clamp(body),
        now.tools,
        patient.pull(body, now),
    )
    return result.trajectory, result.assessment


def approach(
    case_folder: str, arm: str, body: str, now: Situation, seed: int, *, progress: Progress = silent
) -> tuple[ArmTrajectory, Assessment]:
    """The clamp's way to the pins of a body where it stands now."""
    import numpy as np

    from rafr.trajectory import mission

    patient = _Patient.of(case_folder)
    T_base_pelvis, path = patient.measured(body, now)
    progress(0.1, "planning the approach")
    motion = mission.approach(
        mission.Robot.named(arm),
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


def reduction(
    case_folder: str, arm: str, body: str, now: Situation, *, progress: Progress = silent
) -> tuple[ArmTrajectory, Assessment]:
    """Along the plan's path, from where the clamped body stands now."""
    from rafr.trajectory import mission
    from rafr.units import to_metres

    patient = _Patient.of(case_folder)
    T_base_pelvis, path = patient.measured(body, now)
    robot = mission.Robot.named(arm)
    T_base_clamp = robot.arm.T_base_armbase @ robot.arm.forward(now.q)
    # the pins are never where they were planned: how the clamp holds the fragment is what is measured
    T_fragment_clamp = (T_base_pelvis @ to_metres(path[0])).inverse() @ T_base_clamp
    progress(0.1, "timing the reduction")
    load = mission.fragment_load(robot, T_base_pelvis, T_fragment_clamp, patient.pull(body, now))
    motion = mission.reduction(
        robot, now.T_world_base, now.q, T_base_pelvis, path, T_fragment_clamp, load=load
    )
    return motion.trajectory, motion.assessment


def terrain(case_folder: str, body: str, plan: ReductionPlan, *, progress: Progress = silent) -> Terrain:
    """A body's approved path among the bones as they stand when its turn comes."""
    from rafr.control.live import surface_points
    from rafr.geometry import RigidTransform
    from rafr.planning.adjust import Terrain
    from rafr.planning.reduction import pull_on

    patient = _Patient.of(case_folder)
    goals = {b.name: b.T_reduced_displaced for b in plan.bodies}
    reduced = plan.order[: plan.order.index(body)]
    obstacles = [
        part.transformed(goals[other] if other in reduced else RigidTransform.identity())
        for other, mesh in patient.meshes.items()
        if other != body
        for part in mesh.parts.values()
    ]
    progress(0.3, "looking at the path")
    pivot = surface_points(patient.case)[body].mean(axis=0)
    poses = [p.T_path_displaced for p in plan.body(body).path]
    pull = pull_on(patient.case, patient.meshes, body, goals)
    return Terrain.of(patient.meshes[body].mesh, obstacles, poses, pivot, pull)


def retreat(
    case_folder: str, arm: str, body: str, now: Situation, seed: int, *, progress: Progress = silent
) -> tuple[ArmTrajectory, Assessment]:
    """From the opened clamp back to the parked arm."""
    import numpy as np

    from rafr.trajectory import mission

    progress(0.1, "planning the retreat")
    robot, rng = mission.Robot.named(arm), np.random.default_rng(seed)
    motion = mission.retreat(robot, now.T_world_base, now.q, rng=rng)
    return motion.trajectory, motion.assessment


def path_from(
    T_current: RigidTransform, T_path: Sequence[RigidTransform], pivot: FloatArray
) -> list[RigidTransform]:
    """The rest of a path for a body that stands at `T_current`, near the path: there first, then on.

    Args:
        T_current, T_path: mm.   pivot: (3,) the body's centre, mm in its CT frame.
    """
    from rafr.control.path import ReductionPath
    from rafr.units import METRES_PER_MM, to_metres

    way = ReductionPath([to_metres(T) for T in T_path], pivot * METRES_PER_MM)
    reached, _ = way.project(to_metres(T_current))
    ahead = [T for T in T_path if way.project(to_metres(T))[0] > reached + _SAME_PLACE]
    return [T_current, *(ahead or T_path[-1:])]


@dataclass(frozen=True, slots=True, eq=False)
class _Patient:
    """A case with its meshes, read once for a computation."""

    case: Case
    meshes: Mapping[str, BodyMesh]

    @staticmethod
    def of(case_folder: str) -> _Patient:
        from rafr.cases.meshes import body_meshes

        case = case_of(case_folder)
        return _Patient(case, body_meshes(case))

    def measured(self, body: str, now: Situation) -> tuple[RigidTransform, list[RigidTransform]]:
        """`T_base_pelvis` (m) and the path from here (mm)."""
        if now.T_base_pelvis is None or now.T_current_displaced is None or not now.T_path_displaced:
            raise InputError("optimise_trajectory", f"{body} is not tracked or has no path", "both")
        pivot = self.meshes[body].mesh.centroid
        return now.T_base_pelvis, path_from(now.T_current_displaced, now.T_path_displaced, pivot)

    def pull(self, body: str, now: Situation) -> Pull:
        """Soft tissue and traction on a body, as planned with."""
        from rafr.planning.reduction import pull_on

        return pull_on(self.case, self.meshes, body, now.T_reduced_displaced)

    def planned_clamp(self, body: str) -> RigidTransform:
        """`T_ct_clamp` (mm) from the body's Schantz pins as planned."""
        from rafr.planning.pins import clamp_frame, propose_pins

        return clamp_frame(propose_pins(self.case, self.meshes, body))
