"""The plan that the arm is to execute, and what it says of the body in the clamp."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from rafr.control.grip import Grip
from rafr.geometry import RigidTransform
from rafr.geometry.residual import residual
from rafr.geometry.rigid_transform import FloatArray
from rafr.planning.plan import BodyPlan, ReductionPlan
from rafr.units import to_metres

_NO_SURFACE = np.full((1, 3), np.nan)  # m: the distance to the target stays unknown


class LoadedPlan:
    """At first there is none.

    Attributes:
        hash: of the plan's own content, computed when it was loaded; empty: there is none.
    """

    def __init__(self, surfaces: Mapping[str, FloatArray]) -> None:
        """Args: surfaces: per body (n, 3) points in its CT frame, m; bodies may be missing."""
        self._surfaces = dict(surfaces)
        self._plan: ReductionPlan | None = None
        self.hash = ""

    def load(self, plan: ReductionPlan | None) -> bool:
        """Take another plan, or none; whether it is another one."""
        before, self._plan = self.hash, plan
        self.hash = "" if plan is None else plan.hash
        return self.hash != before

    def is_named_by(self, plan_hash: str) -> bool:
        """Whether a hash, say an approval's, is this plan's; an empty one is nobody's."""
        return bool(plan_hash) and plan_hash == self.hash

    def has(self, body: str) -> bool:
        return self._plan is not None and body in {b.name for b in self._plan.bodies}

    def body(self, name: str) -> BodyPlan:
        """The plan of a body that it has."""
        assert self._plan is not None
        return self._plan.body(name)

    def pivot(self, body: str, grip: Grip | None = None) -> FloatArray:
        """(3,) m, in the body's CT frame: its centre, or where it is held if its surface is not known."""
        if body in self._surfaces:
            return np.asarray(self._surfaces[body].mean(axis=0), dtype=float)
        return np.zeros(3) if grip is None else grip.T_fragment_clamp.translation

    def to_target(self, body: str, T_current_displaced: RigidTransform | None) -> tuple[float, float]:
        """m and rad that are left for a body at this pose (m); NaN where that is not known."""
        if T_current_displaced is None or not self.has(body):
            return float("nan"), float("nan")
        target = to_metres(self.body(body).T_reduced_displaced)
        left = residual(T_current_displaced, target, self._surfaces.get(body, _NO_SURFACE))
        return left.distance, left.angle
