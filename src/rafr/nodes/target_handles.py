"""A handle per moving bone at its target: dropped elsewhere, it has the reduction planned again to there.

Where that may not or cannot be (`rafr.nodes.target_requests`) the handle goes back, and `complaint` says why.
"""

from __future__ import annotations

from collections.abc import Mapping

from visualization_msgs.msg import InteractiveMarkerFeedback

from rafr.geometry import RigidTransform
from rafr.nodes.convert import transform_from_pose
from rafr.nodes.drag_server import DragServer, Grip
from rafr.nodes.runtime import RafrNode
from rafr.nodes.target_requests import TargetRequests
from rafr.planning.plan import ReductionPlan
from rafr.planning.target.given import given_targets_of
from rafr.review.handles import Handle, same_place
from rafr.units import to_metres

NAME = "targets"
_WHO = "somebody at RViz"


class TargetHandles:
    """Keeps the handles where the loaded plan has the targets.

    Attributes:
        complaint: why the last drag came to nothing, or "".
        requests: what the handles ask for.
    """

    def __init__(self, node: RafrNode, handles: Mapping[str, Handle]) -> None:
        self.complaint = ""
        self.requests = TargetRequests(node)
        self._handles, self._plan_hash = handles, ""
        self._targets: dict[str, RigidTransform] = {}
        self._given: dict[str, RigidTransform] = {}
        self._server = DragServer(node, NAME, "pelvis", self._dropped)

    def take_plan(self, plan: ReductionPlan) -> None:
        """The plan that is loaded now."""
        if plan.hash == self._plan_hash:
            return
        self._plan_hash = plan.hash
        targets = {b.name: to_metres(b.T_reduced_displaced) for b in plan.bodies}
        self._targets = {name: T for name, T in targets.items() if name in self._handles}
        self._given = {name: to_metres(T) for name, T in given_targets_of(plan).items()}
        self._server.show({name: self._grip(name) for name in self._targets})
        self.requests.take_plan(plan.hash)

    def _grip(self, name: str) -> Grip:
        handle = self._handles[name]
        return Grip(handle.pose(self._targets[name]), handle.size, f"target of {name}")

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
        self._ask(name, self._handles[name].target(T_pelvis_handle))

    def _ask(self, name: str, T_reduced_displaced: RigidTransform) -> None:
        self.complaint = ""

        def done(success: bool, message: str) -> None:
            if not success:
                self._refuse(name, message)

        self.requests.ask({**self._given, name: T_reduced_displaced}, _WHO, done)

    def _refuse(self, name: str, reason: str) -> None:
        """Back to where the loaded plan has it."""
        self.complaint = f"the target of {name} stays: {reason}"
        self._server.place(name, self._grip(name).pose)
