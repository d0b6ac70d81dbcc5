"""The arm's own controller, as a real robot has one: positions in, torques out, at 1 kHz.

Computed torque with an integral term, so that a constant load leaves no position error; every torque
keeps to the joint's effort limit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rafr.config import option
from rafr.geometry.rigid_transform import FloatArray


@dataclass(frozen=True, slots=True)
class ArmDriveConfig:
    """Tunables of the drive."""

    bandwidth: float = option(
        90.0, "triple pole of the position error's dynamics", unit="rad/s", lower=10.0, upper=200.0
    )
    command_period: float = option(
        0.01, "set points are joined by straight lines this long", unit="s", lower=0.001, upper=0.1
    )


class ArmDrive:
    """State of the inner loop: the set point it is at, the one it goes to, the integral."""

    def __init__(self, q: FloatArray, effort: FloatArray, config: ArmDriveConfig) -> None:
        """`q` (dof,) rad where it starts; `effort` (dof,) N m torque limits."""
        self._config, self._effort = config, effort
        self._goal, self._point = q.copy(), q.copy()
        self._rate = np.zeros_like(q)
        self._left = 0.0
        self._integral = np.zeros_like(q)
        self.stuck: int | None = None
        """Index of a joint that does not move any more (a fault)."""

    def command(self, q: FloatArray) -> bool:
        """Go to `q` (dof,) rad within one command period; True when that is elsewhere."""
        self._goal = np.array(q, dtype=float)
        if self.stuck is not None:
            self._goal[self.stuck] = self._point[self.stuck]
        self._left = self._config.command_period
        self._rate = (self._goal - self._point) / self._left
        return bool(self._rate.any())

    def hold(self) -> None:
        """Stay at the present set point."""
        self.command(self._point)

    def acceleration(self, q: FloatArray, qd: FloatArray, dt: float) -> FloatArray:
        """Joint accelerations (dof,) that pull the arm to its set point; to be turned into torques."""
        if self._left > 0:
            self._left -= dt
            self._point = self._goal - self._rate * max(self._left, 0.0)
        else:
            self._rate = np.zeros_like(self._rate)
        w = self._config.bandwidth
        error = self._point - q
        self._integral += error * dt
        return 3 * w**2 * error + 3 * w * (self._rate - qd) + w**3 * self._integral

    def limited(self, torque: FloatArray, dt: float, q: FloatArray) -> FloatArray:
        """Torque within the limits; where it is cut the integral stops growing."""
        cut = np.abs(torque) > self._effort
        if cut.any():
            self._integral[cut] -= (self._point - q)[cut] * dt
            torque = np.clip(torque, -self._effort, self._effort)
        return torque
