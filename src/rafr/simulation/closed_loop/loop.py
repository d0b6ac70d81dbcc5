"""The closed loop itself: 10 ms ticks in the order in which simulator and nodes do their work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from rafr.assessment import Assessment
from rafr.cases.load import open_case
from rafr.cases.surface_points import surface_points
from rafr.control.arm import ArmCommand, ArmControlConfig, ArmController, ArmInput, ArmMode
from rafr.control.feed import JointFeed
from rafr.control.safety import SafetyConfig, SafetyDecision, SafetySupervisor
from rafr.control.traction import TractionWatch
from rafr.errors import InfeasibleError
from rafr.geometry.rigid_transform import FloatArray
from rafr.procedure.traction import TractionFollower
from rafr.registration.live import Tracking
from rafr.risk.blocks import Block
from rafr.risk.estimate import PATIENT_SOURCE, RiskEstimate
from rafr.risk.patient import PatientRisk
from rafr.robot.mobile import floor_transform
from rafr.simulation.arm_line import TICK, ArmLine
from rafr.simulation.closed_loop.start import Start, registration
from rafr.simulation.config import PlantConfig
from rafr.simulation.faults import FaultConfig, FaultInjector, parse_faults
from rafr.simulation.faults.fault import Delivered
from rafr.simulation.room import open_room
from rafr.simulation.sensors import ArmReading
from rafr.simulation.wearables import EMG_CHANNELS
from rafr.tissue.traction import TractionConfig
from rafr.tracking.average import ToolHistory
from rafr.tracking.drivers.frame import Reading
from rafr.tracking.gating import ToolGate
from rafr.tracking.judge import ToolJudge
from rafr.tracking.names import ToolNames
from rafr.trajectory import measured, mission
from rafr.trajectory.result import ArmTrajectory

_STEPS = round(TICK / 1e-3)
# odometry, arm/state, safety/state and EMG come every 20, 50, 100 and 100 ms
_ODOMETRY_TICKS, _STATE_TICKS, _SAFETY_TICKS, _EMG_TICKS = 2, 5, 10, 10
_NODES = ("arm_controller", "tracker")
_SETTLE = 1.0  # s: the tracker's gate opens, the wrist sensor is heard


class ClosedLoop:
    """A room in which the arm stands at the pins, and everything that will reduce the fragment.

    Attributes:
        plant, sensors: of the room.   controller, safety: as the nodes run them.
        approved_hash: of the plan whose approval is live.   command: the controller's last.
        trajectory: of the reduction, once `grip` is done.
        decision: the supervisor's last.   now: s, simulated.
        risk, estimate: who watches the patient's muscles, and what was said last.
    """

    trajectory: ArmTrajectory

    def __init__(self, start: Start, control: ArmControlConfig, reality: PlantConfig) -> None:
        self.start = start
        self.case = open_case(Path(start.case_folder))
        self.plant, self.sensors = open_room(
            self.case, start.seed, start.arm,
            carry=start.carry, room=start.room, tracker=start.tracker, config=reality,
        )  # fmt: skip
        self.robot = mission.Robot.named(start.arm)
        self.surface = surface_points(self.case)
        arm = self.robot.arm
        self.controller = ArmController(arm, arm.T_base_armbase, control, self.surface)
        self.controller.load_plan(start.plan)
        self.approved_hash = start.plan.hash
        self.safety = SafetySupervisor(_NODES, SafetyConfig(), t_start=0.0)
        self.risk = PatientRisk()
        self.estimate: RiskEstimate | None = None
        self.command: ArmCommand | None = None
        self.decision: SafetyDecision | None = None
        self.fault_t: float | None = None
        self.traction: TractionFollower | None = None
        self.q = self.plant.joint_state()[0]
        self._chain = start.chain or registration(
            self.sensors.markers, start.seed, self.robot.room.T_base_marker
        )
        self._judge = ToolJudge(ToolGate(), ToolNames.parse(""))
        self._history, self._last_frame = ToolHistory(), -np.inf
        self._line, self._winch = ArmLine(), TractionWatch()
        self._feed = JointFeed()
        self._tracking: Tracking | None = None
        self._tension: float | None = None
        self._wrench: tuple[float, FloatArray | None] = (-np.inf, None)
        self._ticks = 0

    @property
    def now(self) -> float:
        return self._ticks * TICK

    # -- one tick ------------------------------------------------------------------------------------

    def tick(self, *, faulty: bool = False) -> ArmCommand:
        """Let 10 ms pass; faults happen only where `faulty`."""
        self._line.watch(self.now, self.plant)
        self.plant.step(_STEPS)
        self._ticks += 1
        now = self.now
        if faulty and self.sensors.faults.update(now, self.plant) and self.fault_t is None:
            self.fault_t = now
        for item in self.sensors.tracker_frames(now, self.plant):
            self._take_frame(item)
        command = self._control()
        self._line.obey(now - TICK, self.sensors.faults, self.plant)
        if command.clamp is not None:
            self.controller.clamp_answered(*self.plant.set_clamp(command.clamp, self.start.body))
        self._report(command)
        self.command = command
        return command

    def _take_frame(self, item: Delivered) -> None:
        """As the tracker's node, then everybody who hears `tracker/tools`."""
        seen_as_valid = item.unseen_is_valid
        readings = {
            t.name: Reading(
                t.T_tracker_marker, t.error, "" if t.T_tracker_marker or seen_as_valid else "not visible"
            )
            for t in item.frame.tools
        }
        verdict = self._judge.judge(item.frame.stamp, item.frame.number, readings, self.now)
        tools, self._last_frame = verdict.valid, item.frame.stamp
        if tools:
            self.safety.heard_tools({name: verdict.states[name].error for name in tools}, self.now)
        self._history.add(item.frame.stamp, tools)
        self._tracking = self._chain.tracking(item.frame.stamp, tools) or self._tracking

    def _control(self) -> ArmCommand:
        """The controller answers every joint state; without any it goes by its own clock."""
        now, before, ended = self.now, self.command, None
        connected = self.sensors.faults.arm_connected
        for reading in self.sensors.arm(now, self.plant) if connected else ():
            before = self._answer(reading)
            ended = before.finished or ended
        if before is None or self._feed.silent(now):
            before = self._update(now, np.full(len(self.q), np.nan))
            ended = before.finished or ended
        return replace(before, finished=ended, clamp=None if before is self.command else before.clamp)

    def _answer(self, reading: ArmReading) -> ArmCommand:
        """Wrench and joint state arrive; the command goes back with the state's stamp."""
        self._wrench = reading.wrench_stamp, reading.wrench
        if np.isfinite(reading.wrench).all() and self.safety.heard_wrench(reading.wrench):
            self.decision = self.safety.update(self.now)
        self.q = reading.q
        t, q = self._feed.take(reading.stamp, reading.q, self.now)
        if self._feed.complaint and self.controller.busy:
            self.controller.hold(self._feed.complaint)
        command = self._update(t, q)
        if command.q is not None:
            self._line.take(reading.stamp, command.q, self.now)
        return command

    def _update(self, t: float, q: FloatArray) -> ArmCommand:
        return self.controller.update(
            ArmInput(
                t=t,
                q=q,
                wrench=self._wrench[1],
                wrench_t=self._wrench[0],
                tracking=self._tracking,
                tension=self._tension,
                safety_ok=self.decision is not None and self.decision.motion_allowed,
                forbidden="" if self.decision is None else "; ".join(self.decision.reasons),
                may_yield=self.decision is not None and self.decision.compliant,
                slowing=0.0 if self.decision is None else self.decision.slowing,
                approved_hash=self.approved_hash,
            )
        )

    def _report(self, command: ArmCommand) -> None:
        """What the controller says reaches supervisor and traction, what the supervisor says the arm."""
        now = self.now
        if self._ticks % _STATE_TICKS == 0:
            self.safety.heard_arm(command.state, command.reason, command.path_error, now)
            if command.state == ArmMode.REDUCING and self.traction is not None:
                self._pull(self.traction.ask(command.fragment))
        if self._ticks % _ODOMETRY_TICKS == 0:
            self.safety.heard_base(self.sensors.odometry(self.plant)[0][:2])
            self._tension = self.sensors.traction(self.plant)
            self.safety.heard_traction(self._winch.complaint(self._tension, now))
        if self._ticks % _EMG_TICKS == 0:
            self._watch_muscles(command.force)
        if self._ticks % _SAFETY_TICKS == 0:
            for node in _NODES:
                self.safety.heard_heartbeat(node, now, ready=True)
            self.decision = self.safety.update(now)

    def _watch_muscles(self, force: float) -> None:
        """As the risk node does with a block of EMG."""
        length = _EMG_TICKS * TICK
        samples = self.sensors.emg(self.now - length, length, self.plant)
        self.risk.heard_load(force)
        block = Block(self.now - length, self.sensors.emg_config.rate, EMG_CHANNELS, samples)
        self.estimate = self.risk.update(block, self.now)
        self.safety.heard_risk(PATIENT_SOURCE, self.estimate.probability, self.estimate.reason, self.now)

    def _pull(self, tension: float | None) -> None:
        if tension is not None and self.plant.set_traction(tension):
            self._winch.ask(tension)

    # -- before the reduction ------------------------------------------------------------------------

    def grip(self) -> None:
        """Patient held, pins in, clamp closed and measured, traction on, the reduction's trajectory made.

        Raises:
            InfeasibleError: one of these was refused.
        """
        body = self.start.body
        self.plant.set_holding(True)
        self.plant.insert_pins(body)
        self._pass(_SETTLE)
        require(self.controller.request_clamp(body))
        while self.controller.busy:
            command = self.tick()
        if command.state != ArmMode.CLAMPED:
            raise InfeasibleError((command.reason,))
        if self.case.traction is not None:
            pivot = self.surface[body].mean(axis=0)
            plan = self.start.plan.body(body)
            self.traction = TractionFollower(plan, pivot, self.case.traction.force_n)
            tension = self.traction.ask(command.fragment) or 0.0
            self._pull(tension)
            self._pass(tension / TractionConfig().rate)
        self._pass(_SETTLE)
        self.trajectory = self.start.trajectory or self._time_reduction()

    def inject(self, faults: Sequence[str], when: FaultConfig) -> None:
        """What is to happen while the arm reduces.

        Raises:
            InputError: an unknown fault.
        """
        rng = np.random.default_rng([self.start.seed, 5])
        self.sensors.faults = FaultInjector(parse_faults(",".join(faults)), when, rng)

    def _time_reduction(self) -> ArmTrajectory:
        """The reduction's, from what is measured now, as the trajectory node makes it."""
        base, _, _ = self.sensors.odometry(self.plant)
        middle = self._last_frame - self._history.config.window
        tools = self._history.mean(middle, measured.tools_of(self.start.body))
        robot = measured.Situation(tuple(self.q), floor_transform(tuple(base)))
        now = measured.with_patient(robot, self.start.body, self.start.plan, self._chain, middle, tools)
        trajectory, check = measured.reduction(
            self.robot, measured.Patient.of(self.case), self.start.body, now
        )
        require(check)
        return trajectory

    def _pass(self, seconds: float) -> None:
        for _ in range(round(seconds / TICK)):
            self.tick()


def require(answer: Assessment) -> None:
    """Raise InfeasibleError where something was refused."""
    if not answer.accepted:
        raise InfeasibleError(answer.reasons)
