"""Joints between bones that move against each other: congruent surfaces at the gap of the other side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rafr.geometry.rigid_transform import FloatArray
from rafr.planning.anatomy import MIRROR_BONE, Bone
from rafr.planning.contact import near, pairs_that_move
from rafr.planning.estimate import Estimate
from rafr.planning.evidence import BoolArray, ContactTerm, Term

# mean width of sacro-iliac joint and symphysis over 18 pelves of the VSD set, where no intact joint shows
# its own
_JOINT_GAP_MM, _SYMPHYSIS_GAP_MM = 2.0, 3.2
# spread of the gap: about that mean, and about the gap at the mirror image's place (8 pelves: 1.1 and 0.65)
_JOINT_SIGMA_MM, _MIRRORED_SIGMA_MM, _SYMPHYSIS_SIGMA_MM = 1.1, 0.65, 1.0
_JOINT_PATCH_MM2 = 50.0
_JOINT_SEARCH_MM, _JOINT_WATCH_MM = 6.0, 20.0
_SAME_PLACE_MM, _HELD_MM = 4.0, 8.0


def joint_terms(at: Estimate, bones: Sequence[Bone]) -> list[Term]:
    """Sacro-iliac joints and symphysis, of bones that roughly lie on their mirror images."""
    terms: list[Term] = []
    for a, b in pairs_that_move(bones):
        if a.name == b.name:
            continue
        near_a, near_b = near(a, b, at, _JOINT_WATCH_MM)
        masks = near_a & ~_held(a, b.name, bones), near_b & ~_held(b, a.name, bones)
        if masks[0].any():
            terms.append(_joint(a, b, masks, at, bones))
    return terms


def _held(bone: Bone, across: str, bones: Sequence[Bone]) -> BoolArray:
    """Points whose joint with a bone is within their own body: they face a piece that moves with them."""
    held = np.zeros(len(bone.points), dtype=bool)
    for other in bones:
        if other.name == across and other.body == bone.body:
            held |= other.surface.distance(bone.points) < _HELD_MM
    return held


def _joint(a: Bone, b: Bone, masks: tuple[BoolArray, BoolArray], at: Estimate, bones: Sequence[Bone]) -> Term:
    label = f"joint:{a.name}-{b.name} {a.body}/{b.body}"
    if "sacrum" not in (a.name, b.name):
        gaps = [np.where(mask, _SYMPHYSIS_GAP_MM, np.nan) for mask in masks]
        return ContactTerm(a, b, gaps[0], gaps[1], _SYMPHYSIS_SIGMA_MM, _JOINT_PATCH_MM2, label)
    mirrored = _intact_joint(a.name if a.name != "sacrum" else b.name, bones)
    if mirrored is not None:
        hip, sacrum = mirrored
        gaps = [
            np.where(
                mask,
                _gap_of_image(bone, at, *((hip, sacrum) if bone.name != "sacrum" else (sacrum, hip))),
                np.nan,
            )
            for bone, mask in zip((a, b), masks, strict=True)
        ]
        if np.isfinite(gaps[0]).sum() + np.isfinite(gaps[1]).sum() > 30:
            return ContactTerm(a, b, gaps[0], gaps[1], _MIRRORED_SIGMA_MM, _JOINT_PATCH_MM2, label)
    gaps = [np.where(mask, _JOINT_GAP_MM, np.nan) for mask in masks]
    return ContactTerm(a, b, gaps[0], gaps[1], _JOINT_SIGMA_MM, _JOINT_PATCH_MM2, label)


def _intact_joint(hip_name: str, bones: Sequence[Bone]) -> tuple[Bone, Bone] | None:
    """Hip and sacrum of the other side where they lie in one body, so that their joint holds."""
    for hip in bones:
        for sacrum in bones:
            if hip.name == MIRROR_BONE[hip_name] and sacrum.name == "sacrum" and hip.body == sacrum.body:
                return hip, sacrum
    return None


def _gap_of_image(bone: Bone, at: Estimate, counterpart: Bone, beyond: Bone) -> FloatArray:
    """(n,) gap at the mirror image of every point of a bone; NaN where there is no joint.

    Args:
        counterpart: the bone its image lies on.
        beyond: what that faces across the joint; in the same body.
    """
    T, there = at.pose_of(bone.body), at.pose_of(counterpart.body).inverse()
    images = there.apply(at.image(bone.name, T.apply(bone.points)))
    normals = there.rotate(at.image_direction(bone.name, T.rotate(bone.normals)))
    match = counterpart.surface.closest(images)
    across = beyond.surface.closest(match.points)
    same = (match.distance < _SAME_PLACE_MM) & (np.einsum("ij,ij->i", match.normals, normals) > 0.6)
    faces = np.einsum("ij,ij->i", across.normals, match.normals) < -0.6
    gap = np.einsum("ij,ij->i", across.normals, match.points - across.points)
    return np.where(same & faces & (across.distance < _JOINT_SEARCH_MM), gap, np.nan)
