"""What the arm can be asked to do: free motion, closing and opening the clamp. (Reduction: reduction.py)"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from rafr.control.config import ArmControlConfig
from rafr.control.force import ForceMonitor
from rafr.control.joints import JointPath, limited_step, speed_limits
from rafr.control.signals import ArmKinematics, ArmMode, Moment, Step
from rafr.geometry import RigidTransform, mean_transform
from rafr.trajectory.result import ArmTrajectory

_ARRIVED = 2e-3  # rad
_ARRIVAL_TIMEOUT = 3.0  # s
_RATE_RISE = 2.0  # 1/s: the path's speed comes up within half a second …
_RATE_FALL = 10.0  # 1/s: … and goes down within a tenth


class Task(Protocol):
    """Something that lasts: ticked until it is done or must stop."""

    mode: ArmMode

    def tick(self, now: Moment) -> Step: ...


class PathClock:
    """Path time that runs slower than real time where the motion must not go on at full speed."""

    def __init__(self, duration: float) -> None:
        self.duration = duration
        self.t = 0.0
        self.rate = 0.0

    def advance(self, dt: float, share: float) -> float:
        """Let dt (s) pass at `share` 0..1 of the speed, reached by a ramp; 0 stops at once."""
        change = float(np.clip(share - self.rate, -_RATE_FALL * dt, _RATE_RISE * dt))
        self.rate = self.rate + change if share > 0.0 else 0.0
        self.t = min(self.t + self.rate * dt, self.duration)
        return self.t

    @property
    def at_end(self) -> bool:
        return self.t >= self.duration


class FreeMotion:
    """Approach or retreat along a joint trajectory; nothing is clamped."""

    mode = ArmMode.MOVING

    def __init__(self, arm: ArmKinematics, trajectory: ArmTrajectory, config: ArmControlConfig) -> None:
        self._speeds = speed_limits(arm, config)
        self._path = JointPath.of(trajectory, self._speeds)
        self._clock = PathClock(self._path.duration)
        self._config = config
        self._waited = 0.0

    def tick(self, now: Moment) -> Step:
        q = now.q_target
        if now.force > self._config.free_force_limit:
            return Step(q, stop=f"contact with {now.force:.0f} N during free motion")
        goal = self._path.at(self._clock.advance(now.dt, 1.0))
        q = limited_step(q, goal, self._speeds, now.dt)
        progress = self._clock.t / self._clock.duration
        if not self._clock.at_end:
            return Step(q, progress, qd=(q - now.q_target) / now.dt)
        self._waited += now.dt
        if float(np.abs(now.q - goal).max()) < _ARRIVED:
            return Step(q, 1.0, done="arrived")
        if self._waited > _ARRIVAL_TIMEOUT:
            return Step(q, progress, stop="the arm did not arrive at the end of its path")
        return Step(q, progress)


class Clamping:
    """Stand still, tare the wrench, close, let it settle, measure `T_fragment_clamp`.

    With `closed` already true only the measurement is done again (after a hold). `force` is what to
    tare, or None where the tool may already carry a load.
    """

    mode = ArmMode.CLAMPED

    def __init__(
        self,
        force: ForceMonitor | None,
        config: ArmControlConfig,
        T_base_armbase: RigidTransform,
    ) -> None:
        self._force = force
        self._config = config
        self._T_base_armbase = T_base_armbase
        self._asked_at: float | None = None
        self._since: float | None = None
        self._closed_at: float | None = None
        self._samples: list[RigidTransform] = []
        self.closed = False
        self.refused = ""
        self.T_fragment_clamp: RigidTransform | None = None

    def tick(self, now: Moment) -> Step:
        q = now.q_target
        self._since = now.t if self._since is None else self._since
        if self.refused:
            return Step(q, stop=f"the clamp did not close: {self.refused}")
        if self.closed:
            return self._measure(now)
        if self._asked_at is None:
            return self._ask(now)
        if now.t - self._asked_at > self._config.clamp_timeout:
            return Step(q, stop="the clamp did not answer")
        return Step(q)

    def _ask(self, now: Moment) -> Step:
        assert self._since is not None
        waited = now.t - self._since
        if waited > self._config.measure_time and (self._force is None or self._force.tare()):
            self._asked_at = now.t
            return Step(now.q_target, clamp=True)
        if waited > self._config.clamp_timeout:
            return Step(now.q_target, stop="no wrench to tare before clamping")
        return Step(now.q_target)

    def _measure(self, now: Moment) -> Step:
        config, q = self._config, now.q_target
        self._closed_at = now.t if self._closed_at is None else self._closed_at
        held = now.t - self._closed_at
        settled = held > config.measure_time
        if settled and now.new_sample and now.T_base_pelvis is not None and now.fragment is not None:
            T_base_fragment = now.T_base_pelvis @ now.fragment
            T_base_clamp = self._T_base_armbase @ now.T_armbase_clamp
            self._samples.append(T_base_fragment.inverse() @ T_base_clamp)
        if len(self._samples) >= 5 and held > 2.0 * config.measure_time:
            self.T_fragment_clamp = mean_transform(self._samples)
            return Step(q, 1.0, done=f"clamped, measured from {len(self._samples)} samples")
        if held > config.clamp_timeout:
            why = "the tracker does not see pelvis, base and fragment together; does the robot hide a tool?"
            return Step(q, stop=f"clamped, but {why}")
        return Step(q)


class Releasing:
    """Ask the clamp to open and wait for it."""

    mode = ArmMode.CLAMPED

    def __init__(self, config: ArmControlConfig) -> None:
        self._config = config
        self._asked_at: float | None = None
        self.opened = False
        self.refused = ""

    def tick(self, now: Moment) -> Step:
        q = now.q_target
        if self.refused:
            return Step(q, stop=f"the clamp did not open: {self.refused}")
        if self.opened:
            return Step(q, 1.0, done="released")
        if self._asked_at is None:
            self._asked_at = now.t
            return Step(q, clamp=False)
        if now.t - self._asked_at > self._config.clamp_timeout:
            return Step(q, stop="the clamp did not answer")
        return Step(q)
