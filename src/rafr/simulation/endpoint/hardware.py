"""The arm's own inner loop on the bench: position commands followed with bounded speed and acceleration."""

from __future__ import annotations

import numpy as np

from rafr.geometry.rigid_transform import FloatArray
from rafr.robot.urdf import JointLimits

_BRAKING = 0.8  # share of the acceleration that braking before the goal counts on


class InnerLoop:
    """Each joint goes to its command no faster than it can brake before it, whatever the command jumps.

    Args:
        q: (dof,) rad where it begins.
        limits: of the arm; speed and range are kept.
        acceleration: rad/s^2, of every joint.   bandwidth: rad/s.
    """

    def __init__(self, q: FloatArray, limits: JointLimits, acceleration: float, bandwidth: float) -> None:
        self.q, self.qd = q.copy(), np.zeros_like(q)
        self._limits, self._acceleration, self._bandwidth = limits, acceleration, bandwidth
        self._goal, self._goal_rate = q.copy(), np.zeros_like(q)

    def command(self, q: FloatArray, dt: float) -> None:
        """Go to q (dof,), commanded dt (s) after the last; what is not finite is left out."""
        if not np.isfinite(q).all():
            return
        goal = np.clip(q, self._limits.lower, self._limits.upper)
        self._goal_rate = (goal - self._goal) / dt
        self._goal = goal

    def advance(self, dt: float, speed: float = 1.0) -> None:
        """One step of dt (s) with this share of the joints' speed."""
        w = self._bandwidth
        error = self._goal - self.q
        brakeable = np.sqrt(2.0 * _BRAKING * self._acceleration * np.abs(error))
        approach = np.sign(error) * np.minimum(0.5 * w * np.abs(error), brakeable)
        self._integrate(2.0 * w * (approach + self._goal_rate - self.qd), dt, speed)
        self._goal_rate = np.zeros_like(self._goal_rate)

    def brake(self, dt: float) -> None:
        """One step towards standstill, as steeply as allowed; it stays the goal."""
        self._integrate(-self.qd / dt, dt, 1.0)
        self._goal, self._goal_rate = self.q.copy(), np.zeros_like(self.q)

    def _integrate(self, acceleration: FloatArray, dt: float, speed: float) -> None:
        """Move, inside the acceleration the joints may have and the speed of which they may have a share."""
        limits = self._limits
        acceleration = np.clip(acceleration, -self._acceleration, self._acceleration)
        qd = self.qd + acceleration * dt
        # a lowered bound is reached by braking, not at once
        most = np.maximum(speed * limits.velocity, np.abs(self.qd) - self._acceleration * dt)
        qd = np.clip(qd, -most, most)
        q = np.clip(self.q + 0.5 * (self.qd + qd) * dt, limits.lower, limits.upper)
        self.q, self.qd = q, qd
