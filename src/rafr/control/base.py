"""The mobile base: following a docking trajectory, brakes, and the interlock with the arm. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np

from rafr.assessment import ACCEPTED, Assessment
from rafr.config import option
from rafr.control.signals import not_allowed
from rafr.geometry.rigid_transform import FloatArray
from rafr.trajectory.result import BaseTrajectory

_DAMPING = 0.9
_FEEDBACK_ROOM = 0.85  # share of a speed limit the reference may use


class BaseMode(IntEnum):
    """States of the base, numbered as in rafr_msgs/BaseState."""

    BRAKED = 0
    DOCKING = 1
    DOCKED = 2
    HOLDING = 3


@dataclass(frozen=True, slots=True)
class BaseControlConfig:
    """Limits, gains and patience of `BaseController` (SI)."""

    linear_speed: float = option(0.5, "largest speed", unit="m/s", lower=0.01, upper=1.5)
    angular_speed: float = option(1.0, "largest yaw rate", unit="rad/s", lower=0.01, upper=2.0)
    gain_along: float = option(1.5, "gain on the error along the heading", unit="1/s", lower=0.1, upper=10.0)
    gain_across: float = option(25.0, "gain on the lateral error", unit="1/m^2", lower=0.1, upper=100.0)
    gain_heading: float = option(0.5, "gain on the turn at standstill", unit="1/s", lower=0.1, upper=10.0)
    odometry_age: float = option(0.2, "age of the odometry that stops", unit="s", lower=0.05, upper=2.0)
    error_stop: float = option(0.15, "distance off the path that stops", unit="m", lower=0.01, upper=1.0)
    start_tolerance: float = option(0.05, "distance from a path's start", unit="m", lower=1e-3, upper=0.5)
    heading_tolerance: float = option(0.1, "turn from a path's start", unit="rad", lower=1e-3, upper=0.5)
    arrived_distance: float = option(0.02, "distance at which it is docked", unit="m", lower=1e-4, upper=0.1)
    arrived_angle: float = option(0.02, "turn at which it is docked", unit="rad", lower=1e-4, upper=0.2)
    settle_timeout: float = option(3.0, "longest wait at the path's end", unit="s", lower=0.1, upper=30.0)
    brake_timeout: float = option(3.0, "longest wait for the brakes", unit="s", lower=0.1, upper=30.0)


@dataclass(frozen=True, slots=True, eq=False)
class BaseInput:
    """One tick.

    Attributes:
        t: s.
        pose: (x, y, theta) m, rad in `world`, or None before the first odometry; odometry_t: its stamp.
        brakes_engaged: as the driver confirmed last; None: unknown.
        safety_ok: the supervisor allows motion.   forbidden: why not, where it said so.
        arm_idle: the arm stands still and holds nothing.
    """

    t: float
    pose: FloatArray | None
    odometry_t: float
    brakes_engaged: bool | None
    safety_ok: bool
    arm_idle: bool
    forbidden: str = ""


@dataclass(frozen=True, slots=True)
class BaseCommand:
    """What the base is to do and how it does.

    Attributes:
        v, omega: m/s, rad/s.
        brakes: True: engage, False: release; the node asks the driver until it confirms.
        position_error, heading_error: m, rad to the path (while docking) or to its end (after).
        finished: (success, message) at the tick at which docking ends.
    """

    v: float
    omega: float
    brakes: bool
    state: BaseMode
    reason: str
    progress: float
    position_error: float
    heading_error: float
    finished: tuple[bool, str] | None = None


def wrap(angle: float) -> float:
    """The same angle within -pi .. pi."""
    return float((angle + np.pi) % (2.0 * np.pi) - np.pi)


def body_error(pose: FloatArray, reference: FloatArray) -> FloatArray:
    """(3,) reference minus pose, seen from the base: ahead (m), to its left (m), turn (rad)."""
    dx, dy = reference[:2] - pose[:2]
    c, s = np.cos(pose[2]), np.sin(pose[2])
    return np.array([c * dx + s * dy, -s * dx + c * dy, wrap(reference[2] - pose[2])])


def tracking_law(error: FloatArray, v: float, omega: float, config: BaseControlConfig) -> tuple[float, float]:
    """Speeds that bring the error to zero: Kanayama 1990, eq. 8, with Samson's form for reverse motion.

    v_c = v cos e_t + k_x e_x;  w_c = w + k_y v sinc(e_t) e_y + k_t e_t

    k_t = 2 zeta sqrt(k_y) |v| makes the lateral error die over the same way at every speed.
    """
    along, across, turn = error
    heading = max(config.gain_heading, 2.0 * _DAMPING * np.sqrt(config.gain_across) * abs(v))
    v_c = v * np.cos(turn) + config.gain_along * along
    omega_c = omega + config.gain_across * v * np.sinc(turn / np.pi) * across + heading * turn
    return (
        float(np.clip(v_c, -config.linear_speed, config.linear_speed)),
        float(np.clip(omega_c, -config.angular_speed, config.angular_speed)),
    )


def slowed(trajectory: BaseTrajectory, config: BaseControlConfig) -> BaseTrajectory:
    """The same way, stretched in time until its speeds leave room below the limits for feedback."""
    share = max(
        float(np.abs(trajectory.v).max()) / config.linear_speed,
        float(np.abs(trajectory.omega).max()) / config.angular_speed,
    )
    stretch = max(1.0, share / _FEEDBACK_ROOM)
    return replace(
        trajectory,
        t=trajectory.t * stretch,
        v=trajectory.v / stretch,
        omega=trajectory.omega / stretch,
        wheel=trajectory.wheel / stretch,
    )


class BaseController:
    """BRAKED, DOCKING, DOCKED, HOLDING (latched until `reset`); braked whenever it does not drive."""

    def __init__(self, config: BaseControlConfig) -> None:
        self._config = config
        self._mode = BaseMode.BRAKED
        self._reason = ""
        self._trajectory: BaseTrajectory | None = None
        self._goal: FloatArray | None = None
        self._clock = 0.0
        self._waited = 0.0
        self._t = -np.inf
        self._last: BaseInput | None = None

    @property
    def mode(self) -> BaseMode:
        return self._mode

    def request(self, trajectory: BaseTrajectory) -> Assessment:
        """Follow a trajectory from where the base stands; refused with reasons when it may not."""
        reasons = self._refusals(trajectory)
        if reasons:
            return Assessment(False, tuple(reasons))
        self._trajectory = slowed(trajectory, self._config)
        self._mode, self._reason = BaseMode.DOCKING, ""
        self._goal = _pose_at(trajectory, float(trajectory.t[-1]))
        self._clock = self._waited = 0.0
        return ACCEPTED

    def hold(self, reason: str) -> None:
        """Stop at once, latched."""
        if self._mode != BaseMode.HOLDING:
            self._mode, self._reason = BaseMode.HOLDING, reason

    def reset(self) -> Assessment:
        """Leave HOLDING; the base stays braked where it stands."""
        if self._last is None or not self._last.safety_ok:
            return Assessment(False, ("safety does not allow motion",))
        if self._mode == BaseMode.HOLDING:
            self._mode, self._reason = BaseMode.BRAKED, ""
        return ACCEPTED

    def update(self, signals: BaseInput) -> BaseCommand:
        """One tick."""
        dt = float(np.clip(signals.t - self._t, 0.0, 0.1)) if np.isfinite(self._t) else 0.0
        self._t, self._last = signals.t, signals
        docking = self._trajectory is not None
        if docking and self._mode == BaseMode.DOCKING:
            reason = self._must_stop(signals)
            if reason is None:
                return self._drive(signals, dt)
            self.hold(reason)
        if docking and self._mode == BaseMode.HOLDING:
            self._trajectory = None
            return self._stand(signals, (False, self._reason))
        return self._stand(signals)

    def _refusals(self, trajectory: BaseTrajectory) -> list[str]:
        last = self._last
        if self._mode == BaseMode.DOCKING:
            return ["another docking is under way"]
        if self._mode == BaseMode.HOLDING:
            return [f"the base holds ({self._reason}) and was not reset"]
        if last is None or last.pose is None:
            return ["no odometry yet"]
        reasons = [r for r in (self._must_stop(last),) if r is not None]
        if trajectory.lateral is not None:
            reasons.append("the path is one of a base that moves sideways; a differential drive is steered")
        off = body_error(last.pose, _pose_at(trajectory, float(trajectory.t[0])))
        if np.hypot(*off[:2]) > self._config.start_tolerance or abs(off[2]) > self._config.heading_tolerance:
            reasons.append(f"the path starts {np.hypot(*off[:2]):.2f} m from where the base stands")
        return reasons

    def _must_stop(self, signals: BaseInput) -> str | None:
        if not signals.safety_ok:
            return not_allowed(signals.forbidden)
        if not signals.arm_idle:
            return "the arm moves or holds the fragment"
        if signals.pose is None or not np.isfinite(signals.pose).all():
            return "no odometry"
        if signals.t - signals.odometry_t > self._config.odometry_age:
            return f"odometry is {signals.t - signals.odometry_t:.2f} s old"
        return None

    def _drive(self, signals: BaseInput, dt: float) -> BaseCommand:
        assert self._trajectory is not None
        assert signals.pose is not None
        trajectory, config = self._trajectory, self._config
        if signals.brakes_engaged is not False and self._clock == 0.0:
            self._waited += dt
            if self._waited > config.brake_timeout:
                self.hold("the brakes did not release")
            return self._command(signals, 0.0, 0.0, brakes=False)
        self._clock += dt
        t = min(self._clock, float(trajectory.t[-1] - trajectory.t[0])) + float(trajectory.t[0])
        error = body_error(signals.pose, _pose_at(trajectory, t))
        if np.hypot(*error[:2]) > config.error_stop:
            self.hold(f"the base is {np.hypot(*error[:2]):.2f} m off its path")
            return self._command(signals, 0.0, 0.0, brakes=True)
        if t >= trajectory.t[-1]:
            return self._arrive(signals, error)
        v, omega = (float(np.interp(t, trajectory.t, x)) for x in (trajectory.v, trajectory.omega))
        return self._command(signals, *tracking_law(error, v, omega, config), brakes=False)

    def _arrive(self, signals: BaseInput, error: FloatArray) -> BaseCommand:
        """At the end: shorten what can be (along and turn), then brake, or say what is left."""
        assert self._trajectory is not None
        config = self._config
        over = self._clock - float(self._trajectory.t[-1] - self._trajectory.t[0])
        distance, turn = float(np.hypot(*error[:2])), abs(float(error[2]))
        if distance <= config.arrived_distance and turn <= config.arrived_angle:
            self._mode, self._trajectory = BaseMode.DOCKED, None
            return self._stand(signals, (True, f"docked within {1e3 * distance:.0f} mm"))
        if over > config.settle_timeout:
            self.hold(f"docking ended {1e3 * distance:.0f} mm, {np.degrees(turn):.1f} degrees off")
            return self._command(signals, 0.0, 0.0, brakes=True)
        return self._command(signals, *tracking_law(error, 0.0, 0.0, config), brakes=False)

    def _stand(self, signals: BaseInput, finished: tuple[bool, str] | None = None) -> BaseCommand:
        return self._command(signals, 0.0, 0.0, brakes=True, finished=finished)

    def _command(
        self,
        signals: BaseInput,
        v: float,
        omega: float,
        brakes: bool,
        finished: tuple[bool, str] | None = None,
    ) -> BaseCommand:
        error = np.zeros(3)
        progress = 1.0 if self._mode == BaseMode.DOCKED else 0.0
        reference = self._goal
        if self._trajectory is not None:
            t = float(self._trajectory.t[0]) + self._clock
            reference = _pose_at(self._trajectory, min(t, float(self._trajectory.t[-1])))
            duration = float(self._trajectory.t[-1] - self._trajectory.t[0])
            progress = min(1.0, self._clock / duration)
        if reference is not None and signals.pose is not None:
            error = body_error(signals.pose, reference)
        return BaseCommand(
            v, omega, brakes, self._mode, self._reason, progress,
            float(np.hypot(*error[:2])), abs(float(error[2])), finished,
        )  # fmt: skip


def _pose_at(trajectory: BaseTrajectory, t: float) -> FloatArray:
    theta = np.unwrap(trajectory.theta)
    return np.array([np.interp(t, trajectory.t, x) for x in (trajectory.x, trajectory.y, theta)])
