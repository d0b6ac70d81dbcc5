"""Moving a clamped fragment along its approved path under tracked feedback and a force limit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rafr.control.config import ArmControlConfig
from rafr.control.correction import Correction, SmoothedPose, fragment_error
from rafr.control.force import force_speed, limit_broken
from rafr.control.joints import resolved_rate_step
from rafr.control.path import PathTiming, ReductionPath
from rafr.control.signals import ArmKinematics, ArmMode, Moment, Step
from rafr.control.tasks import PathClock
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray

_LAG = (2e-3, 0.02)  # m, rad the command may lag behind the path before the path waits
_ERROR_FILTER = 0.3  # s
_MAX_SAMPLE_GAP = 0.1  # s: an error is never integrated over a longer gap
_STRAINED = 0.02  # rad a joint stands behind its command when the load is more than it can turn


@dataclass(frozen=True, slots=True, eq=False)
class Grip:
    """How a fragment is held: `T_fragment_clamp` maps clamp to the fragment's CT coordinates, m."""

    body: str
    T_fragment_clamp: RigidTransform


class Reduction:
    """T_base_clamp(t) = T_base_pelvis · correction(T_path_displaced(u(t))) · T_fragment_clamp.

    Path time runs at the share of the planned speed that force, tracked error, tracker age and the arm's
    own lag allow; at the path's end it waits until the tracked fragment stands at the target.
    """

    mode = ArmMode.REDUCING

    def __init__(
        self,
        arm: ArmKinematics,
        T_armbase_base: RigidTransform,
        grip: Grip,
        path: ReductionPath,
        timing: PathTiming,
        plan_hash: str,
        config: ArmControlConfig,
    ) -> None:
        self._arm = arm
        self._T_armbase_base = T_armbase_base
        self._grip = grip
        self._path = path
        self._timing = timing
        self._plan_hash = plan_hash
        self._config = config
        self._clock = PathClock(timing.duration)
        self._correction = Correction(config, path.pivot)
        self._pelvis = SmoothedPose(config.pelvis_filter, path.pivot)
        self._error: FloatArray | None = None
        self._slip = np.zeros(6)
        self._sample_t: float | None = None
        self._lag = np.zeros(6)
        self._waits = dict.fromkeys(("stalled", "bound", "settled", "settling"), 0.0)

    def tick(self, now: Moment) -> Step:
        reason = self._must_stop(now)
        if reason is not None:
            return Step(
                now.q_command, self._timing.at(self._clock.t), stop=reason, path_error=self.path_error
            )
        if now.new_sample or self._error is None:
            self._take_sample(now)
        share, why = self._speed_share(now)
        u = self._timing.at(self._clock.advance(now.dt, share))
        q, self._lag = resolved_rate_step(self._arm, now.q_command, self._goal(u), self._config, now.dt)
        step = Step(q, u, path_error=self.path_error)
        return self._settle(now, step) if self._clock.at_end else self._watch(now, step, why)

    @property
    def path_error(self) -> float:
        """m, smoothed distance of the fragment's centre from where the path has it."""
        return float("nan") if self._error is None else float(np.linalg.norm(self._error[:3]))

    @property
    def angle_error(self) -> float:
        return float("nan") if self._error is None else float(np.linalg.norm(self._error[3:]))

    def _must_stop(self, now: Moment) -> str | None:
        config = self._config
        if not now.approved_hash or now.approved_hash != self._plan_hash:
            return "no live approval of exactly the plan whose path this is"
        if now.tracker_age > config.tracker_stop or now.fragment is None or now.T_base_pelvis is None:
            return f"the fragment was not tracked for {config.tracker_stop:.1f} s"
        if self._error is not None:
            if self.path_error > config.error_stop:
                return f"the fragment is {1e3 * self.path_error:.1f} mm off its path"
            if self.angle_error > config.angle_stop:
                return f"the fragment is turned {np.degrees(self.angle_error):.1f} degrees off its path"
        return self._slipped(now) or limit_broken(now.force, now.torque, config)

    def _slipped(self, now: Moment) -> str | None:
        """Whether tracker and arm contradict each other: the fragment is not where the grip has it."""
        config = self._config
        distance, angle = (float(np.linalg.norm(part)) for part in (self._slip[:3], self._slip[3:]))
        too_far = distance > config.grip_slip + now.force / config.grip_stiffness
        if too_far or angle > config.grip_turn + now.torque / config.grip_turn_stiffness:
            off = f"{1e3 * distance:.1f} mm and {np.degrees(angle):.1f} degrees"
            return (
                f"the fragment is {off} from where the clamp holds it: loose pins, or a marker that slipped"
            )
        return None

    def _slip_of(self, now: Moment) -> FloatArray:
        """(6,) m at the clamp and rad, from where arm and grip have the fragment to where it is tracked."""
        assert now.fragment is not None
        assert now.T_base_pelvis is not None
        T_base_clamp = self._T_armbase_base.inverse() @ self._arm.forward(now.q)
        carried = T_base_clamp @ self._grip.T_fragment_clamp.inverse()
        return fragment_error(
            now.T_base_pelvis @ now.fragment, carried, self._grip.T_fragment_clamp.translation
        )

    def _take_sample(self, now: Moment) -> None:
        assert now.fragment is not None
        assert now.T_base_pelvis is not None
        wanted = self._path.at(self._timing.at(self._clock.t))
        error = fragment_error(wanted, now.fragment, self._path.pivot)
        if self._error is None or self._sample_t is None:
            self._correction.start_at(error)
            self._pelvis.add(now.T_base_pelvis, 0.0)
            self._error, self._sample_t = error, now.t
            return
        gap = min(now.t - self._sample_t, _MAX_SAMPLE_GAP)
        self._sample_t = now.t
        self._pelvis.add(now.T_base_pelvis, gap)
        filtered = 1.0 - float(np.exp(-gap / _ERROR_FILTER))
        self._slip = self._slip + filtered * (self._slip_of(now) - self._slip)
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
        shares = {
            "the tissue's force": force_speed(now.force, now.torque, config),
            "the tracker": 0.0 if now.tracker_age > config.tracker_pause else 1.0,
            "the tracked error": float(np.clip(2.0 - self.path_error / config.error_slow, 0.0, 1.0)),
            "the arm's speed limits": float(np.clip(2.0 - lag, 0.0, 1.0)),
        }
        why = min(shares, key=lambda k: shares[k])
        return shares[why], why

    def _goal(self, u: float) -> RigidTransform:
        assert self._pelvis.value is not None
        T_base_fragment = self._pelvis.value @ self._correction.applied(self._path.at(u))
        return (self._T_armbase_base @ T_base_fragment @ self._grip.T_fragment_clamp).renormalised()

    def _count(self, name: str, condition: bool, dt: float) -> float:
        self._waits[name] = self._waits[name] + dt if condition else 0.0
        return self._waits[name]

    def _watch(self, now: Moment, step: Step, why: str) -> Step:
        if self._count("stalled", self._clock.rate < 0.02, now.dt) > self._config.stall_time:
            return Step(now.q_command, step.progress, stop=f"no progress: waiting for {why}")
        return self._watch_bound(now, step)

    def _watch_bound(self, now: Moment, step: Step) -> Step:
        if self._count("bound", self._correction.at_bound, now.dt) > self._config.patience:
            return Step(now.q_command, step.progress, stop="the correction reached its bound")
        return step

    def _settle(self, now: Moment, step: Step) -> Step:
        config = self._config
        live = now.tracker_age < config.tracker_pause
        close = self.path_error < config.settle_distance and self.angle_error < config.settle_angle
        angle = np.degrees(self.angle_error)
        said = f"fragment {1e3 * self.path_error:.2f} mm, {angle:.2f} degrees from the target"
        if self._count("settled", close and live, now.dt) > config.settle_time:
            return Step(step.q, 1.0, done=said, path_error=self.path_error)
        if self._count("settling", True, now.dt) > config.settle_timeout:
            near = self.path_error < config.accept_distance and self.angle_error < config.accept_angle
            why = strained(now)
            if near and live:
                done = f"{said} (did not settle further{why and f': {why}'})"
                return Step(step.q, 1.0, done=done, path_error=self.path_error)
            return Step(now.q_command, step.progress, stop=f"did not settle: {said}{why and f'; {why}'}")
        return self._watch_bound(now, step)


def strained(now: Moment) -> str:
    """Which joint stands behind its command because the load is more than it can turn; empty when none."""
    behind = np.abs(now.q - now.q_command)
    worst = int(np.argmax(behind))
    if not behind[worst] > _STRAINED:
        return ""
    return (
        f"joint {worst + 1} stands {np.degrees(behind[worst]):.1f} degrees behind its command under the load"
    )
