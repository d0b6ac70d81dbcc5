"""Where bones meet."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from rafr.geometry import RigidTransform
from rafr.planning.target.anatomy import Bone, Bones
from rafr.planning.target.estimate import IN_PLACE, Estimate
from rafr.planning.target.evidence import BoolArray, facing_pairs

_CONTACT_SEARCH_MM = 15.0


def contact_area(moving: Bones, in_place: Bones) -> float:
    """Area (mm²) of a body, as it lies, that faces bone in place within 15 mm."""
    area = 0.0
    for bone in moving.values():
        for other in in_place.values():
            pairs = facing_pairs(
                bone, np.zeros(len(bone.points)), RigidTransform.identity(), other.surface, _CONTACT_SEARCH_MM
            )
            area += bone.area * len(pairs.gap)
    return area


def pairs_that_move(bones: Sequence[Bone]) -> list[tuple[Bone, Bone]]:
    """Pairs of bones that can move against each other, the one of a moving body first."""
    pairs = [(a, b) if a.body != IN_PLACE else (b, a) for a, b in combinations(bones, 2)]
    return [(a, b) for a, b in pairs if a.body != b.body]


def near(a: Bone, b: Bone, at: Estimate, reach_mm: float) -> tuple[BoolArray, BoolArray]:
    """Points of one bone near another, and the other way round: all that can ever pair."""
    T_a, T_b = at.pose_of(a.body), at.pose_of(b.body)
    forth = b.surface.distance((T_b.inverse() @ T_a).apply(a.points)) < reach_mm
    back = a.surface.distance((T_a.inverse() @ T_b).apply(b.points)) < reach_mm
    return forth, back
