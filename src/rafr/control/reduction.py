"""Moving a clamped fragment along its approved path under tracked feedback and a force limit."""

from __future__ import annotations

import numpy as np

from rafr.assessment import Assessment
from rafr.control.adjustment import Adjustment
from rafr.control.admittance import Admittance, beyond
from rafr.control.config import ArmControlConfig
from rafr.control.correction import Correction, SmoothedPose, displaced, fragment_error
from rafr.control.course import Course
from rafr.control.force import about, force_speed
from rafr.control.grip import Grip, GripMonitor, strained
from rafr.control.joints import resolved_rate_step
from rafr.control.signals import ArmKinematics, ArmMode, Moment, Step
from rafr.control.tasks import PathClock
from rafr.control.watch import Quantity, all_warnings, first_stop, following, load_on, motion_of, off_path
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.trajectory.reduction_path import PathTiming

_CREEP = 0.02  # share of the planned speed below which, on the average, there is no progress
_LAG = (2e-3, 0.02)  # m, rad the command may lag behind the path before the path waits
_ERROR_FILTER = 0.3  # s
_MAX_SAMPLE_GAP = 0.1  # s: an error is never integrated over a longer gap
_STIFFER = 1.2  # from which stiffer tissue is worth a word
_RELIEVING = 0.3  # share of the speed at which a fragment is led back however hard it is pulled


class Reduction:
    """T_base_clamp(t) = T_base_pelvis · correction(yielding(T_path_displaced(u(t)))) · T_fragment_clamp.

    Path time runs at the share of the planned speed that force, tracked error, tracker age, the arm's own lag
    and the risk to the patient allow; at its end it waits until the tracked fragment stands there. A timing
    that runs back along the path leads the fragment the way it came.
    """

    mode = ArmMode.REDUCING

    def __init__(
        self,
        arm: ArmKinematics,
        T_armbase_base: RigidTransform,
        grip: Grip,
        course: Course,
        timing: PathTiming,
        plan_hash: str,
        config: ArmControlConfig,
    ) -> None:
        self._arm = arm
        self._T_armbase_base = T_armbase_base
        self._grip = grip
        self._course = course
        self._path, self._timing = course.path, timing
        self._plan_hash = plan_hash
        self._config = config
        self._clock = PathClock(timing.duration)
        self._correction = Correction(config)
        self._yielding = Admittance(config, (config.yield_linear, config.yield_angular))
        self._pelvis = SmoothedPose(config.pelvis_filter, self._path.pivot)
        self._error: FloatArray | None = None
        self._grip_monitor = GripMonitor(grip, config)
        self._sample_t: float | None = None
        self._lag = np.zeros(6)
        self._passed = 0.0  # s of the path's time at which its progress was noted last
        self._least_load = float("inf")  # N, since it waits at the path's end, near enough to end
        self._waits = dict.fromkeys(("stalled", "bound", "settled", "settling"), 0.0)

    @property
    def adjusted_by(self) -> float:
        """m, where the fragment stands."""
        return float(np.linalg.norm(self._path.offset(self._u)[:3]))

    def adjust(self, adjustment: Adjustment) -> Assessment:
        """Go on along another path, if it is near enough to the approved one and joins it here."""
        answer = adjustment.judge(self._path.offset(self._u), self._u, self._config)
        if answer.accepted:
            self._path.take(adjustment)
        return answer

    def tick(self, now: Moment) -> Step:
        reason, quantities = self._must_stop(now)
        if reason is not None:
            return Step(now.q_target, self._u, stop=reason, path_error=self.path_error)
        if now.new_sample or self._error is None:
            self._take_sample(now)
        self._yield(now)
        share, why = self._speed_share(now)
        u = self._timing.at(self._clock.advance(now.dt, share))
        q, self._lag = resolved_rate_step(self._arm, now.q_target, self._goal(u), self._config, now.dt)
        warnings = (*all_warnings(quantities), *self._foreseen(u))
        step = Step(q, u, path_error=self.path_error, warnings=warnings)
        return self._settle(now, step) if self._clock.at_end else self._watch(now, step, why)

    @property
    def _u(self) -> float:
        return self._timing.at(self._clock.t)

    @property
    def path_error(self) -> float:
        """m, smoothed distance of the fragment's centre from where the path has it."""
        return float("nan") if self._error is None else float(np.linalg.norm(self._error[:3]))

    @property
    def angle_error(self) -> float:
        return float("nan") if self._error is None else float(np.linalg.norm(self._error[3:]))

    def _must_stop(self, now: Moment) -> tuple[str | None, tuple[Quantity, ...]]:
        """The first reason to stop, and everything that was looked at."""
        config = self._config
        if not now.approved_hash or now.approved_hash != self._plan_hash:
            return "no live approval of exactly the plan whose path this is", ()
        if now.tracker_age > config.tracker_stop or now.fragment is None or now.T_base_pelvis is None:
            return f"the fragment was not tracked for {config.tracker_stop:.1f} s", ()
        watched = (
            *load_on(now.force, now.torque, config),
            following(now, self._arm, config),
            *motion_of(now, self._arm, config),
        )
        if self._error is not None:
            watched += off_path(self.path_error, self.angle_error, config)
        return self._grip_monitor.slipped(now.force, now.torque) or first_stop(watched), watched

    def _foreseen(self, u: float) -> tuple[str, ...]:
        """What the tissue as learnt will do further along."""
        forecast = self._course.expectation.ahead(u)
        if forecast is None:
            return ()
        ahead = load_on(forecast.force, forecast.torque, self._config)
        where = f"expected at {100 * forecast.progress:.0f} % of the path"
        learnt = f": {self._learnt}" if self._learnt else ""
        return tuple(f"{text} {where}{learnt}" for q in ahead if (text := q.stops) is not None)

    @property
    def _learnt(self) -> str:
        stiffness = self._course.expectation.stiffness
        if stiffness is None or stiffness < _STIFFER:
            return ""
        return f"tissue {stiffness:.1f} times as stiff as planned"

    @property
    def _rests_on_path(self) -> bool:
        """Whether nothing makes it yield any more."""
        linear, angular = np.linalg.norm(self._yielding.value.reshape(2, 3), axis=1)
        return bool(linear < self._config.settle_distance and angular < self._config.settle_angle)

    @property
    def _end(self) -> str:
        end = self._timing.end
        return "target" if end >= 1.0 else f"pose at {100 * end:.0f} % of its path"

    def _take_sample(self, now: Moment) -> None:
        assert now.fragment is not None
        assert now.T_base_pelvis is not None
        wanted = self._wanted(self._u)
        error = fragment_error(wanted, now.fragment, self._path.pivot)
        if self._error is None or self._sample_t is None:
            # the first command is to be the present one to the last digit: by arm and grip, without the noise
            # of one tracked sample, which would be a jump
            T_base_clamp = self._T_armbase_base.inverse() @ self._arm.forward(now.q_target)
            carried = self._grip.carried(now.T_base_pelvis.inverse() @ T_base_clamp)
            self._correction.start_at(fragment_error(wanted, carried, self._path.pivot))
            self._pelvis.add(now.T_base_pelvis, 0.0)
            self._error, self._sample_t = error, now.t
            return
        gap = min(now.t - self._sample_t, _MAX_SAMPLE_GAP)
        self._sample_t = now.t
        self._pelvis.add(now.T_base_pelvis, gap)
        filtered = 1.0 - float(np.exp(-gap / _ERROR_FILTER))
        T_base_clamp = self._T_armbase_base.inverse() @ now.T_armbase_clamp
        self._grip_monitor.add(T_base_clamp, now.T_base_pelvis @ now.fragment, filtered)
        if self._grip_monitor.jumping:
            return  # not followed before it is known for what it is
        # no wind-up: what an arm is asked for beyond its strength only waits to be released
        share = 0.0 if strained(now) else force_speed(now.force, now.torque, self._config)
        self._correction.integrate(error, gap, share)
        self._error = self._error + filtered * (error - self._error)

    def _speed_share(self, now: Moment) -> tuple[float, str]:
        """The smallest share 0..1 any reason leaves, and that reason."""
        config = self._config
        lag = max(
            float(np.linalg.norm(self._lag[:3])) / _LAG[0], float(np.linalg.norm(self._lag[3:])) / _LAG[1]
        )
        easy = force_speed(now.force, now.torque, config)
        shares = {
            "the tissue's force": max(easy, _RELIEVING) if self._timing.backwards else easy,
            "the tracker": 0.0 if now.tracker_age > config.tracker_pause else 1.0,
            "the tracked error": float(np.clip(2.0 - self.path_error / config.error_slow, 0.0, 1.0)),
            "the arm's speed limits": float(np.clip(2.0 - lag, 0.0, 1.0)),
            "the traction": self._share_of_traction(now),
            "the risk": float(np.clip(1.0 - now.slowing, 0.0, 1.0)),
        }
        why = min(shares, key=lambda k: shares[k])
        return shares[why], why

    def _share_of_traction(self, now: Moment) -> float:
        """Slower than the winch: what the arm bears is planned for the pull at each place of the path."""
        planned = self._course.planned_tension(self._u)
        if planned is None or now.tension is None:
            return 1.0
        if np.isnan(now.tension):
            return 0.0
        allowed = self._config.traction_slow + 0.1 * planned
        return float(np.clip(2.0 - abs(now.tension - planned) / allowed, 0.0, 1.0))

    def _yield(self, now: Moment) -> None:
        """Learn what the tissue does, and give way to what is not expected of it."""
        assert self._pelvis.value is not None
        axes = (self._pelvis.value.inverse() @ self._T_armbase_base.inverse()).rotation
        lever = now.T_armbase_clamp.rotation @ self._grip.centre(self._path.pivot)
        measured = (axes @ about(now.load, lever).reshape(2, 3).T).T.ravel()
        surprise = self._course.expectation.learn(self._u, measured, now.dt)
        band = self._config.yield_force, self._config.yield_torque
        self._yielding.step(beyond(surprise, band), now.dt)

    def _wanted(self, u: float) -> RigidTransform:
        """Where the fragment is to be, relative to the pelvis."""
        return displaced(self._path.at(u), self._yielding.value, self._path.pivot)

    def _goal(self, u: float) -> RigidTransform:
        assert self._pelvis.value is not None
        corrected = displaced(self._wanted(u), self._correction.value, self._path.pivot)
        return (
            self._T_armbase_base @ self._pelvis.value @ corrected @ self._grip.T_fragment_clamp
        ).renormalised()

    def _count(self, name: str, condition: bool, dt: float) -> float:
        self._waits[name] = self._waits[name] + dt if condition else 0.0
        return self._waits[name]

    def _watch(self, now: Moment, step: Step, why: str) -> Step:
        # in sum: a path that stands but for a twitch now and then makes no progress either
        if self._clock.t - self._passed > _CREEP * self._config.stall_time:
            self._passed, self._waits["stalled"] = self._clock.t, 0.0
        if self._count("stalled", True, now.dt) > self._config.stall_time:
            load = f"the load is {now.force:.0f} N, {now.torque:.1f} N m"
            causes = "; ".join(text for text in (load, strained(now), self._learnt) if text)
            reason = f"no progress: waiting for {why} ({causes})"
            return Step(now.q_target, step.progress, stop=reason)
        return self._watch_bound(now, step)

    def _watch_bound(self, now: Moment, step: Step) -> Step:
        if self._count("bound", self._correction.at_bound, now.dt) > self._config.patience:
            return Step(now.q_target, step.progress, stop="the correction reached its bound")
        return step

    def _settle(self, now: Moment, step: Step) -> Step:
        config = self._config
        live = now.tracker_age < config.tracker_pause
        close = self.path_error < config.settle_distance and self.angle_error < config.settle_angle
        close = close and self._rests_on_path
        angle = np.degrees(self.angle_error)
        said = f"fragment {1e3 * self.path_error:.2f} mm, {angle:.2f} degrees from the {self._end}"
        if self._count("settled", close and live, now.dt) > config.settle_time:
            return Step(step.q, step.progress, done=said, path_error=self.path_error)
        near = self.path_error < config.accept_distance and self.angle_error < config.accept_angle
        near = near and live and self._rests_on_path
        self._least_load = min(self._least_load, now.force) if near else float("inf")
        pressed = now.force - self._least_load
        if near and pressed > config.settle_load:
            done = f"{said} (bone bears it: {pressed:.0f} N more while it was pressed there)"
            return Step(step.q, step.progress, done=done, path_error=self.path_error)
        if self._count("settling", True, now.dt) > config.settle_timeout:
            why = strained(now)
            if near:
                done = f"{said} (did not settle further{why and f': {why}'})"
                return Step(step.q, step.progress, done=done, path_error=self.path_error)
            return Step(now.q_target, step.progress, stop=f"did not settle: {said}{why and f'; {why}'}")
        return self._watch_bound(now, step)
