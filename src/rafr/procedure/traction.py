"""What the cord at the leg is to pull while a body is on its way."""

from __future__ import annotations

from rafr.control.course import Course
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.planning.plan import BodyPlan

_WORTH_ASKING = 1.0  # N


class TractionFollower:
    """The planned tension, by where on its approved path the body is tracked."""

    def __init__(self, plan: BodyPlan, pivot: FloatArray, prescribed: float) -> None:
        """Args: pivot (3,): the body's centre in its CT frame, m; prescribed: N, never pulled more."""
        self._prescribed = prescribed
        self._course = Course.of(plan, pivot)
        self._asked: float | None = None

    def tension(self, T_current_displaced: RigidTransform | None) -> float:
        """N, for a body at a pose in m; None: at the start of its path."""
        path = self._course.path.approved
        u = 0.0 if T_current_displaced is None else path.project(T_current_displaced)[0]
        planned = self._course.planned_tension(u)
        return self._prescribed if planned is None else min(planned, self._prescribed)

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
