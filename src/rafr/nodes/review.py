"""Serves the page: plan and live picture in, decisions out through `approve_plan`, moved targets through
`plan_reduction`.
"""

from __future__ import annotations

import queue
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rafr_msgs.msg import Approval, Plan, Registration
from rafr_msgs.srv import ApprovePlan

from rafr.cases.meshes import body_meshes
from rafr.config import option
from rafr.errors import InputError
from rafr.nodes.convert import plan_from_message, transform_from_pose
from rafr.nodes.live_feed import LiveFeed
from rafr.nodes.runtime import ERROR, LATCHED, OK, WARN, RafrNode, run_node
from rafr.nodes.target_requests import TargetRequests
from rafr.nodes.work import case_of
from rafr.review.desk import Desk, Targets
from rafr.review.gate import page_token
from rafr.review.operation import Operation, approval_text
from rafr.review.page import Decision, ReviewPage
from rafr.review.theatre import surroundings_of
from rafr.robot.description import urdf_text
from rafr.room import OperatingRoom
from rafr.units import to_metres, to_mm


@dataclass(frozen=True, slots=True)
class ReviewNodeConfig:
    case: str = option("", "case folder")
    arm: str = option("ur16e", "robot arm of the description")
    port: int = option(0, "of the page on this machine; 0 = any free one", lower=0, upper=65535)
    period: float = option(0.15, "wall time between two live pictures", unit="s", lower=0.02, upper=5.0)


class ReviewNode(RafrNode):
    def __init__(self) -> None:
        super().__init__("review")
        config = self.config(ReviewNodeConfig)
        case = case_of(config.case)
        bodies = body_meshes(case)
        # the page calls from its own threads; ROS is spoken in the executor's only
        self._decisions: queue.SimpleQueue[Decision] = queue.SimpleQueue()
        self._targets: queue.SimpleQueue[tuple[Targets, str]] = queue.SimpleQueue()
        self._desk = Desk(case, bodies, lambda targets, who: self._targets.put((targets, who)))
        meshes = {name: body.mesh for name, body in bodies.items()}
        title = f"rafr · {case.id}"
        urdf = urdf_text(config.arm)
        surroundings = surroundings_of(case, meshes, OperatingRoom.from_yaml(), urdf)
        self._page = ReviewPage(
            title,
            meshes,
            self._decisions.put,
            config.port,
            surroundings,
            desk=self._desk,
            token=page_token(),
        )
        self._operation = Operation(
            self._page, case, bodies, surroundings, urdf, lambda text: self.diagnose(WARN, text)
        )
        self._live = LiveFeed(self, self._page, self._operation)
        self._plan_hash = ""
        self._approve = self.create_client(ApprovePlan, "approve_plan")
        self._requests = TargetRequests(self)
        self.create_subscription(Registration, "registration", self._registered, LATCHED)
        self.create_subscription(Plan, "plan", self._plan, LATCHED)
        self.create_subscription(Approval, "approval", self._approved, LATCHED)
        self.create_wall_timer(0.1, self._hand_on)
        self.create_wall_timer(config.period, self._live.show)
        self.get_logger().info(f"review page: {self._page.url}")
        self.set_ready()
        self.diagnose(OK, "serving", url=self._page.url.partition("?")[0])

    def _plan(self, message: Plan) -> None:
        try:
            plan = plan_from_message(message)
        except InputError as error:
            self.diagnose(ERROR, str(error))
            return
        self._plan_hash = plan.hash
        self._operation.order = plan.order
        self._page.show_plan(plan)
        self._requests.take_plan(plan.hash)
        self._page.say("A plan waits for your decision.")

    def _approved(self, message: Approval) -> None:
        if message.plan_hash and message.plan_hash == self._plan_hash:
            self._page.close_decision(approval_text(message))

    def _registered(self, message: Registration) -> None:
        poses = {b.name: transform_from_pose(b.cbct_from_ct) for b in message.bodies}
        seen = {name: to_mm(pose) for name, pose in poses.items() if pose is not None}
        if message.accepted and message.cbct and len(seen) == len(poses):
            self._desk.take_registration(Path(message.cbct), seen)

    def _hand_on(self) -> None:
        self._requests.watch()
        while not self._targets.empty():
            self._plan_to(*self._targets.get())
        while not self._decisions.empty():
            decision = self._decisions.get()
            if not self._approve.service_is_ready():
                self._page.say("**The procedure does not answer: nothing was decided.**")
                self.diagnose(WARN, "a decision could not be handed on: approve_plan is not served")
                continue
            request = ApprovePlan.Request(
                plan_hash=decision.plan_hash,
                approver=decision.approver,
                reject=not decision.approve,
                reason=decision.reason,
            )
            self._approve.call_async(request).add_done_callback(self._answered)

    def _plan_to(self, targets: Targets, who: str) -> None:
        """Ask for the plan with these targets (mm), which comes by its topic."""

        def done(success: bool, message: str) -> None:
            if not success:
                self._page.say(f"**The targets stay: {message}.**")

        self._requests.ask({n: to_metres(T) for n, T in targets.items()}, who, done, self._planning)

    def _planning(self, feedback: Any) -> None:
        self._page.say(f"Planning: {100 * feedback.progress:.0f} % {feedback.stage}")

    def _answered(self, future: Any) -> None:
        answer = future.result()
        if not answer.accepted:
            self._page.say(f"**Not accepted: {answer.message}**")

    def close(self) -> None:
        self._page.close()


def main() -> None:
    sys.exit(run_node(ReviewNode))


if __name__ == "__main__":
    main()
