"""The whole plan of a case: targets, the order, and a path for every fragment."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rafr.assessment import ACCEPTED, Assessment
from rafr.cases.case import Case
from rafr.errors import InputError
from rafr.geometry import RigidTransform, TriangleMesh
from rafr.imaging.readers import read_grid
from rafr.planning.metrics import hip_distance_mm, matta, pose_error
from rafr.planning.order import reduction_order
from rafr.planning.path import Cord, PlannedPath, Pull, plan_path
from rafr.planning.pins import PatientAxes, patient_axes
from rafr.planning.plan import BodyPlan, ReductionPlan
from rafr.planning.target.anatomy import moved_parts
from rafr.planning.target.config import TargetConfig
from rafr.planning.target.plausible import slices
from rafr.planning.target.targets import BodyTarget, TargetResult, plan_targets
from rafr.progress import Progress, part_of, silent

if TYPE_CHECKING:
    from rafr.cases.meshes import BodyMesh

_WIDE_SYMPHYSIS_MM = 10.0  # wider is a diastasis in adults


def plan_reduction(
    case: Case,
    *,
    start: Mapping[str, RigidTransform] | None = None,
    targets: TargetResult | None = None,
    config: TargetConfig | None = None,
    via: Mapping[str, Sequence[RigidTransform]] | None = None,
    progress: Progress = silent,
) -> ReductionPlan:
    """Plan target and path of every moving body of a case.

    Args:
        start: where bodies were last measured, `T_current_displaced` in mm by name; where the CT
            shows them by default.
        targets: found earlier for the same case; found here by default.
        config: how they are found here.
        via: poses `T_path_displaced` in mm by name that a surgeon wants a body to pass, in this order.

    Raises:
        InputError: the case has nothing to move, or `start` or `via` names a body it does not have.
    """
    from rafr.cases.meshes import body_meshes

    began = time.perf_counter()
    start, via = start or {}, via or {}
    _check(case, start, "start")
    _check(case, via, "via")
    meshes = body_meshes(case, part_of(progress, 0.0, 0.1))
    found = targets or plan_targets(case, meshes, progress=part_of(progress, 0.1, 0.7), config=config)
    axes = patient_axes(case)
    assessment = found.assessment & slices(read_grid(case.ct).spacing)
    goals = {t.name: t.T_reduced_displaced for t in found.bodies}
    here = {name: start.get(name, RigidTransform.identity()) for name in goals}
    order = reduction_order(found.order, meshes, goals, here)
    standing = {case.reference.name: RigidTransform.identity(), **here}
    bodies = []
    for k, name in enumerate(order):
        progress(0.7 + 0.3 * k / len(order), f"{name}: path")
        obstacles = bones_beside(meshes, name, standing)
        pull = pull_on(case, meshes, name, goals, here[name])
        body, path = _plan_body(
            meshes, found.body(name), here[name], obstacles, axes, pull, via.get(name, ())
        )
        assessment &= path.assessment
        bodies.append(body)
        standing[name] = goals[name]
    assessment &= _symphysis(meshes, found)
    progress(1.0, "planned")
    seconds = time.perf_counter() - began
    return ReductionPlan(
        case.id, found.method, tuple(bodies), found.symmetry_plane, order, assessment, seconds
    )


def bones_beside(
    meshes: Mapping[str, BodyMesh], name: str, standing: Mapping[str, RigidTransform]
) -> list[TriangleMesh]:
    """What stands in a body's way: every bone of all others, where they stand (mm, by body)."""
    return [
        part.transformed(T)
        for other, T in standing.items()
        if other != name
        for part in meshes[other].parts.values()
    ]


def _symphysis(meshes: Mapping[str, BodyMesh], found: TargetResult) -> Assessment:
    """A remark where the planned ring stays open in front: then the side mirrored is displaced too."""
    goals = {t.name: t.T_reduced_displaced for t in found.bodies}
    parts: dict[int, TriangleMesh] = {}
    for name, body in meshes.items():
        parts |= moved_parts(body.parts, goals.get(name, RigidTransform.identity()))
    gap = hip_distance_mm(parts)
    if gap is None or gap < _WIDE_SYMPHYSIS_MM:
        return ACCEPTED
    reason = f"the symphysis stays {gap:.0f} mm wide: look whether the side taken as intact is displaced too"
    return Assessment(True, (reason,))


def _check(case: Case, given: Mapping[str, Any], what: str) -> None:
    names = [b.name for b in case.moving]
    if not names:
        raise InputError(case.folder, "no body to move", "a reference and at least one moving body")
    for name in given:
        if name not in names:
            raise InputError(what, f"no moving body {name!r}", f"one of {', '.join(names)}")


def _plan_body(
    meshes: Mapping[str, BodyMesh],
    target: BodyTarget,
    start: RigidTransform,
    obstacles: list[TriangleMesh],
    axes: PatientAxes,
    pull: Pull,
    via: Sequence[RigidTransform],
) -> tuple[BodyPlan, PlannedPath]:
    mesh, goal = meshes[target.name].mesh, target.T_reduced_displaced
    path = plan_path(target.name, mesh, obstacles, start, goal, pull, via)
    after: dict[str, Any] = {
        **_standing(mesh, path.poses[-1].T_path_displaced, goal, axes),
        "evidence_mm2": {kind: round(area, 1) for kind, area in target.evidence.items()},
        "target": {"error_bound_mm": target.error_bound_mm, **target.assessment.to_json()},
        "clearance_mm": path.poses[-1].clearance_mm,
        "path_found_by": list(path.found_by),
    }
    plan = BodyPlan(
        name=target.name,
        labels=tuple(sorted(meshes[target.name].parts)),
        T_reduced_displaced=goal,
        expected_error_mm=target.expected_error_mm,
        before=_standing(mesh, start, goal, axes),
        after=after,
        path=path.poses,
        path_summary=path.summary,
        straight_path=path.straight,
    )
    return plan, path


def _standing(
    mesh: TriangleMesh, T: RigidTransform, goal: RigidTransform, axes: PatientAxes
) -> dict[str, Any]:
    return {**pose_error(T, goal, mesh), "matta": matta(mesh, T, goal, axes)}


def pull_on(
    case: Case,
    meshes: Mapping[str, BodyMesh],
    body: str,
    goals: Mapping[str, RigidTransform],
    lying: RigidTransform | None = None,
) -> Pull:
    """Soft tissue of a body, and the traction the case prescribes where it pulls at this body's hip.

    Args:
        goals: mm, `T_reduced_displaced` by body.
        lying: mm, the pose in which nothing but tissue and table holds it; as the CT shows it by default.
    """
    from rafr.tissue.model import body_side, build_tissue

    tissue = build_tissue(case, meshes, body, goals, found=lying)
    traction = case.traction
    if (
        traction is None
        or tissue.hip is None
        or body_side(meshes, body, case.reference.name) != traction.side
    ):
        return Pull(tissue)
    return Pull(tissue, Cord.along_leg(tissue.hip, traction.side, traction.force_n))
