"""Joint commands within limits of speed, acceleration and jerk, whatever is asked for, stops included."""

from __future__ import annotations

import numpy as np
from ruckig import ControlInterface, InputParameter, Ruckig, RuckigError, Synchronization, Trajectory

from rafr.control.config import ArmControlConfig
from rafr.geometry.rigid_transform import FloatArray

_ESTIMATE = 0.1  # s
_USABLE = 0.98  # of its speed a target may have: what is left is for catching up
_SAME = 1e-9  # rad
_AT_REST = np.array([[1e-6], [1e-3]])  # rad/s, rad/s²


class JointSmoother:
    """Follows joint targets by time-optimal motions of limited jerk (Berscheid and Kroeger 2021, Ruckig).

    At every tick the fastest motion to the target is computed anew, seen from the target itself, which goes
    on with its own speed, and followed for one tick. A smooth target is met, any other one caught up with.
    """

    def __init__(self, speeds: FloatArray, config: ArmControlConfig) -> None:
        """Args: speeds (dof,), rad/s: what no joint exceeds."""
        dof = len(speeds)
        self._speeds = speeds
        self._planner, self._motion = Ruckig(dof), Trajectory(dof)
        self._input = InputParameter(dof)
        self._input.synchronization = Synchronization.No
        self._input.max_acceleration = [config.joint_acceleration] * dof
        self._input.max_jerk = [config.joint_jerk] * dof
        self.q: FloatArray | None = None
        self._qd = self._qdd = self._speed = np.zeros(dof)
        self._target: FloatArray | None = None

    @property
    def moving(self) -> bool:
        """Whether the command changes by itself: something is still to be slowed down."""
        return bool(np.any(np.abs([self._qd, self._qdd]) > _AT_REST))

    def stands_at(self, q: FloatArray) -> bool:
        """Whether the command rests at joint positions (dof,)."""
        return self.q is not None and not self.moving and bool(np.abs(self.q - q).max() < _SAME)

    def start_at(self, q: FloatArray) -> None:
        """Stand at joint positions (dof,)."""
        self.q = np.array(q, dtype=float)
        self._target = self.q
        self._qd = self._qdd = self._speed = np.zeros_like(self.q)

    def follow(self, target: FloatArray, dt: float, speed: FloatArray | None = None) -> FloatArray:
        """(dof,) rad to command for the end of a tick of dt (s) at which the target (dof,) is to be met.

        `speed` (dof,), rad/s, is the target's own. Where it is not known it is estimated, slowly: taken from
        two ticks alone, a tracker's noise would be mistaken for speed, and the command would chase it.
        """
        assert self.q is not None
        assert self._target is not None
        if speed is None:
            share = 1.0 - float(np.exp(-dt / _ESTIMATE))
            self._speed = self._speed + share * ((target - self._target) / dt - self._speed)
        else:
            self._speed = speed
        self._target, most = target, _USABLE * self._speeds
        speed = np.clip(self._speed, -most, most)
        self._input.control_interface = ControlInterface.Position
        return self._advance(dt, target - speed * dt, speed)

    def halt(self, dt: float) -> FloatArray:
        """(dof,) rad to command while slowing down as fast as the limits let it."""
        assert self.q is not None
        if not self.moving:
            self.start_at(self.q)
            return self.q
        self._input.control_interface = ControlInterface.Velocity
        self._speed = np.zeros_like(self.q)
        self._target = self._advance(dt, self.q, self._speed)
        return self._target

    def _advance(self, dt: float, place: FloatArray, speed: FloatArray) -> FloatArray:
        """One tick, in a frame that is at `place` (dof,) now and moves with `speed` (dof,)."""
        assert self.q is not None
        self._input.current_position = (self.q - place).tolist()
        self._input.current_velocity = (self._qd - speed).tolist()
        self._input.current_acceleration = self._qdd.tolist()
        self._input.max_velocity = (self._speeds - speed).tolist()
        self._input.min_velocity = (-self._speeds - speed).tolist()
        try:
            self._planner.calculate(self._input, self._motion)
        except RuckigError:  # no motion within the limits: stand
            self.start_at(self.q)
            return self.q
        q, qd, qdd = (np.array(part) for part in self._motion.at_time(dt))
        self.q, self._qd, self._qdd = q + place + speed * dt, qd + speed, qdd
        return self.q
