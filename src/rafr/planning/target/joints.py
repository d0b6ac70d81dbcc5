"""Joints between bones that move against each other: congruent surfaces at the gap of the other side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from rafr.geometry.rigid_transform import FloatArray
from rafr.planning.target.anatomy import Bone
from rafr.planning.target.contact import near, pairs_that_move
from rafr.planning.target.estimate import Estimate
from rafr.planning.target.evidence import BoolArray, ContactTerm, Term
from rafr.planning.target.local_mirror import HELD_MM, Joint, LocalMirror, joint_of

# mean width of sacro-iliac joint and symphysis over 18 pelves of the VSD set, where no intact joint shows
# its own
_JOINT_GAP_MM, _SYMPHYSIS_GAP_MM = 2.0, 3.2
# spread of the gap: about that mean, and about the gap at the mirror image's place (8 pelves: 1.1 and 0.65)
_JOINT_SIGMA_MM, _MIRRORED_SIGMA_MM, _SYMPHYSIS_SIGMA_MM = 1.1, 0.65, 1.3
# a person's joint is wider or narrower than the mean all over: nearly one observation
_MIRRORED_PATCH_MM2, _MEAN_PATCH_MM2 = 50.0, 400.0
_JOINT_SEARCH_MM, _JOINT_WATCH_MM = 6.0, 20.0
_SAME_PLACE_MM = 4.0


def joint_terms(at: Estimate, bones: Sequence[Bone], mirrors: Mapping[Joint, LocalMirror]) -> list[Term]:
    """Sacro-iliac joints and symphysis, of bones that roughly lie on their mirror images.

    Args:
        mirrors: `find_local_mirrors` of the same.
    """
    terms: list[Term] = []
    for a, b in pairs_that_move(bones):
        if a.name == b.name:
            continue
        near_a, near_b = near(a, b, at, _JOINT_WATCH_MM)
        masks = near_a & ~_held(a, b.name, bones), near_b & ~_held(b, a.name, bones)
        if masks[0].any():
            terms.append(_joint(a, b, masks, mirrors))
    return terms


def _held(bone: Bone, across: str, bones: Sequence[Bone]) -> BoolArray:
    """Points whose joint with a bone is within their own body: they face a piece that moves with them."""
    held = np.zeros(len(bone.points), dtype=bool)
    for other in bones:
        if other.name == across and other.body == bone.body:
            held |= other.surface.distance(bone.points) < HELD_MM
    return held


def _joint(
    a: Bone, b: Bone, masks: tuple[BoolArray, BoolArray], mirrors: Mapping[Joint, LocalMirror]
) -> Term:
    label = f"joint:{a.name}-{b.name} {a.body}/{b.body}"
    if "sacrum" not in (a.name, b.name):
        gaps = [np.where(mask, _SYMPHYSIS_GAP_MM, np.nan) for mask in masks]
        return ContactTerm(a, b, gaps[0], gaps[1], _SYMPHYSIS_SIGMA_MM, _MEAN_PATCH_MM2, label)
    hip, sacrum = (b, a) if a.name == "sacrum" else (a, b)
    mirror = mirrors.get(joint_of(hip, sacrum))
    if mirror is not None:
        gaps = [
            np.where(mask, _gap_of_image(bone, mirror), np.nan)
            for bone, mask in zip((a, b), masks, strict=True)
        ]
        if np.isfinite(gaps[0]).sum() + np.isfinite(gaps[1]).sum() > 30:
            return ContactTerm(a, b, gaps[0], gaps[1], _MIRRORED_SIGMA_MM, _MIRRORED_PATCH_MM2, label)
    gaps = [np.where(mask, _JOINT_GAP_MM, np.nan) for mask in masks]
    return ContactTerm(a, b, gaps[0], gaps[1], _JOINT_SIGMA_MM, _MEAN_PATCH_MM2, label)


def _gap_of_image(bone: Bone, mirror: LocalMirror) -> FloatArray:
    """(n,) gap at the image of every point of a bone; NaN where there is no joint."""
    counterpart, beyond = (
        (mirror.model, mirror.base) if bone.name != "sacrum" else (mirror.base, mirror.model)
    )
    normals = mirror.image_direction(bone.name, bone.normals)
    match = counterpart.surface.closest(mirror.image(bone.name, bone.points))
    across = beyond.surface.closest(match.points)
    same = (match.distance < _SAME_PLACE_MM) & (np.einsum("ij,ij->i", match.normals, normals) > 0.6)
    faces = np.einsum("ij,ij->i", across.normals, match.normals) < -0.6
    gap = np.einsum("ij,ij->i", across.normals, match.points - across.points)
    return np.where(same & faces & (across.distance < _JOINT_SEARCH_MM), gap, np.nan)
