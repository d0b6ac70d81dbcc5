"""Finding one body after the other: a common start, then each by itself, repeated and measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from rafr.assessment import Assessment
from rafr.errors import InfeasibleError
from rafr.geometry import RigidTransform, TriangleMesh, mean_transform, merge_meshes
from rafr.geometry.rigid_transform import FloatArray
from rafr.imaging.volume import Volume
from rafr.progress import Progress
from rafr.registration.coarse import CoarseConfig, coarse_starts
from rafr.registration.edges import (
    EdgeConfig,
    Matches,
    SurfaceProfiles,
    align_profiles,
    match_profiles,
    surface_profiles,
)
from rafr.registration.field_of_view import BoneMap, sample
from rafr.registration.judge import JudgeConfig, Quality, judge_body
from rafr.registration.result import BodyRegistration
from rafr.registration.uncertainty import combined_error, jackknife_error, repeat_spread, scale_error

_DIAGONAL_MM = 1000.0  # error estimate of a body that was not found: larger than any patient


@dataclass(frozen=True, slots=True)
class RegistrationConfig:
    """Everything tunable of a CT-to-CBCT registration.

    Attributes:
        coarse: the global search, all bodies together.
        body_coarse: the search for one body that is not where the others say.
        rough: profiles on the coarse bone map, all bodies together.
        rough_reaches_mm, body_reaches_mm, fine_reaches_mm: search distance along the normals, one
            entry per iteration: all bodies on the bone map, one body on the bone map, one body on the CBCT.
        fine: profiles on the CBCT itself, per body.
        good_start: share of the surface found that ends the search for a start.
        repeats: registrations per body with other samples and disturbed starts.
        disturbance_mm, disturbance_deg: standard deviations of the disturbed starts.
        judge: limits of acceptance.
    """

    coarse: CoarseConfig = field(default_factory=CoarseConfig)
    body_coarse: CoarseConfig = field(default_factory=lambda: CoarseConfig(starts=6))
    rough: EdgeConfig = field(
        default_factory=lambda: EdgeConfig(samples=1500, half_mm=8.0, step_mm=1.0, min_correlation=0.5)
    )
    rough_reaches_mm: tuple[float, ...] = (16, 16, 14, 12, 10, 8, 8, 6, 6)
    body_reaches_mm: tuple[float, ...] = (12, 10, 8, 6, 4, 4)
    fine: EdgeConfig = field(default_factory=EdgeConfig)
    fine_reaches_mm: tuple[float, ...] = (4, 3, 2, 2)
    good_start: float = 0.75
    repeats: int = 3
    disturbance_mm: float = 1.5
    disturbance_deg: float = 1.5
    judge: JudgeConfig = field(default_factory=JudgeConfig)


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """What every step looks at."""

    ct: Volume
    labels: Volume
    bodies: Mapping[str, tuple[int, ...]]
    meshes: Mapping[str, TriangleMesh]
    cbct: Volume
    bone: BoneMap
    config: RegistrationConfig

    def mask(self, name: str, *, others: bool = False) -> Volume:
        """CT grid, 1 in a body (or, with `others`, in all other bones)."""
        table = np.zeros(256, dtype=np.uint8)
        table[1:] = others
        table[list(self.bodies[name])] = not others
        return self.labels.with_array(table[self.labels.array])


@dataclass(frozen=True, slots=True)
class RegisteredBody:
    """Where a body was found, whether that may be relied on, and what it shows of itself, if found."""

    pose: BodyRegistration
    assessment: Assessment
    quality: Quality | None


def not_found(name: str) -> BodyRegistration:
    """A body without a pose: nothing may be read from the identity but the overlap of zero."""
    return BodyRegistration(name, RigidTransform.identity(), _DIAGONAL_MM, 0.0)


def _found(surface: SurfaceProfiles, matches: Matches, config: EdgeConfig) -> float:
    """Share of the visible samples that are matched; little counts where little is visible."""
    seen = int(matches.seen.sum())
    if seen < config.min_matches:
        return 0.0
    return float(matches.good(config).sum() / seen) * min(1.0, seen / (0.25 * len(surface.points)))


def start_together(scene: Scene, rng: np.random.Generator, progress: Progress) -> RigidTransform:
    """The pose that fits all bodies as the CT shows them.

    Raises:
        InfeasibleError: the bones are not found anywhere.
    """
    config = scene.config
    whole = merge_meshes([scene.meshes[name] for name in scene.bodies])
    surface = surface_profiles(whole, scene.ct, None, rng, config.rough)
    starts = coarse_starts(scene.labels, scene.bone, config.coarse, progress)
    poses = [s.T_cbct_ct for s in starts]
    return _best_pose(scene, surface, poses, config.rough_reaches_mm)


def _best_pose(
    scene: Scene, surface: SurfaceProfiles, starts: list[RigidTransform], reaches_mm: tuple[float, ...]
) -> RigidTransform:
    """Refine starts on the bone map until one fits well; the best of all otherwise."""
    config = scene.config
    bone, inside = scene.bone.bone, scene.bone.inside
    best, best_share = None, -1.0
    for start in starts:
        try:
            pose = align_profiles(surface, bone, inside, start, reaches_mm, config.rough)
        except InfeasibleError:
            continue
        matches = match_profiles(surface, bone, inside, pose, reaches_mm[-1], config.rough)
        share = _found(surface, matches, config.rough)
        if share > best_share:
            best, best_share = pose, share
        if share > config.good_start:
            break
    if best is None:
        raise InfeasibleError(("the bones of the CT are not found in the CBCT",))
    return best


def register_body(scene: Scene, name: str, start: RigidTransform, rng: np.random.Generator) -> RegisteredBody:
    """One body from the common start, or from a search of its own where that fails."""
    limits = scene.config.judge
    attempts = (
        lambda: start,
        lambda: _search_alone(scene, name, rng),
    )
    first: tuple[RigidTransform, Quality] | None = None
    reasons: tuple[str, ...] = ()
    for attempt in attempts:
        try:
            pose, quality = _refine(scene, name, attempt(), rng)
        except InfeasibleError as error:
            reasons = tuple(f"{name}: {reason}" for reason in error.reasons)
            continue
        first = first or (pose, quality)
        if quality.found >= limits.min_found:
            first = pose, quality
            break
    if first is None:
        return RegisteredBody(not_found(name), Assessment(False, reasons), None)
    pose, quality = first
    found = BodyRegistration(name, pose, quality.tre_mm, quality.overlap)
    return RegisteredBody(found, judge_body(name, quality, limits), quality)


def _search_alone(scene: Scene, name: str, rng: np.random.Generator) -> RigidTransform:
    """Where a body lies that moved far from the others since the CT.

    Raises:
        InfeasibleError: it is not found anywhere.
    """
    config = scene.config
    others = scene.mask(name, others=True)
    surface = surface_profiles(scene.meshes[name], scene.ct, others, rng, config.rough)
    starts = coarse_starts(scene.mask(name), scene.bone, config.body_coarse)
    return _best_pose(scene, surface, [s.T_cbct_ct for s in starts], config.rough_reaches_mm)


def _refine(
    scene: Scene, name: str, start: RigidTransform, rng: np.random.Generator
) -> tuple[RigidTransform, Quality]:
    """Repeated fine registrations of one body, their mean and what they say about themselves.

    Raises:
        InfeasibleError: the body is out of view or not found near `start`.
    """
    config = scene.config
    mesh, others = scene.meshes[name], scene.mask(name, others=True)
    bone, inside = scene.bone.bone, scene.bone.inside
    targets, _ = mesh.sample_surface(1000, rng)
    in_view = _overlap(targets, start, inside)
    if in_view < config.judge.min_overlap:
        raise InfeasibleError((f"only {in_view:.0%} of its surface lies in the CBCT's field of view",))
    near: RigidTransform | None = None
    poses = []
    for _ in range(config.repeats):
        surface = surface_profiles(mesh, scene.ct, others, rng, config.fine)
        if near is None:
            near = align_profiles(surface, bone, inside, start, config.body_reaches_mm, config.fine)
        disturbed = _disturbed(near, targets.mean(axis=0), config, rng)
        poses.append(
            align_profiles(surface, scene.cbct, inside, disturbed, config.fine_reaches_mm, config.fine)
        )
    mean = mean_transform(poses)
    matches = match_profiles(surface, scene.cbct, inside, mean, config.fine_reaches_mm[-1], config.fine)
    good = matches.good(config.fine)
    if good.sum() < config.fine.min_matches:
        raise InfeasibleError((f"only {good.sum()} places of the bone's surface are found in the CBCT",))
    spread = repeat_spread(poses, mean, targets)
    jackknife = jackknife_error(surface, matches, mean, targets, config.fine, rng)
    quality = Quality(
        overlap=_overlap(targets, mean, inside),
        found=_found(surface, matches, config.fine),
        residual_mm=float(np.median(np.abs(matches.shift_mm[good]))),
        spread_mm=spread,
        tre_mm=combined_error(jackknife, spread, scale_error(mean.apply(targets), scene.cbct)),
    )
    return mean, quality


def _disturbed(
    pose: RigidTransform, centre: FloatArray, config: RegistrationConfig, rng: np.random.Generator
) -> RigidTransform:
    turn = np.radians(config.disturbance_deg) * rng.normal(size=3) / np.sqrt(3.0)
    shift = config.disturbance_mm * rng.normal(size=3) / np.sqrt(3.0)
    return pose @ RigidTransform.from_translation(shift) @ RigidTransform.about_point(turn, centre)


def _overlap(points: FloatArray, T_cbct_ct: RigidTransform, inside: Volume) -> float:
    """Share of surface points inside the field of view."""
    seen: NDArray[np.bool_] = sample(inside, T_cbct_ct.apply(points), outside=0.0) > 0.5
    return float(seen.mean())
