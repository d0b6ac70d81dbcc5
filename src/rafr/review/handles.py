"""Handles with which a person moves the target of a fragment before the plan is approved, and when that is.

A handle stands in the middle of its bone as planned, turned with it. Lengths in m, poses in the reference
body's CT frame.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from rafr.geometry import RigidTransform, TriangleMesh
from rafr.geometry.rigid_transform import FloatArray
from rafr.units import METRES_PER_MM

OPEN_PHASE = "approval"  # of the procedure: a plan waits, and none is being carried out
_FRESH = 2.0  # s, wall time: age at which the procedure counts as silent
_CLEAR = 0.02  # m before the bone
_SAME = (1e-5, 1e-5)  # m, rad


@dataclass(frozen=True, slots=True, eq=False)
class Handle:
    """Where a bone is held.

    Attributes:
        centre: (3,) m, the bone's centroid in its own CT frame.   size: m, its longest side.
    """

    centre: FloatArray
    size: float

    @staticmethod
    def of(mesh: TriangleMesh) -> Handle:
        """The handle of a bone, LPS mm."""
        return Handle(
            mesh.centroid * METRES_PER_MM, float(np.ptp(mesh.vertices, axis=0).max() * METRES_PER_MM)
        )

    def pose(self, T_reduced_displaced: RigidTransform) -> RigidTransform:
        """Where the handle stands while its bone's target is this."""
        return T_reduced_displaced @ RigidTransform.from_translation(self.centre)

    def target(self, T_pelvis_handle: RigidTransform) -> RigidTransform:
        """`T_reduced_displaced` of the bone whose handle stands there."""
        return T_pelvis_handle @ RigidTransform.from_translation(-self.centre)


def in_front(mesh: TriangleMesh) -> FloatArray:
    """(3,) m, LPS: from the middle of a bone (LPS mm) to before it, where nothing hides what is drawn."""
    depth_mm = float(mesh.centroid[1] - mesh.vertices[:, 1].min())
    return np.array([0.0, -depth_mm * METRES_PER_MM - _CLEAR, 0.0])


@dataclass(slots=True)
class Permission:
    """Whether targets may be moved now: only while a plan waits for its approval.

    Attributes:
        phase: of the procedure.   active: it runs or waits for a person.   heard: s, when it said so.
        plan_hash, approved_hash: of the loaded plan and of the approved one; "" without.
    """

    phase: str = ""
    active: bool = False
    heard: float = -math.inf
    plan_hash: str = ""
    approved_hash: str = ""

    def refusal(self, now: float) -> str:
        """Why no target may be moved at time `now` (s); "" when it may."""
        if now - self.heard > _FRESH:
            return "the procedure is silent"
        if not self.plan_hash:
            return "there is no plan"
        if self.approved_hash == self.plan_hash:
            return "the plan is approved"
        if not self.active or self.phase != OPEN_PHASE:
            return f"the procedure is in {self.phase or 'no phase'}, not in {OPEN_PHASE}"
        return ""


def same_place(a: RigidTransform, b: RigidTransform) -> bool:
    """Whether two poses (m) are the same to a person."""
    between = a.inverse() @ b
    return bool(np.linalg.norm(between.translation) < _SAME[0] and between.angle < _SAME[1])
