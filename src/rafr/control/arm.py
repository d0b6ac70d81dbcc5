"""The arm controller: one state, one task, one command per tick. Pure; it never reads a clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from rafr.assessment import ACCEPTED, Assessment
from rafr.control.adjustment import Adjustment
from rafr.control.bystander import Bystanders
from rafr.control.config import ArmControlConfig
from rafr.control.course import Course
from rafr.control.grip import Grip
from rafr.control.joints import check_joint_trajectory
from rafr.control.loaded import LoadedPlan
from rafr.control.posture import Posture
from rafr.control.reduction import Reduction
from rafr.control.senses import Senses
from rafr.control.signals import (
    ArmCommand,
    ArmInput,
    ArmKinematics,
    ArmMode,
    Finished,
    Moment,
    Step,
    not_allowed,
)
from rafr.control.tasks import Clamping, FreeMotion, Releasing, Task
from rafr.control.watch import first_stop, following, load_on
from rafr.errors import InfeasibleError
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.planning.plan import ReductionPlan
from rafr.trajectory.reduction_path import PathTiming
from rafr.trajectory.result import ArmTrajectory

__all__ = ["ArmCommand", "ArmControlConfig", "ArmController", "ArmInput", "ArmMode", "Finished"]


_REPEATS = "the arm repeats its joint state: it was stopped by its own safety, or its driver hangs"


def _refused(*reasons: str) -> Assessment:
    return Assessment(False, tuple(reasons))


class ArmController:
    """States IDLE, MOVING, CLAMPED, REDUCING, HOLDING (latched until `reset`).

    Whatever happens, commands keep the limits of speed, acceleration and jerk. Without a task the arm slows
    down, if it moved, and stands; a fragment it holds while HOLDING may push it a little (`Relief`).

    Args:
        arm: kinematics in `arm_base` axes.
        T_base_armbase: where the arm stands on the mobile base, m.
        surfaces: per body (n, 3) points of its surface in its CT frame, m, for the distance to the target.
        bystanders: slows free motions for them; None: nobody is about.
    """

    def __init__(
        self,
        arm: ArmKinematics,
        T_base_armbase: RigidTransform,
        config: ArmControlConfig,
        surfaces: Mapping[str, FloatArray] | None = None,
        bystanders: Bystanders | None = None,
    ) -> None:
        self._bystanders = bystanders
        self._arm = arm
        self._T_base_armbase = T_base_armbase
        self._T_armbase_base = T_base_armbase.inverse()
        self._config = config
        self._loaded = LoadedPlan(surfaces or {})
        self._senses = Senses(arm, config)
        self._mode = ArmMode.IDLE
        self._reason = ""
        self._clamped = False  # a fragment may be held: set when closing is asked for
        self._closed = False  # the end effector confirmed it
        self._body = ""
        self._grip: Grip | None = None
        self._task: Task | None = None
        self._posture = Posture(arm, config)
        self._course: Course | None = None
        self._moment: Moment | None = None
        self._progress = 0.0
        self._peaks = (0.0, 0.0)
        self._pending_hold: str | None = None

    @property
    def mode(self) -> ArmMode:
        return self._mode

    @property
    def busy(self) -> bool:
        """Whether a requested motion is under way."""
        return self._task is not None

    def load_plan(self, plan: ReductionPlan | None) -> None:
        """Take the plan to execute; its hash is computed here, from its own content."""
        if self._loaded.load(plan):
            self._course = None

    # -- requests ------------------------------------------------------------------------------------

    def request_free(self, trajectory: ArmTrajectory) -> Assessment:
        """Approach or retreat; refused while clamped, busy, held or when the trajectory is unsound."""
        refusal = self._refusal(ArmMode.IDLE, "free motion")
        if refusal is not None or self._q is None:
            return refusal or _refused("no joint state yet")
        reasons = check_joint_trajectory(self._arm, trajectory, self._q, self._config)
        if reasons:
            return _refused(*reasons)
        if not self._senses.force.tare():
            return _refused("no wrench to tare before free motion")
        slow, said = (trajectory, "") if self._bystanders is None else self._bystanders.slowed(trajectory)
        self._start(FreeMotion(self._arm, slow, self._config), "")
        return Assessment(True, (said,)) if said else ACCEPTED

    def request_clamp(self, body: str) -> Assessment:
        """Close on the pins of a body; when already closed, measure again how it is held."""
        needed = ArmMode.CLAMPED if self._clamped else ArmMode.IDLE
        refusal = self._refusal(needed, "clamping")
        if refusal is not None or self._q is None:
            return refusal or _refused("no joint state yet")
        if not self._loaded.has(body):
            return _refused(f"the loaded plan has no body {body!r}")
        if self._clamped and body != self._body:
            return _refused(f"the clamp holds {self._body!r}")
        # what may already hold a fragment must not be tared: that would hide the fragment's force
        force = None if self._clamped else self._senses.force
        task = Clamping(force, self._config, self._T_base_armbase)
        task.closed = self._closed
        self._grip = None
        self._start(task, body)
        self._senses.watch(body, self._loaded.pivot(body))
        return ACCEPTED

    def request_release(self) -> Assessment:
        """Open the clamp."""
        refusal = self._refusal(ArmMode.CLAMPED, "releasing")
        if refusal is not None:
            return refusal
        self._start(Releasing(self._config), self._body)
        return ACCEPTED

    def request_reduction(self, body: str, trajectory: ArmTrajectory, approved_hash: str) -> Assessment:
        """Move the clamped body along its approved path with the trajectory's timing."""

        def timing(course: Course, grip: Grip, now: Moment) -> PathTiming:
            return course.onwards(now, trajectory, self._arm, self._T_base_armbase, grip, self._config)

        refusal = self._refusal_to_reduce(body, approved_hash)
        if refusal is not None or self._q is None:
            return refusal or _refused("no joint state yet")
        reasons = check_joint_trajectory(self._arm, trajectory, self._q, self._config)
        return _refused(*reasons) if reasons else self._lead(timing)

    def request_retrace(self, body: str, progress: float, approved_hash: str) -> Assessment:
        """Lead the clamped body back the way it came, to a share of its path; needs no trajectory."""
        refusal = self._refusal_to_reduce(body, approved_hash)
        return refusal or self._lead(lambda course, _, now: course.back(now, progress, self._config))

    def adjust(self, plan_hash: str, body: str, adjustment: Adjustment) -> Assessment:
        """Change the path of the reduction under way, within what its approval allows."""
        if not isinstance(self._task, Reduction) or self._body != body:
            return _refused(f"no reduction of {body!r} is under way")
        if not self._loaded.is_named_by(plan_hash):
            return _refused("the adjustment belongs to another plan")
        return self._task.adjust(adjustment)

    def clamp_answered(self, success: bool, message: str = "") -> None:
        """The end effector's answer to `ArmCommand.clamp`."""
        task = self._task
        if isinstance(task, Clamping):
            self._clamped = self._closed = success
            task.closed = success
        if isinstance(task, Releasing):
            task.opened = success
        if isinstance(task, Clamping | Releasing) and not success:
            task.refused = message or "no reason given"

    def clamp_found(self, body: str) -> None:
        """The end effector says, unasked, that it holds a body: this controller was started beside it.

        How it holds it is not known; closing it again (`request_clamp`) measures that.
        """
        if not body or self._clamped or self._task is not None or self._mode != ArmMode.IDLE:
            return
        self._clamped = self._closed = True
        self._mode, self._body = ArmMode.CLAMPED, body

    def hold(self, reason: str) -> None:
        """Stop at the next tick, latched."""
        self._pending_hold = reason

    def hold_reduction(self, body: str, reason: str) -> None:
        """Stop at the next tick if this body is being reduced."""
        if isinstance(self._task, Reduction) and self._body == body:
            self.hold(reason)

    def reset(self) -> Assessment:
        """Leave HOLDING, by a person's decision; the arm stays where it stands."""
        if self._mode != ArmMode.HOLDING:
            return ACCEPTED
        if self._moment is None or self._q is None or not self._moment.safety_ok:
            return _refused("safety does not allow motion")
        if self._moment.joint_age > self._config.joint_age:
            return _refused("no joint states")
        if float(np.abs(self._q - self._moment.q).max()) > self._config.follow_tolerance:
            self._posture.stand_at(self._moment.q)
        self._mode = ArmMode.CLAMPED if self._clamped else ArmMode.IDLE
        self._reason = ""
        self._pending_hold = None
        return ACCEPTED

    # -- the tick ------------------------------------------------------------------------------------

    def update(self, signals: ArmInput) -> ArmCommand:
        """One tick: check the signals, run the task, answer with a command."""
        now = self._senses.update(signals, self._q, self._posture.target)
        if now is None:
            return self._command(Step(self._held_q()))
        self._moment = now
        if self._q is None:
            self._posture.stand_at(now.q)
        self._peaks = (max(self._peaks[0], now.force), max(self._peaks[1], now.torque))
        reason = self._pending_hold or self._must_stop(now)
        self._pending_hold = None
        if reason is not None and self._mode != ArmMode.HOLDING:
            return self._stop(reason, now)
        if self._task is not None:
            return self._run(self._task, now)
        wait = self._posture.hold if self._mode == ArmMode.HOLDING else self._posture.rest
        wait(now)
        return self._command(Step(self._held_q(), self._progress))

    @property
    def _q(self) -> FloatArray | None:
        """(dof,) what the arm was sent last."""
        return self._posture.q

    def _run(self, task: Task, now: Moment) -> ArmCommand:
        step = task.tick(now)
        if step.stop is None and task.mode == ArmMode.REDUCING:
            step = self._inside_joint_limits(step)
        if step.stop is not None:
            return self._stop(step.stop, now, step)
        self._progress = step.progress
        self._posture.follow(step, now.dt)
        self._clamped = self._clamped or step.clamp is True
        if step.done is None:
            return self._command(step)
        if isinstance(task, Clamping):
            assert task.T_fragment_clamp is not None
            self._grip = Grip(self._body, task.T_fragment_clamp)
            self._senses.force.centre = self._grip.centre(self._loaded.pivot(self._body, self._grip))
        if isinstance(task, Releasing):
            self._clamped, self._closed, self._grip, self._course = False, False, None, None
            self._senses.force.centre = np.zeros(3)
        self._task = None
        self._mode = ArmMode.CLAMPED if self._clamped else ArmMode.IDLE
        return self._command(step, Finished(True, step.done, *self._peaks))

    def _must_stop(self, now: Moment) -> str | None:
        """Reasons that end any motion, whichever it is."""
        config = self._config
        if self._task is None:
            return first_stop(load_on(now.force, now.torque, config)) if self._clamped else None
        if self._task.mode == ArmMode.REDUCING and not self._loaded.is_named_by(now.approved_hash):
            return "no live approval of exactly the loaded plan"
        if now.joint_age > config.joint_age:
            silent = f"no joint state for {now.joint_age:.2f} s"
            return _REPEATS if now.joints_repeat else silent
        if not now.safety_ok:
            return not_allowed(now.forbidden)
        if now.wrench_frozen and self._task.mode == ArmMode.REDUCING:
            return "the wrist sensor repeats its last reading"
        if now.wrench_age > config.wrench_age:
            return "no wrench" if not np.isfinite(now.wrench_age) else f"no wrench for {now.wrench_age:.2f} s"
        return following(now, self._arm, config).stops

    def _inside_joint_limits(self, step: Step) -> Step:
        margin = self._config.joint_margin
        inside = np.all(step.q >= self._arm.limits.lower + margin) and np.all(
            step.q <= self._arm.limits.upper - margin
        )
        if inside:
            return step
        return Step(
            self._held_q(), step.progress, stop="a joint limit is reached", path_error=step.path_error
        )

    def _stop(self, reason: str, now: Moment, step: Step | None = None) -> ArmCommand:
        finished = None if self._task is None else Finished(False, reason, *self._peaks)
        self._mode, self._reason, self._task = ArmMode.HOLDING, reason, None
        self._posture.stop(now, self._senses.force.centre if self._clamped else None)
        path_error = float("nan") if step is None else step.path_error
        return self._command(Step(self._held_q(), self._progress, path_error=path_error), finished)

    # -- helpers -------------------------------------------------------------------------------------

    def _refusal(self, needed: ArmMode, what: str) -> Assessment | None:
        if self._task is not None:
            return _refused("another motion is under way")
        if self._mode == ArmMode.HOLDING:
            return _refused(f"the arm holds ({self._reason}) and was not reset")
        if self._mode != needed:
            return _refused(f"{what} needs the arm to be {needed.name}, it is {self._mode.name}")
        if self._moment is None:
            return _refused("no joint state has come yet")
        if not self._moment.safety_ok:
            return _refused(not_allowed(self._moment.forbidden))
        return None

    def _refusal_to_reduce(self, body: str, approved_hash: str) -> Assessment | None:
        refusal = self._refusal(ArmMode.CLAMPED, "reduction")
        if refusal is not None:
            return refusal
        if not self._loaded.is_named_by(approved_hash):
            return _refused("no live approval of exactly the loaded plan")
        if self._grip is None or self._grip.body != body:
            return _refused(f"{body!r} is not clamped and measured")
        return None

    def _lead(self, timing_of: Callable[[Course, Grip, Moment], PathTiming]) -> Assessment:
        """Begin to lead the body in the grip along its course."""
        assert self._grip is not None
        assert self._moment is not None
        grip, loaded, config = self._grip, self._loaded, self._config
        course = self._course or Course.of(loaded.body(grip.body), loaded.pivot(grip.body, grip))
        try:
            timing = timing_of(course, grip, self._moment)
        except InfeasibleError as error:
            return _refused(*error.reasons)
        self._course = course
        task = Reduction(self._arm, self._T_armbase_base, grip, course, timing, loaded.hash, config)
        self._start(task, grip.body)
        return ACCEPTED

    def _start(self, task: Task, body: str) -> None:
        self._task, self._mode, self._body = task, task.mode, body
        self._progress, self._peaks = 0.0, (0.0, 0.0)

    def _held_q(self) -> FloatArray:
        if self._q is not None:
            return self._q
        return np.full(self._arm.limits.lower.shape, np.nan)

    def _command(self, step: Step, finished: Finished | None = None) -> ArmCommand:
        now = self._moment
        live = now is not None and now.tracker_age <= self._config.tracker_pause
        fragment = now.fragment if now is not None and live else None
        distance, angle = self._loaded.to_target(self._body, fragment)
        return ArmCommand(
            q=None if self._q is None else self._q.copy(),
            state=self._mode,
            body=self._body,
            reason=self._reason,
            progress=self._progress,
            fragment=fragment,
            target_distance=distance,
            target_angle=angle,
            path_error=step.path_error,
            force=0.0 if now is None else now.force,
            torque=0.0 if now is None else now.torque,
            warnings=step.warnings,
            **self._told(),
            clamp=step.clamp,
            finished=finished,
        )

    def _told(self) -> dict[str, float]:
        """What was learnt of the tissue, and how far the path is adjusted."""
        course, task = self._course, self._task
        if course is None:
            return {}
        told = {"adjustment": task.adjusted_by} if isinstance(task, Reduction) else {}
        forecast = course.expectation.ahead(self._progress)
        if course.expectation.stiffness is not None and forecast is not None:
            told |= {"stiffness": course.expectation.stiffness, "expected_force": forecast.force}
        return told
