"""Where every fragment belongs: mirror image, fracture faces and joints in one least-squares problem."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from rafr.assessment import ACCEPTED, Assessment
from rafr.cases.case import Case
from rafr.geometry import RigidTransform, TriangleMesh
from rafr.planning.anatomy import Bone, Bones, bones_of, moved_parts
from rafr.planning.contact import contact_area
from rafr.planning.estimate import IN_PLACE, Estimate
from rafr.planning.overlap import Freed, push_out
from rafr.planning.plan import SymmetryPlane
from rafr.planning.plausible import handedness, same_person
from rafr.planning.search import Scene, SearchConfig, find_body, find_together, mirror_terms
from rafr.planning.solve import Solution
from rafr.planning.symmetry import symmetry_plane
from rafr.planning.uncertainty import ErrorForecast, forecast
from rafr.progress import Progress, part_of, silent

if TYPE_CHECKING:
    from rafr.cases.meshes import BodyMesh

METHOD = "mirror + fracture faces + joints, joint least squares"


@dataclass(frozen=True, slots=True)
class TargetConfig:
    """How a target is searched and judged.

    Attributes:
        search: how it is searched.
        fewest_face_patches: independent patches of face from which their fit is judged.
        fitting_faces_share, unfit_faces_share: share of the patches that has to be explained to be accepted
            without a remark, and at all (34 fits of 3 pelves: 0.9 to 1.0; fragments of others: 0.5).
        largest_expected_mm: a target expected to be worse than this is not accepted.
        locked_factor, loose_factor: what the computed uncertainty is multiplied with where a broken face
            locks the body, and where none does; push_share: how much of the way out of overlap counts as
            error. They make the 90 % bound hold for 90 % of 33 targets on 3 pelves (without a face: of 16
            more on 8 pelves).
        max_overlap_mm: overlap with bone in place that a target may keep; surfaces meshed from voxels of
            0.9 mm overlap by 0.3 to 0.6 mm at single points where bones truly belong.
    """

    search: SearchConfig = field(default_factory=SearchConfig)
    fewest_face_patches: float = 6.0
    fitting_faces_share: float = 0.85
    unfit_faces_share: float = 0.65
    locked_factor: float = 0.65
    loose_factor: float = 1.1
    push_share: float = 0.5
    largest_expected_mm: float = 4.0
    max_overlap_mm: float = 0.4


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
    """Targets of all moving bodies in the order they were found."""

    bodies: tuple[BodyTarget, ...]
    symmetry_plane: SymmetryPlane
    order: tuple[str, ...]
    assessment: Assessment

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

    Bodies with the largest contact to what stands in place come first; each then counts as in place for
    the next. Several are then solved for together.

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
    targets = _free_of_overlap(found, solution, scene, config)
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
    placed, found = dict(reference), []
    n = len(waiting)
    for k in range(n):
        in_place = bones_of(placed)
        name = _next_body(waiting, meshes, in_place)
        report = part_of(progress, 0.9 * k / n, 0.9 * (k + 1) / n)
        parts = meshes[name].parts
        moving = bones_of(parts, body=0)
        coarse, fine, scene = find_body(moving, in_place, everything, config.search, report)
        found.append(_Found(name, moving, coarse, fine, scene))
        placed |= moved_parts(parts, fine.estimate.poses[0])
        waiting = [other for other in waiting if other != name]
    return found


def _next_body(waiting: list[str], meshes: Mapping[str, BodyMesh], in_place: Bones) -> str:
    areas = {name: contact_area(bones_of(meshes[name].parts), in_place) for name in waiting}
    return max(waiting, key=lambda name: areas[name])


def _together(
    found: Sequence[_Found],
    reference: Mapping[int, TriangleMesh],
    everything: Mapping[int, TriangleMesh],
    config: TargetConfig,
) -> tuple[Solution, Scene]:
    bones: list[Bone] = list(bones_of(reference).values())
    first = found[0].fine.estimate
    start = Estimate(first.plane, first.pivot, asymmetry=first.asymmetry)
    for k, each in enumerate(found):
        bones += [bone.of_body(k) for bone in each.bones.values()]
        alone = each.fine.estimate
        start = start.joined_by(alone.poses[0], alone.centres[0])
    scene = Scene(tuple(bones), found[0].scene.plane_terms, everything)
    return find_together(start, scene, config.search), scene


def _free_of_overlap(
    found: Sequence[_Found], solution: Solution, scene: Scene, config: TargetConfig
) -> list[BodyTarget]:
    """Targets in order, each shifted out of the bones in place and of the bodies before it."""
    placed = [b for b in scene.bones if b.body == IN_PLACE]
    targets = []
    for k, each in enumerate(found):
        covariance = solution.pose_covariance(k)
        pose = solution.estimate.poses[k]
        freed = push_out(pose, each.bones, placed, covariance, config.max_overlap_mm)
        targets.append(_target(each, k, freed, solution, config))
        placed += [Bone.of(b.name, [b.surface.mesh.transformed(freed.T)]) for b in each.bones.values()]
    return targets


def _target(each: _Found, k: int, freed: Freed, solution: Solution, config: TargetConfig) -> BodyTarget:
    evidence = solution.evidence_for(k)
    locked = any(kind.startswith("face:") and area > 0.0 for kind, area in evidence.items())
    factor = config.locked_factor if locked else config.loose_factor
    offset = config.push_share * freed.moved_mm
    error = error_forecast(solution, k, each.bones).widened(factor).with_offset(offset)
    mirrored = any(kind.startswith("mirror:") for kind in each.coarse.evidence_for(0))
    verdict = _judge(each.name, error.expected_mm, evidence, mirrored, config)
    verdict &= same_person(each.name, each.coarse.estimate, mirror_terms(each.scene.bones))
    verdict &= _faces_fit(each.name, k, solution, config)
    if freed.overlap_mm > 2.0 * config.max_overlap_mm:
        reason = f"{each.name}: at its target it overlaps bone by {freed.overlap_mm:.1f} mm"
        verdict &= Assessment(False, (reason,))
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


def error_forecast(solution: Solution, body: int, bones: Bones) -> ErrorForecast:
    """How far the surface of a body may be off."""
    at = solution.estimate
    points = np.concatenate([b.points[::25] for b in bones.values()])
    relative = at.poses[body].apply(points) - at.centre_of(body)
    return forecast(solution.pose_covariance(body), relative)


def _faces_fit(name: str, body: int, solution: Solution, config: TargetConfig) -> Assessment:
    """Broken faces interlock: few points of theirs miss each other by more than the evidence allows."""
    rows = [r for kind, r in solution.rows_of(body) if kind.startswith("face:")]
    patches = sum(float(r.patches.sum()) for r in rows)
    if patches < config.fewest_face_patches:
        return ACCEPTED
    fit = sum(r.support for r in rows) / patches
    if fit >= config.fitting_faces_share:
        return ACCEPTED
    reason = f"{name}: its fracture faces fit by {100 * fit:.0f} % only"
    if fit >= config.unfit_faces_share:
        return Assessment(True, (f"{reason}: look whether bone is crushed or missing",))
    return Assessment(False, (f"{reason}: bone missing, or a fragment of something else",))


def _judge(
    name: str, expected: float, evidence: dict[str, float], mirrored: bool, config: TargetConfig
) -> Assessment:
    """Whether the evidence suffices; `mirrored`: an intact counterpart was in place for the body."""
    kinds = {key.split(":")[0] for key, area in evidence.items() if area > 0.0}
    lacking = [] if mirrored else ["no intact counterpart to mirror"]
    lacking += [] if "face" in kinds else ["no fracture face to fit"]
    if not kinds & {"mirror", "face"}:
        return Assessment(False, (f"{name}: {' and '.join(lacking)}: target unknown",))
    if expected > config.largest_expected_mm:
        limit = config.largest_expected_mm
        reason = f"{name}: the target is uncertain by {expected:.1f} mm (limit {limit:g} mm)"
        return Assessment(False, ("; ".join([reason, *lacking]),))
    if not mirrored:
        return Assessment(True, (f"{name}: no intact counterpart; planned from {', '.join(sorted(kinds))}",))
    return ACCEPTED
