"""What the cord at the leg is to pull while a body is on its way."""

from __future__ import annotations

import numpy as np

from rafr.control.path import ReductionPath
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.planning.plan import BodyPlan

_WORTH_ASKING = 1.0  # N


class TractionFollower:
    """The planned tension, by where on its approved path the body is tracked."""

    def __init__(self, plan: BodyPlan, pivot: FloatArray, prescribed: float) -> None:
        """Args: pivot (3,): the body's centre in its CT frame, m; prescribed: N, never pulled more."""
        self._prescribed = prescribed
        self._path = ReductionPath.of_plan(plan, pivot)
        along = plan.traction_n
        self._tension = None if along is None else np.resize(along, len(self._path.shares))
        self._asked: float | None = None

    def tension(self, T_current_displaced: RigidTransform | None) -> float:
        """N, for a body at a pose in m; None: at the start of its path."""
        if self._tension is None:
            return self._prescribed
        u = 0.0 if T_current_displaced is None else self._path.project(T_current_displaced)[0]
        return min(float(np.interp(u, self._path.shares, self._tension)), self._prescribed)

    def ask(self, T_current_displaced: RigidTransform | None) -> float | None:
        """The tension to ask for, N; None: what was asked for last will do, or the body is not tracked."""
        if T_current_displaced is None and self._asked is not None:
            return None
        wanted = self.tension(T_current_displaced)
        if self._asked is not None and abs(wanted - self._asked) < _WORTH_ASKING:
            return None
        self._asked = wanted
        return wanted

    def unanswered(self) -> None:
        """What was asked for last was not done: ask again."""
        self._asked = None
