"""The long computations of the nodes, as functions a worker process can import: no ROS in here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rafr.assessment import Assessment
from rafr.cases.case import Case
from rafr.errors import InputError
from rafr.geometry import RigidTransform
from rafr.planning.plan import ReductionPlan
from rafr.progress import Progress, part_of, silent
from rafr.registration.result import FiducialRegistration, RegistrationResult
from rafr.trajectory.result import ArmTrajectory, BaseTrajectory

if TYPE_CHECKING:
    from rafr.adjustment import Terrain
    from rafr.trajectory.measured import Situation


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


def plan_to(
    case_folder: str,
    start: dict[str, RigidTransform],
    found: ReductionPlan,
    given: dict[str, RigidTransform],
    *,
    progress: Progress = silent,
) -> ReductionPlan:
    """As `plan`, to targets that a person moved (`T_reduced_displaced`, mm) from those found earlier."""
    from rafr.cases.meshes import body_meshes
    from rafr.planning.recheck import TargetRecheck
    from rafr.planning.target.given import planned_targets

    case = case_of(case_folder)
    recheck = TargetRecheck(case, body_meshes(case), planned_targets(found), start)
    result: ReductionPlan = recheck.plan(given, progress)
    return result


def docking(
    case_folder: str, arm: str, body: str, now: Situation, *, progress: Progress = silent
) -> tuple[BaseTrajectory, Assessment]:
    """Where the base goes for a body, and the way there."""
    from rafr.trajectory import measured, mission

    patient = measured.Patient.of(case_of(case_folder))
    progress(0.1, "choosing a place for the base")
    found = measured.docking(mission.Robot.named(arm), patient, body, now)
    return found.trajectory, found.assessment


def approach(
    case_folder: str, arm: str, body: str, now: Situation, seed: int, *, progress: Progress = silent
) -> tuple[ArmTrajectory, Assessment]:
    """The clamp's way to the pins of a body where it stands now."""
    from rafr.trajectory import measured, mission

    patient = measured.Patient.of(case_of(case_folder))
    progress(0.1, "planning the approach")
    return measured.approach(mission.Robot.named(arm), patient, body, now, seed)


def reduction(
    case_folder: str, arm: str, body: str, now: Situation, *, progress: Progress = silent
) -> tuple[ArmTrajectory, Assessment]:
    """Along the plan's path, from where the clamped body stands now."""
    from rafr.trajectory import measured, mission

    patient = measured.Patient.of(case_of(case_folder))
    progress(0.1, "timing the reduction")
    return measured.reduction(mission.Robot.named(arm), patient, body, now)


def terrain(case_folder: str, body: str, plan: ReductionPlan, *, progress: Progress = silent) -> Terrain:
    """A body's approved path among the bones as they stand when its turn comes."""
    from rafr.adjustment import Terrain
    from rafr.cases.meshes import body_meshes

    case = case_of(case_folder)
    meshes = body_meshes(case)
    progress(0.3, "looking at the path")
    return Terrain.of_plan(case, meshes, body, plan)


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
