"""A handle per moving bone at its target: dropped elsewhere, it has the reduction planned again to there.

Only while nothing is approved and nothing runs (`rafr.review.handles.Permission`); the new plan is another
one, which needs an approval of its own. Otherwise the handle goes back, and `complaint` says why.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from rafr_msgs.action import PlanReduction
from rafr_msgs.msg import Approval, ProcedureState
from visualization_msgs.msg import InteractiveMarkerFeedback

from rafr.geometry import RigidTransform
from rafr.nodes.calls import Calls
from rafr.nodes.convert import pose_message, transform_from_pose
from rafr.nodes.drag_server import DragServer, Grip
from rafr.nodes.runtime import LATCHED, RafrNode
from rafr.planning.plan import ReductionPlan
from rafr.review.handles import Handle, Permission, same_place, still_given
from rafr.units import to_metres

NAME = "targets"
_ACTIVE = (ProcedureState.RUNNING, ProcedureState.WAITING)
_WHO = "somebody at RViz"


class TargetHandles:
    """Keeps the handles where the loaded plan has the targets.

    Attributes:
        complaint: why the last drag came to nothing, or ""; asking: the body whose plan is being made, or "".
    """

    def __init__(self, node: RafrNode, handles: Mapping[str, Handle]) -> None:
        self.complaint, self.asking = "", ""
        self._handles = handles
        self._permission = Permission()
        self._targets: dict[str, RigidTransform] = {}
        self._given: dict[str, RigidTransform] = {}
        self._requests = 0
        self._server = DragServer(node, NAME, "pelvis", self._dropped)
        self._calls = Calls(node)
        self._calls.offer_action(PlanReduction, "plan_reduction")
        node.create_subscription(ProcedureState, "procedure/state", self._take_procedure, LATCHED)
        node.create_subscription(Approval, "approval", self._take_approval, LATCHED)

    def take_plan(self, plan: ReductionPlan) -> None:
        """The plan that is loaded now."""
        if plan.hash == self._permission.plan_hash:
            return
        targets = {b.name: to_metres(b.T_reduced_displaced) for b in plan.bodies}
        self._targets = {name: T for name, T in targets.items() if name in self._handles}
        self._permission.plan_hash = plan.hash
        self._given = still_given(self._given, self._targets)
        self._server.show({name: self._grip(name) for name in self._targets})
        self.watch()

    def watch(self) -> None:
        """Give up a request that must not go on; to be called now and then."""
        if not self.asking:
            return
        reason = self._permission.refusal(time.monotonic())
        if reason:
            self._calls.cancel()
        elif self._calls.missing():
            reason = "the planner has gone"
        if reason:
            self._refuse(self.asking, reason)
            self.asking = ""

    def _grip(self, name: str) -> Grip:
        handle = self._handles[name]
        return Grip(handle.pose(self._targets[name]), handle.size, f"target of {name}")

    def _take_procedure(self, message: ProcedureState) -> None:
        self._permission.phase, self._permission.active = message.phase, message.status in _ACTIVE
        self._permission.heard = time.monotonic()
        self.watch()

    def _take_approval(self, message: Approval) -> None:
        self._permission.approved_hash = message.plan_hash
        self.watch()

    # -- a handle was dropped ------------------------------------------------------------------------

    def _dropped(self, feedback: InteractiveMarkerFeedback) -> None:
        name, frame = feedback.marker_name, feedback.header.frame_id
        if name not in self._targets:
            self.complaint = f"there is no target {name!r} to move"
            return
        T_pelvis_handle = transform_from_pose(feedback.pose)
        if frame != self._server.frame:
            self._refuse(name, f"frame {frame!r} was not asked for")
            return
        if T_pelvis_handle is None:
            self._refuse(name, "the place is not finite")
            return
        if same_place(T_pelvis_handle, self._grip(name).pose):
            return
        busy = f"the path of {self.asking} is being planned" if self.asking else ""
        reason = self._permission.refusal(time.monotonic()) or busy
        if reason:
            self._refuse(name, reason)
        else:
            self._ask(name, self._handles[name].target(T_pelvis_handle))

    def _ask(self, name: str, T_reduced_displaced: RigidTransform) -> None:
        wanted = {**self._given, name: T_reduced_displaced}
        self.complaint, self.asking = "", name
        self._requests += 1
        request = self._requests

        def answered(success: bool, message: str) -> None:
            if not self.asking or request != self._requests:  # given up meanwhile
                return
            self.asking = ""
            # a plan that was not accepted is loaded all the same, with the targets it was given
            self._given = wanted if success else still_given(wanted, self._targets)
            if not success:
                self._refuse(name, message)

        self._calls.action("plan_reduction", with_targets(PlanReduction.Goal(), wanted, _WHO), answered)

    def _refuse(self, name: str, reason: str) -> None:
        """Back to where the loaded plan has it."""
        self.complaint = f"the target of {name} stays: {reason}"
        self._server.place(name, self._grip(name).pose)


def with_targets(goal: Any, targets: Mapping[str, RigidTransform], who: str) -> Any:
    """A goal of `plan_reduction` with these `T_reduced_displaced` (m) by body, asked for by somebody."""
    goal.requested_by = who
    goal.given_bodies = list(targets)
    goal.given_targets = [pose_message(T) for T in targets.values()]
    return goal
