"""Action `plan_reduction`: from where the bodies were last measured to the target; `plan` is latched."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from rafr_msgs.action import PlanReduction
from rafr_msgs.msg import Plan, Registration

from rafr.config import option
from rafr.errors import InputError
from rafr.geometry import RigidTransform
from rafr.nodes import work
from rafr.nodes.actions import WorkerAction
from rafr.nodes.convert import plan_message, transform_from_pose
from rafr.nodes.runtime import LATCHED, RafrNode, run_node
from rafr.planning.plan import ReductionPlan
from rafr.units import to_mm


@dataclass(frozen=True, slots=True)
class ReductionPlannerConfig:
    case: str = option("", "case folder")


class ReductionPlannerNode(RafrNode):
    def __init__(self) -> None:
        super().__init__("reduction_planner")
        self._case = work.case_of(self.config(ReductionPlannerConfig).case)
        self._registration: Registration | None = None
        self._found: ReductionPlan | None = None
        self._publisher = self.create_publisher(Plan, "plan", LATCHED)
        self.create_subscription(Registration, "registration", self._registered, LATCHED)
        self._action = WorkerAction(self, PlanReduction, "plan_reduction", self._plan)
        self.set_ready()

    def _registered(self, message: Registration) -> None:
        self._registration = message

    async def _plan(self, goal: Any, compute: Callable[..., Any]) -> Any:
        self._check_bodies(goal.bodies)
        start = starts_of(self._registration, self._case.id, self._case.reference.name)
        given = given_targets(goal)
        if given and self._found is None:
            raise InputError("plan_reduction", "no targets to move yet", "a plan found by itself first")
        if given:
            plan = await compute(work.plan_to, str(self._case.folder), start, self._found, given)
            who = goal.requested_by or "somebody"
            plan = replace(plan, method=f"{plan.method}; moved by {who}")
        else:
            plan = self._found = await compute(work.plan, str(self._case.folder), start)
        message = plan_message(plan, self.get_clock().now().to_msg())
        self._publisher.publish(message)
        return PlanReduction.Result(
            success=message.accepted, message="; ".join(message.reasons), plan=message
        )

    def _check_bodies(self, names: list[str]) -> None:
        moving = [body.name for body in self._case.moving]
        if names and set(names) != set(moving):
            # targets depend on each other, so the bodies of a case are planned together
            raise InputError(
                "plan_reduction", f"bodies {', '.join(names)}", f"none, or all of {', '.join(moving)}"
            )


def given_targets(goal: Any) -> dict[str, RigidTransform]:
    """`T_reduced_displaced` (mm) of the bodies whose targets a person moved.

    Raises:
        InputError: names and poses do not fit together, or a pose is unusable.
    """
    if len(goal.given_bodies) != len(goal.given_targets):
        counts = f"{len(goal.given_bodies)} bodies, {len(goal.given_targets)} targets"
        raise InputError("plan_reduction", counts, "a target for every body given")
    poses = {n: transform_from_pose(p) for n, p in zip(goal.given_bodies, goal.given_targets, strict=True)}
    bad = [name for name, pose in poses.items() if pose is None]
    if bad:
        raise InputError("plan_reduction", f"unusable target of {', '.join(bad)}", "a finite pose")
    return {name: to_mm(pose) for name, pose in poses.items() if pose is not None}


def starts_of(registration: Registration | None, case_id: str, reference: str) -> dict[str, RigidTransform]:
    """`T_current_displaced` (mm) of every registered moving body.

    Raises:
        InputError: there is no accepted registration of this case, or it holds no usable poses.
    """
    if registration is None or not registration.accepted or registration.case_id != case_id:
        raise InputError("plan_reduction", "no accepted registration", f"one of case {case_id} first")
    poses = {body.name: transform_from_pose(body.cbct_from_ct) for body in registration.bodies}
    T_cbct_reference = poses.pop(reference, None)
    if T_cbct_reference is None or any(pose is None for pose in poses.values()):
        raise InputError("registration", "unusable poses", f"finite poses of {reference} and every body")
    return {n: to_mm(T_cbct_reference.inverse() @ T) for n, T in poses.items() if T is not None}


def main() -> None:
    sys.exit(run_node(ReductionPlannerNode))


if __name__ == "__main__":
    main()
