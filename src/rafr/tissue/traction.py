"""Elastic traction along the leg: a cord with a spring, reeled by a winch that holds the tension asked for.

SI, in the reference body's CT frame (LPS axes, m). The pull acts at the hip centre.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rafr.geometry import RigidTransform, TriangleMesh
from rafr.geometry.rigid_transform import FloatArray
from rafr.tissue import landmarks
from rafr.units import METRES_PER_MM


@dataclass(frozen=True, slots=True)
class TractionConfig:
    """Tunables of the device."""

    stiffness: float = 2.5e3
    """N/m of the elastic cord together with the leg."""
    rate: float = 40.0
    """N/s, how fast the winch changes the tension."""
    max_tension: float = 400.0
    """N, the device gives no more."""
    length: float = 0.9
    """m, from the hip centre to the winch."""
    flexion: float = float(np.radians(15.0))
    """rad, hip flexion: the cord rises by this angle from the caudal direction."""
    abduction: float = float(np.radians(5.0))
    """rad, away from the midline."""


class TractionDevice:
    """The cord's state: where its winch stands and how much cord is reeled in."""

    def __init__(
        self, hip_centre: FloatArray, side: str, centroid: FloatArray, config: TractionConfig | None = None
    ) -> None:
        """`hip_centre` and `centroid` (3,) of the pulled body in its CT coordinates, m."""
        self.config = config or TractionConfig()
        self._point, self._centroid = hip_centre, centroid
        self._winch = hip_centre + self.config.length * cord_direction(side, self.config)
        self._slack_length = self.config.length
        self._command = 0.0
        self.broken = False

    def command(self, tension: float) -> None:
        """Ask for a tension, N; clipped to what the device can give."""
        self._command = float(np.clip(tension, 0.0, self.config.max_tension))

    def tension(self, T_current_displaced: RigidTransform) -> float:
        """N, at a pose of the pulled body."""
        length = float(np.linalg.norm(self._winch - T_current_displaced.apply(self._point)))
        return 0.0 if self.broken else max(0.0, self.config.stiffness * (length - self._slack_length))

    def advance(self, dt: float, T_current_displaced: RigidTransform) -> None:
        """Reel for `dt` s towards the tension asked for; quick motions stretch the cord meanwhile."""
        length = float(np.linalg.norm(self._winch - T_current_displaced.apply(self._point)))
        wanted = length - self._command / self.config.stiffness
        step = self.config.rate / self.config.stiffness * dt
        self._slack_length += float(np.clip(wanted - self._slack_length, -step, step))

    def wrench(self, T_current_displaced: RigidTransform) -> FloatArray:
        """Wrench (6,) on the pulled body, torque about its current centroid."""
        point = T_current_displaced.apply(self._point)
        line = self._winch - point
        force = line / np.linalg.norm(line) * self.tension(T_current_displaced)
        arm = point - T_current_displaced.apply(self._centroid)
        return np.concatenate([force, np.cross(arm, force)])


def cord_direction(side: str, config: TractionConfig) -> FloatArray:
    """Unit vector (3,), LPS, along the flexed and abducted femur, away from the hip."""
    lateral = landmarks.side_sign(side) * np.sin(config.abduction)
    direction = np.array([lateral, -np.sin(config.flexion), -np.cos(config.flexion)])
    unit: FloatArray = direction / np.linalg.norm(direction)
    return unit


def traction_on(
    hip: TriangleMesh, side: str, centroid_mm: FloatArray, config: TractionConfig | None = None
) -> TractionDevice:
    """Traction on the leg of a hip bone (LPS mm) that belongs to a body with this centroid."""
    centre = landmarks.hip_centre(hip, side) * METRES_PER_MM
    return TractionDevice(centre, side, centroid_mm * METRES_PER_MM, config)
