"""The reduction planned again to targets that a person moved, while a plan waits for approval.

What comes of it is another plan, by its own topic, which needs an approval of its own.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from rafr_msgs.action import PlanReduction
from rafr_msgs.msg import Approval, ProcedureState

from rafr.geometry import RigidTransform
from rafr.nodes.calls import Calls, Done, Heard
from rafr.nodes.convert import pose_message
from rafr.nodes.runtime import LATCHED, RafrNode
from rafr.review.handles import Permission

_ACTIVE = (ProcedureState.RUNNING, ProcedureState.WAITING)
_PLAN = "plan_reduction"


class TargetRequests:
    """One request at a time, given up as soon as it must not go on (`rafr.review.handles.Permission`)."""

    def __init__(self, node: RafrNode) -> None:
        self._permission = Permission()
        self._done: Done | None = None
        self._calls = Calls(node)
        self._calls.offer_action(PlanReduction, _PLAN)
        node.create_subscription(ProcedureState, "procedure/state", self._take_procedure, LATCHED)
        node.create_subscription(Approval, "approval", self._take_approval, LATCHED)

    def take_plan(self, plan_hash: str) -> None:
        """The plan that is loaded now."""
        self._permission.plan_hash = plan_hash
        self.watch()

    def refusal(self) -> str:
        """Why no target may be moved now; "" when it may."""
        return self._permission.refusal(time.monotonic())

    def ask(
        self,
        T_reduced_displaced: Mapping[str, RigidTransform],
        who: str,
        done: Done,
        heard: Heard | None = None,
    ) -> None:
        """Ask for the plan with these targets (m, by body); `heard` takes the planner's feedback.

        `done` is called once: with True after the plan was made, else with False and the reason.
        """
        busy = "another plan is being made" if self._done is not None else ""
        reason = self.refusal() or busy
        if reason:
            done(False, reason)
            return
        self._done = done

        def answered(success: bool, message: str) -> None:
            if self._done is done:  # not given up meanwhile
                self._end(success, message or "not planned")

        self._calls.action(_PLAN, _goal(T_reduced_displaced, who), answered, heard=heard)

    def watch(self) -> None:
        """Give up a request that must not go on; to be called now and then."""
        if self._done is None:
            return
        reason = self.refusal()
        if reason:
            self._calls.cancel()
        elif self._calls.missing():
            reason = "the planner has gone"
        if reason:
            self._end(False, reason)

    def _end(self, success: bool, message: str) -> None:
        done, self._done = self._done, None
        if done is not None:
            done(success, message)

    def _take_procedure(self, message: ProcedureState) -> None:
        self._permission.phase, self._permission.active = message.phase, message.status in _ACTIVE
        self._permission.heard = time.monotonic()
        self.watch()

    def _take_approval(self, message: Approval) -> None:
        self._permission.approved_hash = message.plan_hash
        self.watch()


def _goal(T_reduced_displaced: Mapping[str, RigidTransform], who: str) -> Any:
    return PlanReduction.Goal(
        requested_by=who,
        given_bodies=list(T_reduced_displaced),
        given_targets=[pose_message(T) for T in T_reduced_displaced.values()],
    )
