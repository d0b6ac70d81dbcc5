"""Residual displacement as it is measured on a radiograph: between the edges of a fracture or a torn joint.

Matta & Tornetta 1996 (Clin Orthop 329:129) take the largest one on the AP, inlet and outlet view. Here the
edges are known in three dimensions and so is where they belong; what is measured is how far apart the picture
shows two points that belong together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from rafr.geometry import RigidTransform, TriangleMesh
from rafr.geometry.rigid_transform import FloatArray
from rafr.geometry.surface import Surface, even_subset
from rafr.planning.metrics import matta_grade
from rafr.xray.patient import moved_by
from rafr.xray.view import View

GRADED_VIEWS = ("ap", "inlet", "outlet")
_REACH_MM = 6.0  # faces of a fracture meet, those of a joint lie a cartilage apart
_MOST_POINTS = 3000


@dataclass(frozen=True, slots=True, eq=False)
class FractureEdge:
    """Where two bodies face each other once both lie where they belong: points (n, 3), reference's CT."""

    body: str
    other: str
    points: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class SeenDisplacement:
    """The largest displacement that a view shows.

    Attributes:
        mm: as a ruler calibrated in the middle of the pelvis measures it.
        body, other: what is displaced, and from what.
        belongs, shown: (2,) column and row of the point's place on `other`, and of where `body` has it.
    """

    mm: float
    body: str
    other: str
    belongs: FloatArray
    shown: FloatArray


def fracture_edges(
    meshes: Mapping[str, TriangleMesh], reduced: Mapping[str, RigidTransform]
) -> tuple[FractureEdge, ...]:
    """The edges between all bodies of which one moves.

    Args:
        meshes: surface by body, reference first, LPS mm in the CT.
        reduced: `T_reduced_displaced` (mm) of the moving bodies.
    """
    placed = {name: mesh.transformed(moved_by(reduced, name)) for name, mesh in meshes.items()}
    edges = []
    for other, body in combinations(meshes, 2):
        if body not in reduced and other not in reduced:
            continue
        vertices = placed[body].vertices
        facing = vertices[Surface.of(placed[other]).distance(vertices) < _REACH_MM]
        if len(facing):
            edges.append(FractureEdge(body, other, facing[even_subset(len(facing), _MOST_POINTS)]))
    return tuple(edges)


def seen_displacement(
    edges: Sequence[FractureEdge],
    poses: Mapping[str, RigidTransform],
    reduced: Mapping[str, RigidTransform],
    view: View,
) -> SeenDisplacement | None:
    """The largest displacement of any edge in a view; None without edges.

    Args:
        poses, reduced: `T_current_displaced` and `T_reduced_displaced` (mm) of moving bodies.
    """
    largest = None
    for edge in edges:
        shown, belongs = (
            view.pixels_of((moved_by(poses, n) @ moved_by(reduced, n).inverse()).apply(edge.points))
            for n in (edge.body, edge.other)
        )
        distance = np.linalg.norm(shown - belongs, axis=1) * view.pixel_mm
        worst = int(np.argmax(distance))
        if largest is None or distance[worst] > largest.mm:
            largest = SeenDisplacement(
                float(distance[worst]), edge.body, edge.other, belongs[worst], shown[worst]
            )
    return largest


def matta_on_views(seen: Mapping[str, SeenDisplacement | None]) -> dict[str, Any]:
    """Matta's grade of what was seen by view: `grade`, `max_mm`, `views_mm`; the lateral is not graded by.

    `grade` and `max_mm` are None unless AP, inlet and outlet were all measured.
    """
    views = {name: None if s is None else s.mm for name, s in seen.items()}
    graded = [mm for name in GRADED_VIEWS if (mm := views.get(name)) is not None]
    if len(graded) < len(GRADED_VIEWS):
        return {"grade": None, "max_mm": None, "views_mm": views}
    return {"grade": matta_grade(max(graded)), "max_mm": max(graded), "views_mm": views}
