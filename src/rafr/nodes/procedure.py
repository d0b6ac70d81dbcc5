"""The procedure: action `run_procedure`, service `approve_plan`; drives the other nodes phase by phase.

Phases, conditions and ways back are in `rafr.procedure`; each action of the machine is one call here.
"""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from builtin_interfaces.msg import Time
from rafr_msgs.action import (
    DockBase,
    MoveArm,
    OptimiseTrajectory,
    PlanReduction,
    RegisterPatient,
    RunProcedure,
)
from rafr_msgs.msg import Approval, ArmState, Plan, ProcedureState, Registration, SafetyState, ToolPoses
from rafr_msgs.srv import AcquireCbct, ApprovePlan, FixBody
from std_srvs.srv import SetBool
from trajectory_msgs.msg import JointTrajectory

from rafr.cases.surface_points import surface_points
from rafr.config import option
from rafr.control.signals import ArmMode
from rafr.errors import InputError
from rafr.geometry import RigidTransform
from rafr.geometry.residual import Residual
from rafr.nodes.calls import Calls, Done
from rafr.nodes.convert import plan_from_message, transform_from_pose
from rafr.nodes.leg_traction import LegTraction
from rafr.nodes.long_goal import LongGoal
from rafr.nodes.runtime import LATCHED, OK, RELIABLE, SENSOR, WARN, RafrNode, run_node
from rafr.nodes.work import case_of
from rafr.planning.plan import ReductionPlan
from rafr.procedure.check import check_reduction
from rafr.procedure.fixation import fixation_note
from rafr.procedure.machine import ProcedureMachine, Request, Status
from rafr.procedure.phases import Action
from rafr.tracking.tools import REFERENCE_TOOL, fragment_tool

_TICK = 0.1  # s, wall time
_STATE_PERIOD = 0.5  # s, wall time
_FRESH = 2.0  # s, wall time: age at which a state or a tool counts as lost


@dataclass(frozen=True, slots=True)
class ProcedureNodeConfig:
    case: str = option("", "case folder")
    out: str = option("", "folder for the CBCTs")
    residual_limit: float = option(
        3e-3, "largest mean residual to the plan", unit="m", lower=1e-4, upper=0.02
    )
    residual_angle: float = option(0.0524, "largest residual turn", unit="rad", lower=1e-3, upper=0.3)


class ProcedureNode(RafrNode):
    def __init__(self) -> None:
        super().__init__("procedure")
        self._config = self.config(ProcedureNodeConfig)
        self._case = case_of(self._config.case)
        if not Path(self._config.out).is_dir():
            raise InputError("node procedure", f"out is {self._config.out!r}", "an existing folder")
        self._machine = ProcedureMachine()
        self._plan: ReductionPlan | None = None
        self._plan_message: Plan | None = None
        self._again: dict[str, Any] = {}
        self._fragment: RigidTransform | None = None
        self._arm_trajectory: JointTrajectory = JointTrajectory()
        self._base_trajectory: Any = None
        self._registration: Registration | None = None
        self._cbcts: list[tuple[str, Time]] = []
        self._seen: dict[str, float] = {}
        self._safety: tuple[bool, str, float] = (False, "no safety state", -1e9)
        self._notes: list[str] = []
        self._published: Any = None
        self._calls = Calls(self)
        self._traction = LegTraction(self._case, self._calls, partial(self.diagnose, WARN))
        self._table = self._actions()
        self._wire()
        self._goal = LongGoal(
            self, RunProcedure, "run_procedure", begin=self._begin, cancel=self._cancel, result=self._result
        )
        self._publish_approval()
        self.set_ready()

    def _wire(self) -> None:
        self._states = self.create_publisher(ProcedureState, "procedure/state", LATCHED)
        self._approvals = self.create_publisher(Approval, "approval", LATCHED)
        self.create_service(ApprovePlan, "approve_plan", self._approve)
        self.create_subscription(Plan, "plan", self._take_plan, LATCHED)
        self.create_subscription(Registration, "registration", self._take_registration, LATCHED)
        self.create_subscription(SafetyState, "safety/state", self._take_safety, LATCHED)
        self.create_subscription(ArmState, "arm/state", self._take_arm, RELIABLE)
        self.create_subscription(ToolPoses, "tracker/tools", self._take_tools, SENSOR)
        for kind, name in (
            (SetBool, "holding_device"), (AcquireCbct, "acquire_cbct"), (FixBody, "insert_pins"),
            (FixBody, "fix_body"),
        ):  # fmt: skip
            self._calls.offer_service(kind, name)
        for kind, name in (
            (RegisterPatient, "register_patient"), (PlanReduction, "plan_reduction"), (DockBase, "dock_base"),
            (OptimiseTrajectory, "optimise_trajectory"), (MoveArm, "move_arm"),
        ):  # fmt: skip
            self._calls.offer_action(kind, name)
        self.create_wall_timer(_TICK, self._tick)
        self.create_wall_timer(_STATE_PERIOD, self._publish_state)

    # -- what is known -------------------------------------------------------------------------------

    def _take_plan(self, message: Plan) -> None:
        try:
            self._plan, self._plan_message = plan_from_message(message), message
        except InputError as error:
            self._plan = self._plan_message = None
            self.diagnose(WARN, f"plan refused: {error}")
            self._machine.observe(plan_hash="", plan_accepted=False, order=())
        else:
            plan = self._plan
            self._machine.observe(
                plan_hash=plan.hash, plan_accepted=plan.assessment.accepted, order=plan.order
            )
        self._publish_approval()

    def _take_registration(self, message: Registration) -> None:
        self._registration = message
        self._machine.observe(registered=bool(message.accepted))

    def _take_safety(self, message: SafetyState) -> None:
        allowed = message.state in (SafetyState.OK, SafetyState.WARNING)
        self._safety = (allowed, "; ".join(message.reasons), time.monotonic())

    def _take_arm(self, message: ArmState) -> None:
        mode = ArmMode(message.state) if message.state in tuple(ArmMode) else ArmMode.HOLDING
        held = message.body if mode in (ArmMode.CLAMPED, ArmMode.REDUCING) else ""
        self._machine.observe(arm=mode, held_body=held)
        self._fragment = transform_from_pose(message.fragment) if held and message.fragment_tracked else None
        if mode == ArmMode.REDUCING:
            self._traction.follow(self._fragment)
        if mode == ArmMode.HOLDING:
            self._machine.observe(stop_reason=f"the arm holds: {message.reason}")

    def _take_tools(self, message: ToolPoses) -> None:
        now = time.monotonic()
        self._seen.update({t.name: now for t in message.tools if t.valid})

    def _observe_ages(self, now: float) -> None:
        tools = [REFERENCE_TOOL, *(fragment_tool(b.name) for b in self._case.moving)]
        visible = all(now - self._seen.get(t, -1e9) < _FRESH for t in tools)
        allowed, reason, heard = self._safety
        fresh = now - heard < _FRESH
        self._machine.observe(tools_visible=visible, safety_ok=allowed and fresh)
        if not (allowed and fresh):
            self._machine.observe(stop_reason=reason if fresh else "the safety supervisor is silent")

    # -- the machine ---------------------------------------------------------------------------------

    def _tick(self) -> None:
        now = time.monotonic()
        self._observe_ages(now)
        was_active = self._machine.active
        for request in self._machine.tick(now):
            self._table[request.action](request, self._done(request))
        self._publish_approval()
        if was_active and not self._machine.active:
            self._end()

    def _done(self, request: Request) -> Done:
        def done(success: bool, message: str) -> None:
            if message:
                self.get_logger().info(f"{request.action.value}: {message}")
            self._machine.action_done(request.id, success, message, time.monotonic())
            if not self._machine.active and self._goal.active:
                self._end()

        return done

    def _begin(self, request: Any) -> str:
        if request.resume_from:
            self._tell_again()
        else:
            self._notes, self._cbcts = [], []
        answer = self._machine.start(time.monotonic(), request.auto_approve, request.resume_from)
        self._publish_approval()
        return "; ".join(answer.reasons)

    def _tell_again(self) -> None:
        """What nodes that were started again would not hear of, had its first publisher died, too."""
        for message_type, topic, message in (
            (Plan, "plan", self._plan_message), (Registration, "registration", self._registration),
        ):  # fmt: skip
            if message is not None:
                if topic not in self._again:
                    self._again[topic] = self.create_publisher(message_type, topic, LATCHED)
                self._again[topic].publish(message)

    def _cancel(self) -> None:
        self._machine.abort("cancelled")
        self._end()

    def _end(self) -> None:
        """The run is over: nothing may go on moving, and the client hears how it ended."""
        self._calls.cancel()
        self._publish_approval()
        self._publish_state()
        machine = self._machine
        level = OK if machine.status == Status.DONE else WARN
        self.diagnose(level, f"{machine.outcome}: {machine.message}")
        self._goal.finish(machine.status == Status.DONE, self._result(True, ""))

    def _result(self, success: bool, message: str) -> Any:
        machine = self._machine
        outcome = machine.outcome if success else "aborted"
        holds = machine.holds if success else [f"refused: {message}"]
        return RunProcedure.Result(outcome=outcome, phases=[*machine.history, *self._notes], holds=holds)

    def _approve(self, request: Any, response: Any) -> Any:
        if request.reject:
            self._machine.reject(request.reason, time.monotonic())
            response.accepted, response.message = True, "rejected"
        else:
            answer = self._machine.approve(request.plan_hash, request.approver, bool(request.automatic))
            response.accepted, response.message = answer.accepted, "; ".join(answer.reasons)
        self._publish_approval()
        return response

    def _publish_approval(self) -> None:
        approval = self._machine.approval
        if approval == self._published:
            return
        self._published = approval
        message = Approval(
            plan_hash=approval.plan_hash, approver=approval.approver, automatic=approval.automatic
        )
        message.header.stamp = self.get_clock().now().to_msg()
        self._approvals.publish(message)

    def _publish_state(self) -> None:
        machine = self._machine
        message = ProcedureState(
            phase=machine.phase.name,
            status=int(machine.status),
            message=machine.message,
            phase_seconds=machine.phase_seconds(time.monotonic()) if machine.active else 0.0,
            history=[*machine.history, *self._notes],
            holds=machine.holds,
        )
        message.header.stamp = self.get_clock().now().to_msg()
        self._states.publish(message)
        self._goal.feedback(RunProcedure.Feedback(phase=machine.phase.name, message=machine.message))

    # -- the calls -----------------------------------------------------------------------------------

    def _actions(self) -> dict[Action, Callable[[Request, Done], None]]:
        """One call per action of the machine."""
        service, action = self._calls.service, self._calls.action

        def optimise(kind: str, then: Callable[[Any], str]) -> Callable[[Request, Done], None]:
            return lambda r, done: action(
                "optimise_trajectory", OptimiseTrajectory.Goal(kind=kind, body=r.body), done, then
            )

        def move(kind: str, along: bool = True) -> Callable[[Request, Done], None]:
            return lambda r, done: action("move_arm", self._move_goal(kind, r.body, along), done)

        return {
            Action.HOLDING_DEVICE: lambda _, d: service("holding_device", SetBool.Request(data=True), d),
            Action.ACQUIRE_CBCT: lambda _, d: self._acquire(d),
            Action.REGISTER: lambda _, d: self._register(d),
            Action.PLAN: lambda _, d: action("plan_reduction", PlanReduction.Goal(), d),
            Action.APPROVE_AUTOMATICALLY: lambda _, d: self._approve_automatically(d),
            Action.INSERT_PINS: lambda r, d: service("insert_pins", FixBody.Request(body=r.body), d),
            Action.OPTIMISE_DOCKING: optimise("docking", self._keep_base),
            Action.DOCK: lambda _, d: self._dock(d),
            Action.OPTIMISE_APPROACH: optimise("approach", self._keep_arm),
            Action.APPROACH: move("approach"),
            Action.CLAMP: move("clamp", along=False),
            Action.MEASURE_GRIP: move("clamp", along=False),
            Action.TRACTION_ON: lambda r, d: self._pull(r.body, d),
            Action.OPTIMISE_REDUCTION: optimise("reduction", self._keep_arm),
            Action.REDUCE: move("reduction"),
            Action.FIX_BODY: lambda r, d: service("fix_body", FixBody.Request(body=r.body), d),
            Action.RELEASE: move("release", along=False),
            Action.TRACTION_OFF: lambda _, d: self._traction.let_go(d),
            Action.OPTIMISE_RETREAT: optimise("retreat", self._keep_arm),
            Action.RETREAT: move("retreat"),
            Action.RECORD_FIXATION: lambda _, d: self._record_fixation(d),
            Action.MEASURE_RESIDUAL: lambda _, d: self._measure(d),
        }

    def _acquire(self, done: Done) -> None:
        path = str(self._next_cbct())

        def keep(response: Any) -> str:
            self._cbcts.append((path, response.stamp))
            return ""

        self._calls.service("acquire_cbct", AcquireCbct.Request(path=path), done, keep)

    def _next_cbct(self) -> Path:
        """A name nothing is kept under: a procedure that was started again finds earlier images."""
        paths = (Path(self._config.out) / f"cbct_{number}.nii.gz" for number in itertools.count(1))
        return next(path for path in paths if not path.exists())

    def _register(self, done: Done) -> None:
        path, stamp = self._cbcts[-1]

        def keep(result: Any) -> str:
            self._take_registration(result.registration)
            return ""

        self._calls.action("register_patient", RegisterPatient.Goal(cbct=path, stamp=stamp), done, keep)

    def _approve_automatically(self, done: Done) -> None:
        answer = self._machine.approve(self._machine.facts.plan_hash, "automatic (demonstration)", True)
        done(answer.accepted, "; ".join(answer.reasons))

    def _keep_base(self, result: Any) -> str:
        self._base_trajectory = result.base
        return ""

    def _keep_arm(self, result: Any) -> str:
        self._arm_trajectory = result.arm
        return "" if len(result.arm.points) >= 2 else "the trajectory has no points"

    def _dock(self, done: Done) -> None:
        trajectory = self._base_trajectory
        if len(trajectory.t) < 2:
            self._machine.observe(docked=True)
            done(True, "the base stands where it should already")
            return
        self._machine.observe(docked=False)

        def docked(_: Any) -> str:
            self._machine.observe(docked=True)
            return ""

        self._calls.action("dock_base", DockBase.Goal(trajectory=trajectory), done, docked)

    def _move_goal(self, kind: str, body: str, along: bool) -> Any:
        goal = MoveArm.Goal(kind=kind, body=body)
        if along:
            goal.trajectory = self._arm_trajectory
        return goal

    def _pull(self, body: str, done: Done) -> None:
        assert self._plan is not None
        self._traction.pull(self._plan.body(body), self._fragment, done)

    def _record_fixation(self, done: Done) -> None:
        note = fixation_note(self._case.fracture, tuple(self._machine.facts.order))
        self._notes.append(f"fixation: {note}")
        done(True, note)

    def _measure(self, done: Done) -> None:
        """Residual of every body to the plan, from the second CBCT's registration alone."""
        assert self._registration is not None
        assert self._plan is not None
        poses = {b.name: transform_from_pose(b.cbct_from_ct) for b in self._registration.bodies}
        check = check_reduction(
            self._plan,
            self._case.reference.name,
            {name: pose for name, pose in poses.items() if pose is not None},
            surface_points(self._case),
            Residual(self._config.residual_limit, self._config.residual_angle),
        )
        self._notes += check.notes
        done(not check.failed, check.message)


def main() -> None:
    sys.exit(run_node(ProcedureNode))


if __name__ == "__main__":
    main()
