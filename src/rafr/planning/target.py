"""Where every fragment belongs: mirror image, fracture faces and joints in one least-squares problem."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from rafr.assessment import ACCEPTED, Assessment
from rafr.cases.case import Case
from rafr.geometry import RigidTransform, TriangleMesh
from rafr.geometry.rigid_transform import FloatArray
from rafr.planning.anatomy import MIRROR_BONE, Bones, bones_of, moved_parts, whole_hips
from rafr.planning.contact import contact_area, contact_terms, face_terms, push_out
from rafr.planning.evidence import WHOLE, Estimate, MidlineTerm, MirrorTerm, PoseTerm, Term
from rafr.planning.plan import SymmetryPlane
from rafr.planning.solve import Solution, solve
from rafr.planning.symmetry import find_plane, support, symmetry_plane
from rafr.planning.uncertainty import ErrorForecast, forecast
from rafr.progress import Progress, part_of, silent

if TYPE_CHECKING:
    from rafr.cases.meshes import BodyMesh

METHOD = "mirror + fracture faces + joints, joint least squares"


@dataclass(frozen=True, slots=True)
class TargetConfig:
    """How a target is searched and judged.

    Attributes:
        mirror_reaches_mm: pairing distances while the body is brought onto the mirror image.
        contact_reaches_mm: pairing distances while faces and joints are brought together.
        catch_reaches_mm: pairing distances while fracture faces are first found.
        mirror_loyal_mm, mirror_loyal_share: a fit of faces must keep this share of the area that lies
            within this distance of the mirror image before faces are looked at.
        nudge_mm: how far the last search is started off its best guess, both ways along three axes.
        asymmetry_factor: hips differ in pose as well as in shape, which no residual shows; without a
            broken face the expected error is larger than computed by about this (5 targets on 5 pelves
            of the VSD set: 0.6 to 2.3, mean 1.4 times).
        largest_expected_mm: a target expected to be worse than this is not accepted.
        max_overlap_mm: overlap with bone in place that a target may keep.
    """

    mirror_reaches_mm: tuple[float, ...] = (30.0, 25.0, 20.0, 16.0, 12.0, 9.0, 7.0, 5.0, 4.0)
    contact_reaches_mm: tuple[float, ...] = (6.0, 5.0, 4.0, 3.0, 2.5, 2.0)
    catch_reaches_mm: tuple[float, ...] = (14.0, 12.0, 10.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0)
    mirror_loyal_mm: float = 5.0
    mirror_loyal_share: float = 0.6
    nudge_mm: float = 2.5
    asymmetry_factor: float = 1.5
    largest_expected_mm: float = 4.0
    max_overlap_mm: float = 0.2


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
    """Targets of all moving bodies in the order they were found: each counts as in place for the next."""

    bodies: tuple[BodyTarget, ...]
    symmetry_plane: SymmetryPlane
    order: tuple[str, ...]
    assessment: Assessment

    def body(self, name: str) -> BodyTarget:
        return next(b for b in self.bodies if b.name == name)


def plan_targets(
    case: Case,
    meshes: Mapping[str, BodyMesh],
    *,
    progress: Progress = silent,
    config: TargetConfig | None = None,
) -> TargetResult:
    """Find where every moving body of a case belongs.

    Bodies with the largest contact to what stands in place come first; each then counts as in place.

    Args:
        case: names the bodies; the first is the reference.
        meshes: every body as the CT shows it, LPS mm.
    """
    config = config or TargetConfig()
    everything = {label: mesh for m in meshes.values() for label, mesh in m.parts.items()}
    placed = dict(meshes[case.reference.name].parts)
    waiting = [b.name for b in case.moving]
    targets: list[BodyTarget] = []
    planes: list[Solution] = []
    for k in range(len(waiting)):
        in_place = bones_of(placed)
        name = _next_body(waiting, meshes, in_place)
        report = part_of(progress, k / len(case.moving), (k + 1) / len(case.moving))
        target, solution = _target(name, meshes[name].parts, in_place, everything, config, report)
        planes.append(solution)
        targets.append(target)
        placed |= moved_parts(meshes[name].parts, target.T_reduced_displaced)
        waiting.remove(name)
    progress(1.0, "targets found")
    assessment = ACCEPTED
    for target in targets:
        assessment &= target.assessment
    return TargetResult(tuple(targets), symmetry_plane(planes[0]), tuple(t.name for t in targets), assessment)


def _next_body(waiting: list[str], meshes: Mapping[str, BodyMesh], in_place: Bones) -> str:
    areas = {name: contact_area(bones_of(meshes[name].parts), in_place) for name in waiting}
    return max(waiting, key=lambda name: areas[name])


def _target(
    name: str,
    parts: Mapping[int, TriangleMesh],
    in_place: Bones,
    everything: Mapping[int, TriangleMesh],
    config: TargetConfig,
    progress: Progress,
) -> tuple[BodyTarget, Solution]:
    moving = bones_of(parts)
    points = np.concatenate([b.points for b in moving.values()])
    progress(0.0, f"{name}: plane of symmetry")
    plane, terms = find_plane(in_place, everything)
    start = Estimate(RigidTransform.identity(), plane.estimate.plane, points.mean(axis=0))
    terms = [*terms, *mirror_terms(moving, in_place), *_midline_terms(moving, in_place, everything)]
    progress(0.2, f"{name}: mirror image")
    coarse = _onto_mirror(start, terms, moving, in_place, config)
    progress(0.4, f"{name}: fracture faces and joints")
    fine = _into_contact(coarse, start, terms, moving, in_place, config)
    progress(0.9, f"{name}: free of overlap")
    estimate, pushed = push_out(fine.estimate, moving, in_place, config.max_overlap_mm)
    evidence = {k: r.area for k, r in fine.rows.items() if k.split(":")[0] in ("mirror", "face", "joint")}
    locked = any(k.startswith("face:") and area > 0.0 for k, area in evidence.items())
    factor = 1.0 if locked else config.asymmetry_factor
    error = error_forecast(fine, points).widened(factor).with_offset(pushed)
    mirrored = coarse.estimate.T if any(k.startswith("mirror:") for k in evidence) else None
    verdict = _judge(name, error.expected_mm, evidence, config)
    target = BodyTarget(
        name, estimate.T, error.expected_mm, error.bound_mm, mirrored, evidence, pushed, verdict
    )
    return target, fine


def mirror_terms(moving: Bones, in_place: Bones) -> list[Term]:
    """Every bone of the body on the mirror image of its intact counterpart."""
    return [
        MirrorTerm(bone, in_place[MIRROR_BONE[name]], moving=True, name=f"mirror:{name}")
        for name, bone in moving.items()
        if MIRROR_BONE[name] in in_place
    ]


def _midline_terms(moving: Bones, in_place: Bones, everything: Mapping[int, TriangleMesh]) -> list[Term]:
    """A whole hip without a whole counterpart: its symphysial face belongs at the midline."""
    mirrors = whole_hips(in_place, everything)
    return [] if mirrors else [MidlineTerm(hip, moving=True) for hip in whole_hips(moving, everything)]


def _onto_mirror(
    start: Estimate, terms: list[Term], moving: Bones, in_place: Bones, config: TargetConfig
) -> Solution:
    """The best of several searches: from where the body lies, and from matching centroids."""
    anchored = [*terms, PoseTerm(start)]
    starts = [start, *_centroid_starts(start, moving, in_place)]
    found = [solve(s, anchored, config.mirror_reaches_mm) for s in starts]
    return max(found, key=_mirror_support)


def _centroid_starts(start: Estimate, moving: Bones, in_place: Bones) -> list[Estimate]:
    """The body shifted so that a bone's centroid meets that of its mirror image."""
    shifts: list[FloatArray] = []
    for name, bone in moving.items():
        counterpart = in_place.get(MIRROR_BONE[name])
        if name == "sacrum" or counterpart is None:
            continue
        # a fragment's centroid says nothing about the whole bone's
        if not 1.0 / WHOLE < bone.size / counterpart.size < WHOLE:
            continue
        shifts.append(start.plane.reflect(counterpart.points.mean(axis=0)) - bone.points.mean(axis=0))
    return [replace(start, T=RigidTransform.from_translation(shift)) for shift in shifts]


def _mirror_support(solution: Solution) -> float:
    rows = [r for name, r in solution.rows.items() if name.startswith("mirror:")]
    return support(rows)


def _into_contact(
    coarse: Solution,
    start: Estimate,
    terms: list[Term],
    moving: Bones,
    in_place: Bones,
    config: TargetConfig,
) -> Solution:
    """Refine with joints, then bring fracture faces together from the mirror and from where they lie."""
    anchored = [*terms, *contact_terms(coarse.estimate, moving, in_place), PoseTerm(start)]
    joined = solve(coarse.estimate, anchored, (*config.catch_reaches_mm, *config.contact_reaches_mm))
    guesses = [joined.estimate, replace(start, plane=joined.estimate.plane)]
    fits = [_fit_faces(g, anchored, moving, in_place, config.catch_reaches_mm) for g in guesses]
    fits.append(_fit_faces(joined.estimate, anchored, moving, in_place, config.contact_reaches_mm))
    found = [s for s in fits if s is not None and _keeps_mirror(s, joined, terms, config)]
    if not found:
        return joined
    # rough faces lock into each other: several nudged starts find the deepest fit
    best = min(found, key=_face_cost)
    nudged = [
        _fit_faces(g, anchored, moving, in_place, config.contact_reaches_mm)
        for g in _nudged(best.estimate, config)
    ]
    kept = [s for s in nudged if s is not None and _keeps_mirror(s, joined, terms, config)]
    return min(kept, key=_face_cost, default=best)


def _keeps_mirror(fit: Solution, joined: Solution, terms: list[Term], config: TargetConfig) -> bool:
    """Faces refine what the mirror says; a fit that leaves the mirror image has caught wrong faces."""

    def area(at: Estimate) -> float:
        mirrored = [t for t in terms if t.name.startswith("mirror:")]
        return sum(t.rows(at, config.mirror_loyal_mm).area for t in mirrored)

    return area(fit.estimate) >= config.mirror_loyal_share * area(joined.estimate)


def _fit_faces(
    guess: Estimate, terms: list[Term], moving: Bones, in_place: Bones, reaches_mm: tuple[float, ...]
) -> Solution | None:
    faces = face_terms(guess, moving, in_place, reaches_mm[0])
    return solve(guess, [*terms, *faces], reaches_mm) if faces else None


def _nudged(at: Estimate, config: TargetConfig) -> list[Estimate]:
    shifts = config.nudge_mm * np.vstack([np.zeros(3), np.eye(3), -np.eye(3)])
    return [at.moved(np.concatenate([shift, np.zeros(6)])) for shift in shifts]


def _face_cost(solution: Solution) -> float:
    """Cost with the reward of every mm² of face that fits: chi² alone would favour few pairs."""
    matched = sum(
        float(r.weight.sum()) * r.sigma_mm**2 for n, r in solution.rows.items() if n.startswith("face")
    )
    return solution.cost - 9.0 * matched


def error_forecast(solution: Solution, points: FloatArray) -> ErrorForecast:
    """How far the body's surface, given by points (n, 3) as displaced, may be off."""
    at = solution.estimate
    relative = at.T.apply(points[::25]) - at.T.apply(at.centre)
    return forecast(solution.covariance[:6, :6], relative)


def _judge(name: str, expected: float, evidence: dict[str, float], config: TargetConfig) -> Assessment:
    kinds = {key.split(":")[0] for key, area in evidence.items() if area > 0.0}
    if not kinds & {"mirror", "face"}:
        reason = f"{name}: no intact counterpart to mirror and no fracture face to fit: target unknown"
        return Assessment(False, (reason,))
    if expected > config.largest_expected_mm:
        limit = config.largest_expected_mm
        reason = f"{name}: the target is uncertain by {expected:.1f} mm (limit {limit:g} mm)"
        return Assessment(False, (reason,))
    if "mirror" not in kinds:
        return Assessment(True, (f"{name}: no intact counterpart; planned from its fracture faces alone",))
    return ACCEPTED
