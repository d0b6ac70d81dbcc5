"""A few points of every bone's surface: what distances and middles of a body are taken from as it moves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from rafr.cases.case import Case
from rafr.geometry.rigid_transform import FloatArray
from rafr.units import METRES_PER_MM

if TYPE_CHECKING:
    from rafr.cases.meshes import BodyMesh

_SURFACE_POINTS = 400


def surface_points(case: Case, meshes: Mapping[str, BodyMesh] | None = None) -> dict[str, FloatArray]:
    """Per moving body (n <= 400, 3) vertices spread over its surface, m, CT frame; reads meshes not given."""
    from rafr.cases.meshes import body_meshes

    meshes = meshes or body_meshes(case)
    points = {}
    for body in case.moving:
        vertices = meshes[body.name].mesh.vertices
        chosen = np.random.default_rng(0).choice(
            len(vertices), min(_SURFACE_POINTS, len(vertices)), replace=False
        )
        points[body.name] = np.asarray(vertices[np.sort(chosen)], dtype=float) * METRES_PER_MM
    return points
