"""What keeps the reference body in its place: the holding device, or the mattress alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from rafr.config import option
from rafr.geometry.rigid_transform import FloatArray
from rafr.simulation.bushing import Load, half_skew


@dataclass(frozen=True, slots=True)
class HoldingConfig:
    """Stiffness of the supports, critically damped."""

    held_stiffness: float = option(
        1.0e6, "pelvis against table, holding device on", unit="N/m", lower=1e4, upper=1e7
    )
    free_stiffness: float = option(
        3.0e4, "pelvis against table, lying on the mattress only", unit="N/m", lower=1e3, upper=1e6
    )
    lever: float = option(
        0.15, "rotational stiffness is the stiffness times this squared", unit="m", lower=0.01, upper=1.0
    )
    force: float = option(
        800.0, "force at which the pelvis slides in the holding device", unit="N", lower=50.0, upper=1e5
    )


class HoldingDevice:
    """A spring from the reference body to the table, anchored where the body lay when it was set."""

    def __init__(self, config: HoldingConfig, mass: float) -> None:
        """`mass` (kg) of the reference body, for the damping."""
        self._config, self._mass = config, mass
        self._rotation, self._point = np.eye(3), np.zeros(3)
        self.on = False
        self._stiffen(config.free_stiffness)

    def set(self, on: bool, place: tuple[FloatArray, FloatArray]) -> None:
        """Clamp the pelvis where it lies (rotation (3, 3), centroid (3,) in the room), or let go of it."""
        c = self._config
        self.on = on
        self._rotation, self._point = place[0].copy(), place[1].copy()
        self._stiffen(c.held_stiffness if on else c.free_stiffness)

    def bump(self, shift: FloatArray, turn: FloatArray) -> None:
        """Hold the pelvis elsewhere: shift (3,) m and rotation vector (3,), room's axes."""
        self._point = self._point + shift
        self._rotation = Rotation.from_rotvec(turn).as_matrix() @ self._rotation

    def _stiffen(self, stiffness: float) -> None:
        """The same in all directions, so that no axes are needed; critically damped."""
        self._stiffness = stiffness * np.repeat([1.0, self._config.lever**2], 3)
        self._damping = 2.0 * np.sqrt(self._mass / stiffness) * self._stiffness
        self._K, self._D = np.diag(self._stiffness), np.diag(self._damping)

    def load(self, place: tuple[FloatArray, FloatArray], twist: FloatArray) -> tuple[Load, FloatArray]:
        """Load on the body about its centroid, in its own axes, and its twist (6,) in them.

        Args:
            place: its rotation and centroid in the room.   twist: (6,), axes of the room.
        """
        (R, point), back = place, place[0].T
        off, local = np.empty(6), np.empty(6)
        off[:3] = back @ (point - self._point)
        off[3:] = half_skew(self._rotation.T @ R)
        local[:3], local[3:] = back @ twist[:3], back @ twist[3:]
        wrench = -self._stiffness * off - self._damping * local
        return Load(wrench, self._K, self._D), local

    def give_way(self, place: tuple[FloatArray, FloatArray]) -> None:
        """The pelvis slides under more than the device can hold."""
        stretch = self._point - place[1]
        force = float(self._stiffness[0] * np.linalg.norm(stretch))
        if self.on and force > self._config.force:
            self._point = self._point - (1.0 - self._config.force / force) * stretch
