"""The two faces of every break, found on the fragments themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np

from rafr.planning.target.anatomy import MIRROR_BONE, Bone
from rafr.planning.target.contact import near, pairs_that_move
from rafr.planning.target.estimate import Estimate
from rafr.planning.target.evidence import BoolArray, ContactTerm, Term

_FACE_SIGMA_MM, _FACE_PATCH_MM2 = 0.4, 25.0
_SMALLEST_FACE_MM2 = 40.0
_CORTEX_MM = 2.0


def face_terms(at: Estimate, bones: Sequence[Bone], reach_mm: float) -> list[Term]:
    """Fracture faces: parts of one bone that face each other within reach and continue no mirrored cortex."""
    terms: list[Term] = []
    for a, b in pairs_that_move(bones):
        if a.name != b.name:
            continue
        near_a, near_b = near(a, b, at, 2.0 * reach_mm)
        masks = near_a & ~_on_cortex(a, at, bones), near_b & ~_on_cortex(b, at, bones)
        label = f"face:{a.name} {a.body}/{b.body}"
        first, second = (np.where(mask, 0.0, np.nan) for mask in masks)
        term = ContactTerm(a, b, first, second, _FACE_SIGMA_MM, _FACE_PATCH_MM2, label)
        if term.rows(at, reach_mm).area >= _SMALLEST_FACE_MM2:
            terms.append(term)
    return terms


def _on_cortex(bone: Bone, at: Estimate, bones: Sequence[Bone]) -> BoolArray:
    """Points whose mirror image lies on cortex of the counterpart that faces the same way."""
    on_cortex = np.zeros(len(bone.points), dtype=bool)
    T = at.pose_of(bone.body)
    images = at.image(bone.name, T.apply(bone.points))
    normals = at.image_direction(bone.name, T.rotate(bone.normals))
    for mirror in bones:
        # a bone lies on itself, not on its own mirror image
        if mirror.name != MIRROR_BONE[bone.name] or mirror is bone:
            continue
        there = at.pose_of(mirror.body)
        match = mirror.surface.closest(there.inverse().apply(images))
        same_way = np.einsum("ij,ij->i", there.rotate(match.normals), normals) > 0.7
        on_cortex |= cast(BoolArray, same_way & (match.distance < _CORTEX_MM))
    return on_cortex
