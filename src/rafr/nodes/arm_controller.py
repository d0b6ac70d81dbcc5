"""The arm controller: every joint state is answered by one command (lockstep); action `move_arm`.

All decisions are in `rafr.control.arm`; here messages become its inputs. Service `arm/reset` leaves a
hold by a person's decision.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import WrenchStamped
from rafr_msgs.action import MoveArm
from rafr_msgs.msg import Approval, PathAdjustment, Plan, Registration, SafetyState, ToolPoses
from rafr_msgs.srv import SetClamp
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from std_srvs.srv import Trigger

from rafr.cases.surface_points import surface_points
from rafr.config import option
from rafr.control.arm import ArmCommand, ArmControlConfig, ArmController, ArmInput, ArmMode
from rafr.control.bystander import BystanderConfig, Bystanders
from rafr.control.deadline import DeadlineMonitor
from rafr.control.feed import JointFeed
from rafr.errors import InputError
from rafr.geometry.rigid_transform import FloatArray
from rafr.nodes.arm_outputs import ArmOutputs
from rafr.nodes.convert import (
    adjustment_from_message,
    arm_trajectory_from_message,
    number_of,
    plan_from_message,
    seconds,
    transform_from_pose,
    wrench_array,
)
from rafr.nodes.ends import Ends
from rafr.nodes.long_goal import LongGoal
from rafr.nodes.runtime import LATCHED, OK, RELIABLE, SENSOR, WARN, RafrNode, run_node
from rafr.nodes.work import case_of
from rafr.registration.live import LiveChain, Tracking
from rafr.robot.arm import ArmModel
from rafr.room import OperatingRoom

_KINDS = ("approach", "clamp", "reduction", "release", "retrace", "retreat")
_STATE_PERIOD = 0.05  # s, wall time
_REPORT_PERIOD = 1.0  # s, wall time: deadlines in the diagnostics
_PERIOD = 0.01  # s, nominal, of the loop


@dataclass(frozen=True, slots=True)
class ArmControllerNodeConfig:
    case: str = option("", "case folder; empty: no surfaces, the distance to the target stays unknown")
    arm: str = option("ur16e", "robot arm of the description")
    safety_age: float = option(
        2.0, "age of safety/state that stops (wall time)", unit="s", lower=0.2, upper=10.0
    )
    traction_age: float = option(
        1.0, "age of traction/state that makes the path wait (wall time)", unit="s", lower=0.1, upper=10.0
    )
    stream: str = option(
        "joint_trajectory",
        "controller that takes the commands: joint_trajectory, or position (forward_position_controller)",
    )
    # a period for the answer's way and one for the motion
    reach: float = option(
        0.02,
        "after the joint state it answers, when a command's position is to be reached; a joint trajectory "
        "controller refuses what comes later than that",
        unit="s",
        lower=0.005,
        upper=0.5,
    )
    realtime_priority: int = option(20, "SCHED_RR priority, 0 = ordinary scheduling", lower=0, upper=90)


class ArmControllerNode(RafrNode):
    def __init__(self) -> None:
        super().__init__("arm_controller")
        self._config = self.config(ArmControllerNodeConfig)
        self._control_config = self.config(ArmControlConfig)
        self._arm = ArmModel.named(self._config.arm)
        self._core = ArmController(
            self._arm,
            self._arm.T_base_armbase,
            self._control_config,
            self._surfaces(),
            Bystanders(self._arm, self.config(BystanderConfig)),
        )
        self._T_base_marker = OperatingRoom.from_yaml().T_base_marker
        self._chain: LiveChain | None = None
        self._tracking: Tracking | None = None
        self._wrench: tuple[float, FloatArray | None] = (-np.inf, None)
        self._tension: tuple[float, float] | None = None
        self._approved_hash = ""
        self._safety = (False, -np.inf)
        self._forbidden = ""
        self._compliant = False
        self._slowing = 0.0
        self._command: ArmCommand | None = None
        self._deadlines = DeadlineMonitor(_PERIOD)
        self._adjustment_reason = ""
        self._feed = JointFeed()
        self._wire()
        self._goal = LongGoal(
            self, MoveArm, "move_arm", begin=self._begin, cancel=self._cancel, result=_result
        )
        _become_realtime(self._config.realtime_priority, self)
        self.set_ready()

    def _surfaces(self) -> dict[str, FloatArray]:
        return surface_points(case_of(self._config.case)) if self._config.case else {}

    def _wire(self) -> None:
        config = self._config
        self._outputs = ArmOutputs(self, self._arm.joint_names, config.stream, config.reach)
        self._clamp = self.create_client(SetClamp, "clamp")
        self.create_service(Trigger, "arm/reset", self._reset)
        self.create_subscription(JointState, "joint_states", self._tick, SENSOR)
        self.create_subscription(WrenchStamped, "wrench", self._take_wrench, SENSOR)
        self.create_subscription(ToolPoses, "tracker/tools", self._take_tools, SENSOR)
        self.create_subscription(DiagnosticStatus, "traction/state", self._take_traction, RELIABLE)
        self.create_subscription(Registration, "registration", self._take_registration, LATCHED)
        self.create_subscription(Plan, "plan", self._take_plan, LATCHED)
        self.create_subscription(Approval, "approval", self._take_approval, LATCHED)
        self.create_subscription(SafetyState, "safety/state", self._take_safety, LATCHED)
        self._ends = Ends(self, ("safety",), self._unsupervised)
        self.create_subscription(String, "clamp/state", self._take_clamp_state, LATCHED)
        self.create_subscription(PathAdjustment, "path_adjustment", self._take_adjustment, RELIABLE)
        self.create_wall_timer(_STATE_PERIOD, self._tick_in_silence)
        self.create_wall_timer(_STATE_PERIOD, self._publish_state)
        self.create_wall_timer(_REPORT_PERIOD, self._report_deadlines)

    # -- inputs --------------------------------------------------------------------------------------

    def _take_wrench(self, message: WrenchStamped) -> None:
        self._wrench = (seconds(message.header.stamp), wrench_array(message.wrench))

    def _take_tools(self, message: ToolPoses) -> None:
        if self._chain is None:
            return
        poses = {t.name: transform_from_pose(t.pose) for t in message.tools if t.valid}
        seen = {name: pose for name, pose in poses.items() if pose is not None}
        tracking = self._chain.tracking(seconds(message.header.stamp), seen)
        self._tracking = self._tracking if tracking is None else tracking

    def _take_traction(self, message: DiagnosticStatus) -> None:
        self._tension = number_of(message, "tension"), time.monotonic()

    def _take_registration(self, message: Registration) -> None:
        poses = {b.name: transform_from_pose(b.marker_from_ct) for b in message.bodies}
        if not message.accepted or not poses or any(p is None for p in poses.values()):
            self._chain = self._tracking = None
            self.diagnose(WARN, "no usable registration")
            return
        constants = {n: p for n, p in poses.items() if p is not None}
        self._chain = LiveChain(message.bodies[0].name, constants, self._T_base_marker)

    def _take_plan(self, message: Plan) -> None:
        try:
            self._core.load_plan(plan_from_message(message))
            self.diagnose(OK, "plan loaded", hash=message.hash)
        except InputError as error:
            self._core.load_plan(None)
            self.diagnose(WARN, f"plan refused: {error}")

    def _take_approval(self, message: Approval) -> None:
        self._approved_hash = message.plan_hash

    def _take_clamp_state(self, message: String) -> None:
        self._core.clamp_found(message.data)

    def _take_safety(self, message: SafetyState) -> None:
        self._safety = (message.state in (SafetyState.OK, SafetyState.WARNING), time.monotonic())
        self._forbidden = "; ".join(message.reasons)
        self._compliant = bool(message.compliant)
        self._slowing = message.slowing if np.isfinite(message.slowing) else 0.0

    def _unsupervised(self, _: str) -> None:
        self._safety = (False, -np.inf)
        if self._core.busy:
            self._core.hold("the safety supervisor has ended")

    def _take_adjustment(self, message: PathAdjustment) -> None:
        if message.needs_approval:
            self._core.hold_reduction(message.body, f"a person has to decide: {'; '.join(message.reasons)}")
            return
        answer = self._core.adjust(message.plan_hash, message.body, adjustment_from_message(message))
        self._adjustment_reason = message.reason if answer.accepted else "; ".join(answer.reasons)
        if not answer.accepted:
            self.diagnose(WARN, f"path not adjusted: {self._adjustment_reason}")

    @property
    def _fresh_tension(self) -> float | None:
        """N; NaN when the device says nothing more, None when it never did."""
        if self._tension is None:
            return None
        tension, heard = self._tension
        return tension if time.monotonic() - heard < self._config.traction_age else np.nan

    @property
    def _supervised(self) -> bool:
        """Whether the supervisor was heard lately."""
        return time.monotonic() - self._safety[1] < self._config.safety_age

    # -- the tick ------------------------------------------------------------------------------------

    def _tick(self, message: JointState) -> None:
        """Answer a joint state."""
        t, q = self._feed.take(seconds(message.header.stamp), self._ordered(message), self._now())
        if self._feed.complaint and self._core.busy:
            self._core.hold(self._feed.complaint)
        command = self._update(t, q)
        if command.q is not None:
            self._outputs.send(command.q, message.header.stamp)

    def _tick_in_silence(self) -> None:
        """Without joint states nothing is answered, but time passes: what waits for them must end."""
        now = self._now()
        if self._feed.silent(now):
            self._update(now, np.full(len(self._arm.joint_names), np.nan))

    def _now(self) -> float:
        return 1e-9 * float(self.get_clock().now().nanoseconds)

    def _update(self, t: float, q: FloatArray) -> ArmCommand:
        began = time.monotonic()
        signals = ArmInput(
            t=t,
            q=q,
            wrench=self._wrench[1],
            wrench_t=self._wrench[0],
            tracking=self._tracking,
            tension=self._fresh_tension,
            safety_ok=self._supervised and self._safety[0],
            forbidden=self._forbidden if self._supervised else "it is silent",
            may_yield=self._supervised and self._compliant,
            slowing=self._slowing,
            approved_hash=self._approved_hash,
        )
        command = self._core.update(signals)
        self._command = command
        if command.clamp is not None:
            self._ask_clamp(command.clamp, command.body)
        if command.finished is not None:
            self._finish(command)
        self._deadlines.tick(began, time.monotonic())
        return command

    def _ordered(self, message: JointState) -> FloatArray:
        """Joint positions in the model's order; NaN where the message has none."""
        positions = dict(zip(message.name, message.position, strict=False))
        return np.array([positions.get(name, np.nan) for name in self._arm.joint_names])

    def _ask_clamp(self, closed: bool, body: str) -> None:
        if not self._clamp.service_is_ready():
            self._core.clamp_answered(False, "the end effector offers no service")
            return
        future = self._clamp.call_async(SetClamp.Request(closed=closed, body=body))
        future.add_done_callback(self._clamp_answered)

    def _clamp_answered(self, future: Any) -> None:
        answer = future.result()
        self._core.clamp_answered(bool(answer.success), answer.message)

    def _finish(self, command: ArmCommand) -> None:
        end = command.finished
        assert end is not None
        result = _result(end.success, end.message)
        result.peak_force, result.peak_torque = end.peak_force, end.peak_torque
        self._goal.finish(end.success, result)
        self.diagnose(OK if end.success else WARN, end.message)

    # -- requests ------------------------------------------------------------------------------------

    def _begin(self, request: Any) -> str:
        """Start a motion; the reason when it is refused."""
        try:
            answer = self._request(request)
        except InputError as error:
            return str(error)
        if not answer.accepted:
            return "; ".join(answer.reasons)
        if answer.reasons:
            self.diagnose(WARN, "; ".join(answer.reasons))
        return ""

    def _request(self, request: Any) -> Any:
        if request.kind == "clamp":
            return self._core.request_clamp(request.body)
        if request.kind == "release":
            return self._core.request_release()
        if request.kind not in _KINDS:
            raise InputError("move_arm", f"kind {request.kind!r}", f"one of {', '.join(_KINDS)}")
        if request.kind == "retrace":
            return self._core.request_retrace(request.body, request.progress, self._approved_hash)
        trajectory = arm_trajectory_from_message(request.trajectory)
        if trajectory.joint_names != self._arm.joint_names:
            names = ", ".join(self._arm.joint_names)
            raise InputError("move_arm", f"joints {', '.join(trajectory.joint_names)}", names)
        if request.kind == "reduction":
            return self._core.request_reduction(request.body, trajectory, self._approved_hash)
        return self._core.request_free(trajectory)

    def _cancel(self) -> None:
        self._core.hold("the motion was cancelled")

    def _reset(self, _: Any, response: Any) -> Any:
        answer = self._core.reset()
        response.success, response.message = answer.accepted, "; ".join(answer.reasons)
        return response

    def _report_deadlines(self) -> None:
        """Histograms of the loop, beside whatever is said now."""
        self.add_values(**self._deadlines.summary())

    def _publish_state(self) -> None:
        command = self._command
        if command is None:
            command = ArmCommand(None, ArmMode.IDLE, "", "no joint state yet", 0.0)
        now, longest = self.get_clock().now().to_msg(), self._deadlines.worst_since_asked()
        self._outputs.say(command, self._control_config, now, longest, self._adjustment_reason)
        self._goal.feedback(MoveArm.Feedback(progress=command.progress))


def _result(success: bool, message: str) -> Any:
    return MoveArm.Result(success=success, message=message)


def _become_realtime(priority: int, node: RafrNode) -> None:
    """Ask for real-time scheduling; without the right to it, carry on and say so."""
    if priority <= 0:
        return
    with suppress(AttributeError):  # not on this platform
        try:
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(priority))
        except OSError as error:
            node.get_logger().info(f"ordinary scheduling ({error.strerror})")


def main() -> None:
    sys.exit(run_node(ArmControllerNode))


if __name__ == "__main__":
    main()
