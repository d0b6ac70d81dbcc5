"""The ROS side of `rafr sim`: starts the procedure, listens to it, lets a person approve.

The console is no part of the robot: it records what the graph says of itself and, from
`simulation/truth`, what the final measurement needs; nothing of that flows back.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace
from typing import Any

import rclpy
from rafr_msgs.action import RunProcedure
from rafr_msgs.msg import (
    Approval,
    ArmState,
    BaseState,
    Heartbeat,
    Plan,
    ProcedureState,
    Registration,
    SafetyState,
    SimulationTruth,
)
from rafr_msgs.srv import ApprovePlan
from rclpy.action import ActionClient
from rclpy.experimental.events_executor import EventsExecutor
from rclpy.qos import QoSProfile
from rclpy.signals import SignalHandlerOptions
from std_srvs.srv import Trigger

from rafr.errors import InputError
from rafr.geometry import RigidTransform
from rafr.nodes.convert import plan_from_message, plan_message, seconds, transform_from_pose
from rafr.nodes.domain import stay_on_this_machine
from rafr.nodes.graph import NAMESPACE
from rafr.nodes.runtime import LATCHED, RELIABLE
from rafr.review.messages import ARM_STATES, BASE_STATES, PROCEDURE_STATES, SAFETY_STATES, state_name
from rafr.review.run import OUTCOMES, Registered, RunRecord, Sample, TrueSample
from rafr.supervisor import interrupts_wait
from rafr.units import METRES_PER_MM, to_mm

_OTHER_TARGET_MM = (5.0, 0.0, 0.0)
_HEARTBEATS = QoSProfile(depth=200)


class Console:
    """Fills a RunRecord from the graph; a context manager that owns its ROS context."""

    def __init__(self, record: RunRecord, case_id: str) -> None:
        self.record, self._case_id = record, case_id
        # the command line's own handlers decide what Ctrl-C means
        stay_on_this_machine()
        rclpy.init(
            args=["--ros-args", "--enclave", f"{NAMESPACE}/console"],
            signal_handler_options=SignalHandlerOptions.NO,
        )
        self._node = rclpy.create_node("console", namespace=NAMESPACE)
        self._executor = EventsExecutor()
        self._executor.add_node(self._node)
        self._goal: Any = None
        self._result: Any = None
        self._approval: Any = None
        self.refusal = ""
        self._heard: dict[str, float] = {}
        self._action = ActionClient(self._node, RunProcedure, "run_procedure")
        self._stop = self._node.create_client(Trigger, "safety/stop")
        resets = ("safety/reset", "arm/reset", "base/reset")
        self._resets = [self._node.create_client(Trigger, name) for name in resets]
        self._plans: Any = None
        self._approve = self._node.create_client(ApprovePlan, "approve_plan")
        for message_type, topic, callback, qos in (
            (Heartbeat, "heartbeat", self._heartbeat, _HEARTBEATS),
            (ProcedureState, "procedure/state", self._procedure, LATCHED),
            (ArmState, "arm/state", self._arm, RELIABLE),
            (BaseState, "base/state", self._base, RELIABLE),
            (SafetyState, "safety/state", self._safety, LATCHED),
            (Plan, "plan", self._plan, LATCHED),
            (Registration, "registration", self._registration, LATCHED),
            (Approval, "approval", self._approved, LATCHED),
            (SimulationTruth, "simulation/truth", self._truth, RELIABLE),
        ):
            self._node.create_subscription(message_type, topic, callback, qos)

    def __enter__(self) -> Console:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(Exception):
            self._node.destroy_node()
        rclpy.try_shutdown()

    def spin(self, timeout: float) -> None:
        """Wait at most `timeout` s for something to arrive and handle it."""
        with interrupts_wait():
            self._executor.spin_once(timeout_sec=timeout)

    def ready(self) -> bool:
        """Whether the procedure can be asked to start."""
        return not self.record.missing and bool(self._action.server_is_ready())

    def silent(self, seconds: float) -> list[str]:
        """Nodes that were heard once, but not for so long (wall time)."""
        now = time.monotonic()
        return [name for name, heard in self._heard.items() if now - heard > seconds]

    def start(self, *, auto_approve: bool, resume_from: str = "") -> None:
        """Ask the procedure to run, or to go on at a phase; the outcome arrives in the record."""
        goal = RunProcedure.Goal(auto_approve=auto_approve, resume_from=resume_from)
        self._action.send_goal_async(goal).add_done_callback(self._answered)

    def cancel(self) -> None:
        """Ask the procedure to stop where it is."""
        if self._goal is not None and not self.record.outcome:
            self._goal.cancel_goal_async()

    def decide(self, *, approve: bool, approver: str, reason: str = "", automatic: bool = False) -> None:
        """Approve or reject exactly the plan that was received; `automatic` where no person does."""
        if self.record.plan is None or not self._approve.service_is_ready():
            return
        request = ApprovePlan.Request(
            plan_hash=self.record.plan.hash,
            approver=approver,
            automatic=automatic,
            reject=not approve,
            reason=reason,
        )
        self._approve.call_async(request).add_done_callback(self._decided)

    def stop(self) -> None:
        """Ask the safety supervisor to stop everything, as a person at the console would."""
        self._stop.call_async(Trigger.Request())

    def reset(self) -> None:
        """Ask supervisor, arm and base to leave their holds."""
        for client in self._resets:
            if client.service_is_ready():
                client.call_async(Trigger.Request())

    def publish_another_plan(self) -> None:
        """As a planner that changes its mind: the same plan with every target 5 mm further (a fault)."""
        plan = self.record.plan
        if plan is None:
            return
        shift = RigidTransform.from_translation(_OTHER_TARGET_MM)
        bodies = tuple(replace(b, T_reduced_displaced=shift @ b.T_reduced_displaced) for b in plan.bodies)
        if self._plans is None:
            self._plans = self._node.create_publisher(Plan, "plan", LATCHED)
        self._plans.publish(plan_message(replace(plan, bodies=bodies), self._node.get_clock().now().to_msg()))

    def _answered(self, future: Any) -> None:
        self._goal = future.result()
        if not self._goal.accepted:
            self.record.outcome, self.record.message = "aborted", "the procedure refused to start"
            return
        self._goal.get_result_async().add_done_callback(self._finished)

    def _finished(self, future: Any) -> None:
        result = future.result().result
        self.record.outcome = result.outcome if result.outcome in OUTCOMES else "aborted"
        self.record.holds = list(result.holds) or self.record.holds

    def _decided(self, future: Any) -> None:
        answer = future.result()
        self.refusal = "" if answer.accepted else answer.message

    def _heartbeat(self, message: Heartbeat) -> None:
        if message.node in self.record.nodes:
            self.record.nodes[message.node] = bool(message.ready)
            self._heard[message.node] = time.monotonic()

    def _procedure(self, message: ProcedureState) -> None:
        self.record.status = state_name(message, PROCEDURE_STATES, "status")
        self.record.message = message.message
        self.record.holds = list(message.holds)
        active = self.record.status in ("RUNNING", "WAITING")
        self.record.enter(message.phase if active else "", message.phase_seconds, list(message.history))

    def _arm(self, message: ArmState) -> None:
        self.record.samples.append(
            Sample(
                t=seconds(message.header.stamp),
                state=state_name(message, ARM_STATES),
                body=message.body,
                progress=message.progress,
                distance=message.target_distance,
                angle=message.target_angle,
                path_error=message.path_error,
                force=message.force,
                torque=message.torque,
                force_limit=message.force_limit,
                torque_limit=message.torque_limit,
                tracked=message.fragment_tracked,
                warnings=tuple(message.warnings),
                stiffness=message.stiffness,
                expected_force=message.expected_force,
                adjustment=message.adjustment,
                adjustment_reason=message.adjustment_reason,
            )
        )

    def _base(self, message: BaseState) -> None:
        self.record.base_state = state_name(message, BASE_STATES)

    def _safety(self, message: SafetyState) -> None:
        self.record.safety = state_name(message, SAFETY_STATES)
        self.record.safety_reasons = list(message.reasons)

    def _plan(self, message: Plan) -> None:
        try:
            plan = plan_from_message(message)
        except InputError as error:
            self.record.message = str(error)
            return
        if plan.case_id != self._case_id:
            self.record.message = f"plan of another case ({plan.case_id}): another rafr in this ROS domain?"
            return
        self.record.plan = plan

    def _registration(self, message: Registration) -> None:
        poses = {body.name: transform_from_pose(body.cbct_from_ct) for body in message.bodies}
        self.record.registrations.append(
            Registered(
                accepted=message.accepted,
                reasons=tuple(message.reasons),
                fiducial_error_mm=message.fiducial_error / METRES_PER_MM,
                T_cbct_ct={name: to_mm(pose) for name, pose in poses.items() if pose is not None},
                tre_estimate_mm={b.name: b.tre_estimate / METRES_PER_MM for b in message.bodies},
                overlap={b.name: b.overlap for b in message.bodies},
                true_poses=self.record.truth[-1].T_current_displaced if self.record.truth else {},
            )
        )

    def _approved(self, message: Approval) -> None:
        self.record.approver = message.approver if message.plan_hash else ""
        self.record.approved_hash = message.plan_hash or self.record.approved_hash
        self.record.automatic = bool(message.plan_hash) and message.automatic

    def _truth(self, message: SimulationTruth) -> None:
        poses = zip(message.bodies, map(transform_from_pose, message.current_from_displaced), strict=False)
        self.record.truth.append(
            TrueSample(
                t=seconds(message.header.stamp),
                T_current_displaced={name: to_mm(pose) for name, pose in poses if pose is not None},
                force=message.force,
                torque=message.torque,
                traction=message.traction,
                contact=message.contact,
            )
        )
