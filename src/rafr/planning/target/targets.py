"""Where every fragment belongs: mirror image, fracture faces and joints in one least-squares problem."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rafr.assessment import ACCEPTED, Assessment
from rafr.cases.case import Case
from rafr.geometry import RigidTransform, TriangleMesh
from rafr.planning.plan import SymmetryPlane
from rafr.planning.target.anatomy import Bone, Bones, bones_of, moved_parts
from rafr.planning.target.config import TargetConfig
from rafr.planning.target.estimate import IN_PLACE, Estimate
from rafr.planning.target.judgement import enough_evidence, faces_fit
from rafr.planning.target.overlap import Freed, deepest_overlap, push_out
from rafr.planning.target.plausible import handedness, same_person
from rafr.planning.target.search import Scene, find_body, find_together, mirror_terms
from rafr.planning.target.shape_fit import ShapeTerm, fit_shape
from rafr.planning.target.shape_model import ShapeModel
from rafr.planning.target.solve import Solution
from rafr.planning.target.symmetry import symmetry_plane
from rafr.planning.target.uncertainty import ErrorForecast, forecast
from rafr.progress import Progress, part_of, silent

if TYPE_CHECKING:
    from rafr.cases.meshes import BodyMesh

METHOD = "mirror + fracture faces + joints, joint least squares"


@dataclass(frozen=True, slots=True)
class BodyTarget:
    """Where one body belongs.

    Attributes:
        T_reduced_displaced: LPS mm.
        expected_error_mm: expected mean error over the body's surface, from the curvature of the
            problem and the residuals that remain.
        error_bound_mm: what the mean error stays under with a probability of 90 %.
        T_mirror_displaced: where the mirror image alone would put it; None where nothing is mirrored.
        evidence: matched area in mm² by kind of evidence (`mirror:…`, `face:…`, `joint:…`).
        pushed_mm: how far the target was moved so that it does not overlap bone in place.
    """

    name: str
    T_reduced_displaced: RigidTransform
    expected_error_mm: float
    error_bound_mm: float
    T_mirror_displaced: RigidTransform | None
    evidence: dict[str, float]
    pushed_mm: float
    assessment: Assessment


@dataclass(frozen=True, slots=True)
class TargetResult:
    """Targets of all moving bodies in the order they were found, and by which method."""

    bodies: tuple[BodyTarget, ...]
    symmetry_plane: SymmetryPlane
    order: tuple[str, ...]
    assessment: Assessment
    method: str = METHOD

    def body(self, name: str) -> BodyTarget:
        return next(b for b in self.bodies if b.name == name)


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """A body found with all before it in place: its bones (of body 0), and by mirror alone and by all."""

    name: str
    bones: Bones
    coarse: Solution
    fine: Solution
    scene: Scene


def plan_targets(
    case: Case,
    meshes: Mapping[str, BodyMesh],
    *,
    progress: Progress = silent,
    config: TargetConfig | None = None,
) -> TargetResult:
    """Find where every moving body of a case belongs.

    Bodies whose place is surest come first; each then counts as in place for the next. Several are then
    solved for together.

    Args:
        case: names the bodies; the first is the reference.
        meshes: every body as the CT shows it, LPS mm.
    """
    config = config or TargetConfig()
    everything = {label: mesh for m in meshes.values() for label, mesh in m.parts.items()}
    reference = meshes[case.reference.name].parts
    found = _one_by_one([b.name for b in case.moving], reference, meshes, everything, config, progress)
    if len(found) == 1:
        solution, scene = found[0].fine, found[0].scene
    else:
        progress(0.9, "all bodies together")
        solution, scene = _together(found, reference, everything, config)
    allowed_mm = config.allowed_overlap_mm(meshes[case.reference.name].voxel_mm)
    targets = _free_of_overlap(found, solution, scene, config, allowed_mm)
    progress(1.0, "targets found")
    assessment = handedness(everything)
    for target in targets:
        assessment &= target.assessment
    return TargetResult(tuple(targets), symmetry_plane(solution), tuple(t.name for t in targets), assessment)


def _one_by_one(
    waiting: list[str],
    reference: Mapping[int, TriangleMesh],
    meshes: Mapping[str, BodyMesh],
    everything: Mapping[int, TriangleMesh],
    config: TargetConfig,
    progress: Progress,
) -> list[_Found]:
    """Bodies in the order of how sure they are; each is then in place for the next."""
    placed, found = dict(reference), []
    beliefs = _beliefs(waiting, reference, meshes, config.shape_model)
    searches, done = len(waiting) * (len(waiting) + 1) // 2, 0
    while waiting:
        in_place = bones_of(placed)
        tried = []
        for name in waiting:
            report = part_of(progress, 0.9 * done / searches, 0.9 * (done + 1) / searches)
            bones = bones_of(meshes[name].parts, body=0)
            outcome = find_body(bones, in_place, everything, config.search, report, beliefs.get(name))
            tried.append(_Found(name, bones, *outcome))
            done += 1
        surest = min(tried, key=lambda f: _doubt(f, config))
        found.append(surest)
        placed |= moved_parts(meshes[surest.name].parts, surest.fine.estimate.poses[0])
        waiting = [other for other in waiting if other != surest.name]
    return found


def _doubt(found: _Found, config: TargetConfig) -> tuple[bool, float]:
    """What makes a body wait for others: faces that do not fit, then the error expected."""
    fit = faces_fit(found.name, 0, found.fine, config)
    return not fit.accepted, error_forecast(found.fine, 0, found.bones).expected_mm


def _beliefs(
    names: Sequence[str],
    reference: Mapping[int, TriangleMesh],
    meshes: Mapping[str, BodyMesh],
    path: Path | None,
) -> dict[str, ShapeTerm]:
    """Where a shape model, fitted to everything at once, puts every body."""
    if path is None:
        return {}
    bones = list(bones_of(reference).values())
    for k, name in enumerate(names):
        bones += bones_of(meshes[name].parts, body=k).values()
    fit = fit_shape(ShapeModel.read(path), bones)
    areas = [sum(b.size for b in bones if b.body == k) for k in range(len(names))]
    return {name: ShapeTerm(0, fit.target(k), areas[k]) for k, name in enumerate(names)}


def _together(
    found: Sequence[_Found],
    reference: Mapping[int, TriangleMesh],
    everything: Mapping[int, TriangleMesh],
    config: TargetConfig,
) -> tuple[Solution, Scene]:
    bones: list[Bone] = list(bones_of(reference).values())
    # whoever was found last saw most of the pelvis in place
    last = found[-1].fine.estimate
    start = Estimate(last.plane, last.pivot, asymmetry=last.asymmetry)
    for k, each in enumerate(found):
        bones += [bone.of_body(k) for bone in each.bones.values()]
        alone = each.fine.estimate
        start = start.joined_by(alone.poses[0], alone.centres[0])
    beliefs = [b.of_body(k) for k, f in enumerate(found) for b in f.scene.beliefs]
    scene = Scene(tuple(bones), found[0].scene.plane_terms, everything, tuple(beliefs))
    return find_together(start, scene, config.search), scene


def _free_of_overlap(
    found: Sequence[_Found], solution: Solution, scene: Scene, config: TargetConfig, allowed_mm: float
) -> list[BodyTarget]:
    """Targets in order, each shifted out of the bones in place and of the bodies before it."""
    placed = [b for b in scene.bones if b.body == IN_PLACE]
    targets = []
    for k, each in enumerate(found):
        covariance = solution.pose_covariance(k)
        pose = solution.estimate.poses[k]
        freed = push_out(pose, each.bones, placed, covariance, allowed_mm)
        targets.append(_target(each, k, freed, solution, scene, config, allowed_mm))
        placed += [Bone.of(b.name, [b.surface.mesh.transformed(freed.T)]) for b in each.bones.values()]
    return targets


def _target(
    each: _Found,
    k: int,
    freed: Freed,
    solution: Solution,
    scene: Scene,
    config: TargetConfig,
    allowed_mm: float,
) -> BodyTarget:
    evidence = solution.evidence_for(k)
    faces = sum(area for kind, area in evidence.items() if kind.startswith("face:"))
    factor = config.locked_factor if faces >= config.locking_face_mm2 else config.loose_factor
    offset = config.push_share * freed.moved_mm
    error = error_forecast(solution, k, each.bones).widened(factor).with_offset(offset)
    mirrored = any(kind.startswith("mirror:") for kind in each.coarse.evidence_for(0))
    verdict = enough_evidence(each.name, error.expected_mm, evidence, mirrored, config)
    mirrors = [t for t in mirror_terms(scene.bones) if k in (t.bone.body, t.counterpart.body)]
    verdict &= same_person(each.name, solution.estimate, mirrors)
    verdict &= faces_fit(each.name, k, solution, config)
    verdict &= _overlap(each, freed, allowed_mm + config.max_overlap_mm, config.max_overlap_mm)
    return BodyTarget(
        each.name,
        freed.T,
        error.expected_mm,
        error.bound_mm,
        each.coarse.estimate.poses[0] if mirrored else None,
        evidence,
        freed.moved_mm,
        verdict,
    )


def _overlap(each: _Found, freed: Freed, explained_mm: float, further_mm: float) -> Assessment:
    """Refuses a body that is driven into bone by more than meshing explains, and than the CT shows."""
    if freed.overlap_mm <= explained_mm:
        return ACCEPTED
    others = [bone for bone in each.scene.bones if bone.body == IN_PLACE]
    as_found = deepest_overlap(RigidTransform.identity(), each.bones, others)
    if freed.overlap_mm <= as_found + further_mm:
        return ACCEPTED
    reason = f"{each.name}: at its target it overlaps bone by {freed.overlap_mm:.1f} mm"
    return Assessment(False, (f"{reason}: bone is crushed there, or what it meets is displaced too",))


def error_forecast(solution: Solution, body: int, bones: Bones) -> ErrorForecast:
    """How far the surface of a body may be off."""
    at = solution.estimate
    points = np.concatenate([b.points[::25] for b in bones.values()])
    relative = at.poses[body].apply(points) - at.centre_of(body)
    return forecast(solution.pose_covariance(body), relative)
