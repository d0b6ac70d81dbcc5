"""Whether a registration may be relied on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rafr.assessment import Assessment
from rafr.geometry import RigidTransform, TriangleMesh, exact_signed_distance


@dataclass(frozen=True, slots=True)
class JudgeConfig:
    """Limits.

    Attributes:
        min_overlap: share of a body's surface in the field of view.
        min_found: share of the visible surface samples whose CT pattern is found in the CBCT.
        max_residual_mm: median distance of the found edges from the registered surface.
        sure_residual_mm: the same, up to which a bone cannot be its mirror image.
        max_spread_mm: between repeated registrations from disturbed starts.
        max_tre_mm: largest accepted error estimate.
        max_penetration_mm: how much deeper two bodies may lie in each other than in the CT.
    """

    min_overlap: float = 0.25
    min_found: float = 0.65
    max_residual_mm: float = 0.6
    sure_residual_mm: float = 0.15
    max_spread_mm: float = 0.5
    max_tre_mm: float = 1.0
    max_penetration_mm: float = 5.0


@dataclass(frozen=True, slots=True)
class Quality:
    """What a body's registration shows of itself; meanings as in `JudgeConfig`."""

    overlap: float
    found: float
    residual_mm: float
    spread_mm: float
    tre_mm: float


def judge_body(name: str, quality: Quality, limits: JudgeConfig) -> Assessment:
    """Accept or reject one body, with every reason."""
    reasons = []
    if quality.overlap < limits.min_overlap:
        reasons.append(
            f"{name}: only {quality.overlap:.0%} of its surface lies in the CBCT's field of view, "
            f"{limits.min_overlap:.0%} needed"
        )
    if quality.found < limits.min_found:
        reasons.append(
            f"{name}: only {quality.found:.0%} of its visible surface is found in the CBCT, "
            f"{limits.min_found:.0%} needed: another patient, or no convergence"
        )
    if quality.residual_mm > limits.max_residual_mm:
        reasons.append(
            f"{name}: bone edges lie {quality.residual_mm:.2f} mm from the registered surface, "
            f"limit {limits.max_residual_mm:.2f} mm"
        )
    if quality.spread_mm > limits.max_spread_mm:
        reasons.append(
            f"{name}: repeated registrations differ by {quality.spread_mm:.2f} mm, "
            f"limit {limits.max_spread_mm:.2f} mm"
        )
    if quality.tre_mm > limits.max_tre_mm:
        reasons.append(f"{name}: expected error {quality.tre_mm:.2f} mm, limit {limits.max_tre_mm:.2f} mm")
    return Assessment(not reasons, tuple(reasons))


def judge_contact(
    meshes: dict[str, TriangleMesh],
    poses: dict[str, RigidTransform],
    limits: JudgeConfig,
    rng: np.random.Generator,
    samples: int = 1500,
) -> Assessment:
    """Reject poses that push bodies into each other much deeper than the CT shows them."""
    reasons = []
    names = list(poses)
    for first in names:
        for second in names:
            if first == second:
                continue
            points, _ = meshes[first].sample_surface(samples, rng)
            T_second_first = poses[second].inverse() @ poses[first]
            before = -float(exact_signed_distance(meshes[second], points).min())
            after = -float(exact_signed_distance(meshes[second], T_second_first.apply(points)).min())
            if after - max(before, 0.0) > limits.max_penetration_mm:
                reasons.append(f"{first} would lie {after:.1f} mm deep in {second}")
    return Assessment(not reasons, tuple(reasons))
