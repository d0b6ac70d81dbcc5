"""From tracked tools to where pelvis and fragments are (docs/architecture.md, chain, steps 3 and 4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rafr.cases.case import Case
from rafr.control.signals import Tracking
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.registration.chain import base_from_pelvis, current_from_displaced, tracker_from_pelvis
from rafr.tracking.tools import BASE_TOOL, REFERENCE_TOOL, fragment_tool
from rafr.units import METRES_PER_MM

if TYPE_CHECKING:
    from rafr.cases.meshes import BodyMesh

_SURFACE_POINTS = 400


@dataclass(frozen=True, slots=True)
class LiveChain:
    """The constants of a registration.

    Attributes:
        reference: name of the reference body.
        T_marker_ct: per body, its CT coordinates in its tool's marker frame, m; the reference's included.
        T_base_marker: m, calibrated.
    """

    reference: str
    T_marker_ct: Mapping[str, RigidTransform]
    T_base_marker: RigidTransform

    def tracking(self, t: float, T_tracker_tool: Mapping[str, RigidTransform]) -> Tracking | None:
        """What one tracker frame says; None while the reference tool is not seen. t: its exposure, s."""
        reference = T_tracker_tool.get(REFERENCE_TOOL)
        if reference is None:
            return None
        T_tracker_pelvis = tracker_from_pelvis(reference, self.T_marker_ct[self.reference])
        base = T_tracker_tool.get(BASE_TOOL)
        T_base_pelvis = None if base is None else base_from_pelvis(self.T_base_marker, base, T_tracker_pelvis)
        fragments = {
            body: current_from_displaced(T_tracker_pelvis, T_tracker_tool[fragment_tool(body)], T_marker_ct)
            for body, T_marker_ct in self.T_marker_ct.items()
            if body != self.reference and fragment_tool(body) in T_tracker_tool
        }
        return Tracking(t, T_base_pelvis, fragments)


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
