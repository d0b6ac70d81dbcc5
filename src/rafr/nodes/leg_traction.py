"""What the procedure asks of the device that pulls at the leg."""

from __future__ import annotations

from collections.abc import Callable

from rafr_msgs.srv import SetTraction

from rafr.cases.case import Case
from rafr.cases.surface_points import surface_points
from rafr.geometry import RigidTransform
from rafr.nodes.calls import Calls, Done
from rafr.planning.plan import BodyPlan
from rafr.procedure.traction import TractionFollower


class LegTraction:
    """Asks for the tension the plan has where the body is; one question at a time."""

    def __init__(self, case: Case, calls: Calls, complain: Callable[[str], None]) -> None:
        self._case, self._calls, self._complain = case, calls, complain
        self._follower: TractionFollower | None = None
        self._asked = False
        calls.offer_service(SetTraction, "traction")

    def pull(self, plan: BodyPlan, T_current_displaced: RigidTransform | None, done: Done) -> None:
        """Begin to pull for a body at a pose in m; None: where its path starts."""
        traction = self._case.traction
        if traction is None:
            done(True, "the case prescribes no traction")
            return
        pivot = surface_points(self._case)[plan.name].mean(axis=0)
        self._follower = TractionFollower(plan, pivot, traction.force_n)
        self._ask(self._follower.ask(T_current_displaced) or 0.0, done)

    def let_go(self, done: Done) -> None:
        self._follower = None
        if self._case.traction is None:
            done(True, "the case prescribes no traction")
            return
        self._ask(0.0, done)

    def follow(self, T_current_displaced: RigidTransform | None) -> None:
        """While a body moves the cord pulls as its plan has it where the body is tracked; pose in m."""
        follower = self._follower
        if follower is None or self._asked:
            return
        tension = follower.ask(T_current_displaced)
        if tension is None:
            return
        self._asked = True

        def answered(success: bool, message: str) -> None:
            self._asked = False
            if not success:
                follower.unanswered()
                self._complain(f"traction does not follow: {message}")

        self._ask(tension, answered)

    def _ask(self, tension: float, done: Done) -> None:
        self._calls.service("traction", SetTraction.Request(tension=tension), done)
