"""Which body moves first: one whose place is not taken by another that still waits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from rafr.geometry import RigidTransform
from rafr.geometry.surface import Surface

if TYPE_CHECKING:
    from rafr.cases.meshes import BodyMesh

_TAKEN_MM = 1.0  # overlap with a waiting body from which a place counts as taken


def reduction_order(
    names: Sequence[str],
    meshes: Mapping[str, BodyMesh],
    targets: Mapping[str, RigidTransform],
    start: Mapping[str, RigidTransform],
) -> tuple[str, ...]:
    """Order of reduction: as given, but a body waits while another one lies where it belongs.

    Args:
        names: the bodies in the order that is wanted.
        targets, start: `T_reduced_displaced` and `T_current_displaced` by name, mm.
    """
    waiting, order = list(names), []
    while waiting:
        taken = [_overlap(n, waiting, meshes, targets, start) for n in waiting]
        free = [n for n, depth in zip(waiting, taken, strict=True) if depth < _TAKEN_MM]
        first = free[0] if free else waiting[int(np.argmin(taken))]
        waiting.remove(first)
        order.append(first)
    return tuple(order)


def _overlap(
    name: str,
    waiting: Sequence[str],
    meshes: Mapping[str, BodyMesh],
    targets: Mapping[str, RigidTransform],
    start: Mapping[str, RigidTransform],
) -> float:
    """How deep (mm) a body at its target would lie in those that still wait, as they lie; at least 0."""
    vertices = targets[name].apply(meshes[name].mesh.vertices)
    depth = 0.0
    for other in waiting:
        if other != name:
            surface = Surface.of(meshes[other].mesh.transformed(start[other]))
            depth = max(depth, -float(surface.signed_distance(vertices).min()))
    return depth
