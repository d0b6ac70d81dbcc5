"""Where bones meet."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from rafr.planning.target.anatomy import Bone
from rafr.planning.target.estimate import IN_PLACE, Estimate
from rafr.planning.target.evidence import BoolArray


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
