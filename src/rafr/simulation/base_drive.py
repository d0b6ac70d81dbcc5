"""The mobile base's own controller: (v, omega) in, a pose on the floor out; brakes stop it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rafr.config import option
from rafr.geometry.rigid_transform import FloatArray

# between the standing base and the floor: stabilisers or braked wheels
FLOOR_STIFFNESS = np.array([2.0e6, 2.0e6, 3.2e5])  # along x and y (N/m), about z (N m/rad)
FLOOR_DAMPING = 2.0 * np.sqrt(FLOOR_STIFFNESS * [330.0, 330.0, 53.0])  # critical, for base and arm

_SLIP_SPEED = 0.01  # m/s, of slipping brakes


@dataclass(frozen=True, slots=True)
class BaseDriveConfig:
    """Limits of the drive."""

    max_v: float = option(0.6, "fastest forward speed", unit="m/s", lower=0.01)
    max_omega: float = option(1.2, "fastest yaw rate", unit="rad/s", lower=0.01)
    acceleration: float = option(1.0, "steepest change of speed", unit="m/s^2", lower=0.01)
    yaw_acceleration: float = option(2.0, "steepest change of yaw rate", unit="rad/s^2", lower=0.01)


class BaseDrive:
    """Integrates the commanded unicycle motion (wheels do not slip)."""

    def __init__(self, pose: tuple[float, float, float], config: BaseDriveConfig) -> None:
        self.pose: FloatArray = np.array(pose, dtype=float)
        self.v, self.omega = 0.0, 0.0
        self.brakes = True
        self._config = config
        self._wanted = (0.0, 0.0)
        self._slips = 0.0

    def command(self, v: float, omega: float) -> None:
        """Forward speed, m/s, and yaw rate, rad/s; clipped to the limits."""
        c = self._config
        self._wanted = (
            float(np.clip(v, -c.max_v, c.max_v)),
            float(np.clip(omega, -c.max_omega, c.max_omega)),
        )

    @property
    def wants_to_move(self) -> bool:
        return not self.brakes and self._wanted != (0.0, 0.0)

    def slip(self, way: float) -> None:
        """The brakes let it roll `way` m forward."""
        self._slips = way

    def advance(self, dt: float) -> None:
        """One step; with the brakes on it stops as steeply as it may."""
        c = self._config
        if self._slips > 0.0:
            step = min(_SLIP_SPEED * dt, self._slips)
            self._slips -= step
            self.pose += step * np.array([np.cos(self.pose[2]), np.sin(self.pose[2]), 0.0])
        v, omega = (0.0, 0.0) if self.brakes else self._wanted
        step, turn = c.acceleration * dt, c.yaw_acceleration * dt
        self.v += min(max(v - self.v, -step), step)
        self.omega += min(max(omega - self.omega, -turn), turn)
        if self.v == 0.0 and self.omega == 0.0:
            return
        heading = self.pose[2] + 0.5 * self.omega * dt
        self.pose += dt * np.array([self.v * np.cos(heading), self.v * np.sin(heading), self.omega])
