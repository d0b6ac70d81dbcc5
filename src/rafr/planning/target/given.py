"""Targets that a surgeon gives: taken as they are, and checked against bone and against the evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from rafr.assessment import ACCEPTED, Assessment
from rafr.cases.case import Case
from rafr.errors import InputError
from rafr.geometry import RigidTransform
from rafr.planning.metrics import pose_error
from rafr.planning.target.anatomy import Bone, bones_of, moved_parts
from rafr.planning.target.config import TargetConfig
from rafr.planning.target.overlap import deepest_overlap
from rafr.planning.target.plausible import handedness
from rafr.planning.target.targets import METHOD, BodyTarget, TargetResult, plan_targets
from rafr.planning.target.uncertainty import ErrorForecast
from rafr.progress import Progress, silent

if TYPE_CHECKING:
    from rafr.cases.meshes import BodyMesh
    from rafr.planning.plan import ReductionPlan

# a target this far off, and this many times as far as its inverse, was saved the wrong way round
_INVERTED_MM, _INVERTED_TIMES = 10.0, 4.0
_GIVEN = "given: "  # begins the method of a plan whose targets a person moved
_ROUNDING_MM = 1e-6  # what files round off; the plan's hash is no finer


def given_targets(
    case: Case,
    meshes: Mapping[str, BodyMesh],
    given: Mapping[str, RigidTransform],
    *,
    progress: Progress = silent,
    config: TargetConfig | None = None,
) -> TargetResult:
    """Targets with some or all bodies' given; the rest, plane and order are found as ever.

    A given target is not moved. How far it lies from the one the evidence speaks for is said and counts into
    its expected error. It is refused where it lies farther than the evidence leaves open (the larger of the
    90 % bound and the limit of every target's expected error) or drives the body into bone; that the evidence
    does not suffice for a target is no reason against a surgeon's.

    Args:
        given: `T_reduced_displaced` in mm by body.

    Raises:
        InputError: no such moving body, or a target that looks inverted.
    """
    own = plan_targets(case, meshes, progress=progress, config=config)
    return with_given(own, case, meshes, given, config=config)


def with_given(
    own: TargetResult,
    case: Case,
    meshes: Mapping[str, BodyMesh],
    given: Mapping[str, RigidTransform],
    *,
    config: TargetConfig | None = None,
) -> TargetResult:
    """As `given_targets`, beside targets found earlier (`own`)."""
    result = judged(own, case, meshes, given, config=config)
    bones = {label: mesh for body in meshes.values() for label, mesh in body.parts.items()}
    return replace(result, assessment=handedness(bones) & result.assessment)


def judged(
    own: TargetResult,
    case: Case,
    meshes: Mapping[str, BodyMesh],
    given: Mapping[str, RigidTransform],
    *,
    config: TargetConfig | None = None,
) -> TargetResult:
    """As `with_given`, of the targets alone: what the case is like apart from them takes longer to judge."""
    config = config or TargetConfig()
    names = [b.name for b in case.moving]
    for name in given:
        if name not in names:
            raise InputError("targets", f"no moving body {name!r}", f"one of {', '.join(names)}")
    goals = {t.name: given.get(t.name, t.T_reduced_displaced) for t in own.bodies}
    bodies, assessment = [], ACCEPTED
    for target in own.bodies:
        if target.name in given:
            target = _given(target, goals, case.reference.name, meshes, config)
        bodies.append(target)
        assessment &= target.assessment
    method = METHOD if not given else f"{_GIVEN}{', '.join(n for n in own.order if n in given)}; {METHOD}"
    return replace(own, bodies=tuple(bodies), assessment=assessment, method=method)


def given_targets_of(plan: ReductionPlan) -> dict[str, RigidTransform]:
    """The targets (mm, by body) that a plan has from a person; its method names the bodies."""
    if not plan.method.startswith(_GIVEN):
        return {}
    names = plan.method.removeprefix(_GIVEN).partition("; ")[0].split(", ")
    return {b.name: b.T_reduced_displaced for b in plan.bodies if b.name in names}


def planned_targets(plan: ReductionPlan) -> TargetResult:
    """The targets a plan holds, as far as it tells of them: enough to change some and plan again.

    Raises:
        InputError: the plan does not say how sure its targets are (made before rafr wrote that).
    """
    bodies = []
    for body in plan.bodies:
        judged = body.after.get("target")
        if not isinstance(judged, dict):
            raise InputError(
                f"plan {plan.hash[:12]}", f"no verdict on the target of {body.name}", "a plan made anew"
            )
        bodies.append(
            BodyTarget(
                body.name,
                body.T_reduced_displaced,
                body.expected_error_mm,
                float(judged["error_bound_mm"]),
                None,
                dict(body.after.get("evidence_mm2", {})),
                0.0,
                Assessment.from_json(judged),
            )
        )
    return TargetResult(tuple(bodies), plan.symmetry_plane, plan.order, ACCEPTED, plan.method)


def _given(
    own: BodyTarget,
    goals: Mapping[str, RigidTransform],
    reference: str,
    meshes: Mapping[str, BodyMesh],
    config: TargetConfig,
) -> BodyTarget:
    T, mesh = goals[own.name], meshes[own.name].mesh
    off = pose_error(T, own.T_reduced_displaced, mesh)
    if off["max_mm"] < _ROUNDING_MM:
        T = own.T_reduced_displaced
    inverse = pose_error(T.inverse(), own.T_reduced_displaced, mesh)["mean_mm"]
    if off["mean_mm"] > max(_INVERTED_MM, _INVERTED_TIMES * inverse):
        lies = f"that of {own.name} lies {off['mean_mm']:.1f} mm from the one found"
        raise InputError(
            "targets",
            f"{lies}, its inverse {inverse:.1f} mm",
            "the motion from displaced to reduced, not its inverse",
        )
    error = ErrorForecast(own.expected_error_mm, own.error_bound_mm).with_offset(off["mean_mm"])
    verdict = _near_the_evidence(own, off, config)
    verdict &= _clear_of_bone(own.name, goals, reference, meshes, config)
    return replace(
        own,
        T_reduced_displaced=T,
        expected_error_mm=error.expected_mm,
        error_bound_mm=error.bound_mm,
        pushed_mm=0.0,
        assessment=verdict,
    )


def _near_the_evidence(own: BodyTarget, off: Mapping[str, float], config: TargetConfig) -> Assessment:
    """Says how far off a target is; refuses it where the evidence suffices to call it wrong."""
    lies = f"lies {off['mean_mm']:.1f} mm and {off['deg']:.1f}° from the one found"
    where = f"{own.name}: the target given {lies}"
    if not own.assessment.accepted:
        return Assessment(True, (f"{where}, for which the evidence does not suffice",))
    expected = f"{where}, which is expected to be off by {own.expected_error_mm:.1f} mm"
    limit = max(config.largest_expected_mm, own.error_bound_mm)
    if off["mean_mm"] <= limit:
        return Assessment(True, (expected,))
    return Assessment(False, (f"{expected}; the evidence leaves {limit:.1f} mm open: of this patient?",))


def _clear_of_bone(
    name: str,
    goals: Mapping[str, RigidTransform],
    reference: str,
    meshes: Mapping[str, BodyMesh],
    config: TargetConfig,
) -> Assessment:
    """Refuses overlap that neither meshing nor the CT explains, with all other bodies at their targets."""
    moving = bones_of(meshes[name].parts, body=0)
    at = {reference: RigidTransform.identity(), **{n: T for n, T in goals.items() if n != name}}
    others = [(n, list(bones_of(moved_parts(meshes[n].parts, T)).values())) for n, T in at.items()]
    verdict = ACCEPTED
    for other, bones in others:
        depth = deepest_overlap(goals[name], moving, bones)
        shown = _overlap_as_shown(moving, meshes[other])
        explained = config.allowed_overlap_mm(meshes[other].voxel_mm)
        if depth > max(explained, shown) + config.max_overlap_mm:
            reason = f"{name}: the target given drives it {depth:.1f} mm into {other}"
            verdict &= Assessment(False, (reason,))
    return verdict


def _overlap_as_shown(moving: Mapping[str, Bone], other: BodyMesh) -> float:
    return deepest_overlap(RigidTransform.identity(), dict(moving), bones_of(other.parts).values())
