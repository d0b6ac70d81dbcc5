"""Where the arm is sent: what the task wants, smoothed; and what it does when there is no task."""

from __future__ import annotations

import numpy as np

from rafr.control.config import ArmControlConfig
from rafr.control.joints import speed_limits
from rafr.control.relief import Relief
from rafr.control.signals import ArmKinematics, Moment, Step
from rafr.control.smoothing import JointSmoother
from rafr.geometry.rigid_transform import FloatArray


class Posture:
    """The command and its target; a stop slows down within the limits and then stands.

    Attributes:
        target: (dof,) rad, what was wanted last; None before the first joint state.
    """

    def __init__(self, arm: ArmKinematics, config: ArmControlConfig) -> None:
        self._arm, self._config = arm, config
        self._smoother = JointSmoother(speed_limits(arm, config), config)
        self._relief: Relief | None = None
        self._slowing = False
        self.target: FloatArray | None = None

    @property
    def q(self) -> FloatArray | None:
        """(dof,) rad, what the arm was sent last; None before the first joint state."""
        return self._smoother.q

    def stand_at(self, q: FloatArray) -> None:
        self._smoother.start_at(q)
        self.target = np.array(q, dtype=float)

    def follow(self, step: Step, dt: float) -> None:
        """Go for what a task wants at the end of a tick of dt (s)."""
        self.target = step.q
        self._smoother.follow(step.q, dt, step.qd)

    def stop(self, now: Moment, centre: FloatArray | None) -> None:
        """Begin to slow down; a fragment that is held, with its centre (3,) in `clamp`, may then give way."""
        self.target, self._slowing = self._smoother.halt(now.dt), True
        self._relief = None if centre is None else Relief(self._arm, self.target, centre, self._config)

    def hold(self, now: Moment) -> None:
        """A tick after a stop: slow down, then stand, but for a load that is too high."""
        self._slowing = self._slowing and self._smoother.moving
        if self._slowing or self._relief is None or not now.may_yield:
            self.target = self._smoother.halt(now.dt)
            return
        self.target = self._relief.tick(now)
        self._smoother.follow(self.target, now.dt)

    def rest(self, now: Moment) -> None:
        """A tick without a task: the rest of what the last one wanted, then nothing."""
        self._relief = None
        if self.target is not None and not self._smoother.stands_at(self.target):
            self._smoother.follow(self.target, now.dt)
