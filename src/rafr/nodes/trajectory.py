"""Action `optimise_trajectory`: docking, approach, reduction, retreat from what is measured now."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from nav_msgs.msg import Odometry
from rafr_msgs.action import OptimiseTrajectory
from rafr_msgs.msg import Plan, Registration, ToolPoses
from rclpy.task import Future
from sensor_msgs.msg import JointState

from rafr.assessment import Assessment
from rafr.config import option
from rafr.errors import InfeasibleError, InputError
from rafr.geometry import RigidTransform
from rafr.nodes import work
from rafr.nodes.actions import WorkerAction
from rafr.nodes.convert import (
    base_trajectory_message,
    joint_trajectory_message,
    plan_from_message,
    seconds,
    transform_from_pose,
)
from rafr.nodes.runtime import ERROR, LATCHED, SENSOR, RafrNode, run_node
from rafr.planning.plan import ReductionPlan
from rafr.registration.live import LiveChain
from rafr.robot.description import urdf_text
from rafr.robot.urdf import joint_chain
from rafr.room import OperatingRoom
from rafr.tracking.average import AverageConfig, ToolHistory
from rafr.trajectory.measured import Situation, tools_of, with_patient

KINDS = ("docking", "approach", "reduction", "retreat")
_RETRY = 0.2  # s, wall time


class _NotYetError(InfeasibleError):
    """What is missing may come by waiting."""


@dataclass(frozen=True, slots=True)
class TrajectoryNodeConfig:
    case: str = option("", "case folder")
    arm: str = option("ur16e", "robot arm of the description")
    seed: int = option(0, "of the search for a free way", lower=0)
    patience: float = option(
        20.0, "wall time to wait for tools that are seen and stand still", unit="s", lower=0.0, upper=600.0
    )


class TrajectoryNode(RafrNode):
    def __init__(self) -> None:
        super().__init__("trajectory")
        self._config = self.config(TrajectoryNodeConfig)
        self._history = ToolHistory(self.config(AverageConfig))
        self._case = work.case_of(self._config.case)
        self._T_base_marker = OperatingRoom.from_yaml().T_base_marker
        chain = joint_chain(urdf_text(self._config.arm), "arm_base", "clamp")
        self._joint_names = tuple(joint.name for joint in chain if joint.moves)
        self._angles: dict[str, float] = {}
        self._T_world_base: RigidTransform | None = None
        self._last_frame = -np.inf
        self._live: LiveChain | None = None
        self._plan: ReductionPlan | None = None
        self.create_subscription(JointState, "joint_states", self._joints, SENSOR)
        self.create_subscription(Odometry, "odom", self._odometry, SENSOR)
        self.create_subscription(ToolPoses, "tracker/tools", self._frame, SENSOR)
        self.create_subscription(Registration, "registration", self._registered, LATCHED)
        self.create_subscription(Plan, "plan", self._planned, LATCHED)
        self._action = WorkerAction(self, OptimiseTrajectory, "optimise_trajectory", self._optimise)
        self.set_ready()

    # -- what arrives --------------------------------------------------------------------------------

    def _joints(self, message: JointState) -> None:
        self._angles = dict(zip(message.name, message.position, strict=False))

    def _odometry(self, message: Odometry) -> None:
        self._T_world_base = transform_from_pose(message.pose.pose)

    def _frame(self, message: ToolPoses) -> None:
        poses = {t.name: transform_from_pose(t.pose) for t in message.tools if t.valid}
        self._last_frame = seconds(message.header.stamp)
        self._history.add(self._last_frame, {n: p for n, p in poses.items() if p is not None})

    def _registered(self, message: Registration) -> None:
        poses = {b.name: transform_from_pose(b.marker_from_ct) for b in message.bodies}
        known = {name: pose for name, pose in poses.items() if pose is not None}
        reference = self._case.reference.name
        usable = message.accepted and reference in known
        self._live = LiveChain(reference, known, self._T_base_marker) if usable else None

    def _planned(self, message: Plan) -> None:
        try:
            self._plan = plan_from_message(message)
        except InputError as error:
            self._plan = None
            self.diagnose(ERROR, str(error))

    # -- what is asked -------------------------------------------------------------------------------

    async def _optimise(self, goal: Any, compute: Callable[..., Any]) -> Any:
        kind, body = goal.kind, goal.body
        if kind not in KINDS:
            raise InputError("optimise_trajectory", f"kind {kind!r}", f"one of {', '.join(KINDS)}")
        case, arm, seed = str(self._case.folder), self._config.arm, self._config.seed
        if kind == "retreat":
            trajectory, check = await compute(work.retreat, case, arm, body, self._robot(), seed)
            return _arm_result(trajectory, check)
        now = await self._when_still(body)
        if kind == "docking":
            trajectory, check = await compute(work.docking, case, arm, body, now)
            result = _result(check)
            result.base = base_trajectory_message(trajectory)
            return result
        if kind == "approach":
            trajectory, check = await compute(work.approach, case, arm, body, now, seed)
        else:
            trajectory, check = await compute(work.reduction, case, arm, body, now)
        return _arm_result(trajectory, check)

    def _robot(self) -> Situation:
        """How the robot stands.

        Raises:
            InfeasibleError: arm or base have not said.
        """
        missing = [name for name in self._joint_names if name not in self._angles]
        if missing or self._T_world_base is None:
            what = f"joint angles of {', '.join(missing)}" if missing else "odometry"
            raise InfeasibleError((f"no {what} heard",))
        return Situation(tuple(self._angles[name] for name in self._joint_names), self._T_world_base)

    async def _when_still(self, body: str) -> Situation:
        """How everything stands, once tools are seen and stand still: the base may just have arrived.

        Raises:
            InfeasibleError: registration or plan is missing, or patience ran out; why, of the last try.
        """
        deadline = time.monotonic() + self._config.patience
        while True:
            try:
                return self._with_patient(self._robot(), body)
            except _NotYetError as error:
                if time.monotonic() > deadline:
                    raise InfeasibleError(error.reasons) from None
                await self._pause()

    async def _pause(self) -> None:
        """Let other callbacks run for a moment."""
        future: Future = Future(executor=self.executor)
        timer = self.create_wall_timer(_RETRY, lambda: future.done() or future.set_result(None))
        await future
        self.destroy_timer(timer)

    def _with_patient(self, robot: Situation, body: str) -> Situation:
        """How pelvis and body stand, by the mean of the latest tracker frames.

        Raises:
            InfeasibleError: registration or plan is missing.
            _NotYetError: a tool is not seen, or something moves.
        """
        plan = self._plan
        if self._live is None or plan is None or body not in plan.order:
            raise InfeasibleError((f"no accepted registration, or no plan for {body!r}",))
        middle = self._last_frame - self._history.config.window
        try:
            tools = self._history.mean(middle, tools_of(body))
        except InfeasibleError as error:
            raise _NotYetError(error.reasons) from None
        return with_patient(robot, body, plan, self._live, middle, tools)


def _result(check: Assessment) -> Any:
    return OptimiseTrajectory.Result(success=check.accepted, message="; ".join(check.reasons))


def _arm_result(trajectory: Any, check: Assessment) -> Any:
    result = _result(check)
    result.arm = joint_trajectory_message(trajectory)
    return result


def main() -> None:
    sys.exit(run_node(TrajectoryNode))


if __name__ == "__main__":
    main()
