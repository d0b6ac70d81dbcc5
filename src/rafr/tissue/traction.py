"""Elastic traction along the leg: a cord with a spring, reeled by a winch that holds the tension asked for.

SI, in the reference body's CT frame (LPS axes, m). The pull acts at the hip centre.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from rafr.config import check_config, option
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.tissue import landmarks
from rafr.tissue.cables import cross
from rafr.tissue.muscles import Posture


@dataclass(frozen=True, slots=True)
class TractionConfig:
    """Tunables of the device."""

    stiffness: float = option(
        2.5e3, "of the elastic cord together with the leg", unit="N/m", lower=1.0, upper=1e6
    )
    rate: float = option(40.0, "how fast the winch changes the tension", unit="N/s", lower=0.1, upper=1e4)
    max_tension: float = option(400.0, "the device gives no more", unit="N", lower=0.0, upper=2000.0)
    hysteresis: float = option(
        0.06,
        "share of the tension that friction (pulley, rubber) adds while the leg draws the cord out, and takes"
        " while it runs back",
        lower=0.0,
        upper=0.9,
    )
    hysteresis_travel: float = option(
        2e-3, "the leg's way over which that friction turns round", unit="m", lower=1e-5, upper=0.1
    )
    length: float = option(0.9, "from the hip centre to the winch", unit="m", lower=0.1, upper=5.0)


_RUNAWAY = 10.0  # times its own rate goes a winch whose drive has failed


class TractionDevice:
    """The cord's state: where its winch stands and how much cord is reeled in."""

    def __init__(
        self,
        hip_centre: FloatArray,
        side: str,
        centroid: FloatArray,
        config: TractionConfig | None = None,
        posture: Posture | None = None,
    ) -> None:
        """`hip_centre` and `centroid` (3,) of the pulled body in its CT, m; `posture` of the leg."""
        self.config = config or TractionConfig()
        check_config(self.config, "traction")
        self._point, self._centroid = hip_centre, centroid
        self._winch = hip_centre + self.config.length * cord_direction(side, posture or Posture())
        self._slack_length = self.config.length
        self._command = 0.0
        self._length = self.config.length
        self._friction = 0.0  # -1 running back … 1 being drawn out
        self.broken = False
        self._haste = 1.0  # times its rate

    def command(self, tension: float) -> None:
        """Ask for a tension, N; clipped to what the device can give."""
        if self._haste == 1.0:
            self._command = float(np.clip(tension, 0.0, self.config.max_tension))

    def run_away(self) -> None:
        """The winch's drive fails: as hard and fast as it can, deaf to commands."""
        self._command, self._haste = self.config.max_tension, _RUNAWAY

    def tension(self, T_current_displaced: RigidTransform) -> float:
        """N, at a pose of the pulled body."""
        return self._tension(self._cord(T_current_displaced)[1])

    def line(self, T_current_displaced: RigidTransform) -> FloatArray:
        """(2, 3) m, where the cord runs: from the hip centre to the winch."""
        return np.stack([T_current_displaced.apply(self._point), self._winch])

    def advance(self, dt: float, T_current_displaced: RigidTransform) -> None:
        """Reel for `dt` s towards the tension asked for; quick motions stretch the cord meanwhile."""
        length = self._cord(T_current_displaced)[1]
        wanted = length - self._command / self.config.stiffness
        step = self._haste * self.config.rate / self.config.stiffness * dt
        self._slack_length += min(max(wanted - self._slack_length, -step), step)
        turned = self._friction + (length - self._length) / self.config.hysteresis_travel
        self._friction, self._length = min(max(turned, -1.0), 1.0), length

    def slip(self, distance: float) -> None:
        """The boot slips on the foot by a distance (m): the cord is longer by as much."""
        self._slack_length += distance

    def wrench(self, T_current_displaced: RigidTransform) -> FloatArray:
        """Wrench (6,) on the pulled body, torque about its current centroid."""
        line, length = self._cord(T_current_displaced)
        force = line * (self._tension(length) / length)
        arm = T_current_displaced.rotation @ (self._point - self._centroid)
        return np.concatenate([force, cross(arm, force)])

    def _cord(self, pose: RigidTransform) -> tuple[FloatArray, float]:
        """Vector (3,) from the hip centre to the winch, and its length."""
        line = self._winch - (pose.rotation @ self._point + pose.translation)
        return line, math.sqrt(line @ line)

    def _tension(self, length: float) -> float:
        if self.broken:
            return 0.0
        elastic = max(0.0, self.config.stiffness * (length - self._slack_length))
        return elastic * (1.0 + self.config.hysteresis * self._friction)


def cord_direction(side: str, posture: Posture) -> FloatArray:
    """Unit vector (3,), LPS, along the flexed and abducted femur, away from the hip."""
    lateral = landmarks.side_sign(side) * np.sin(posture.abduction)
    direction = np.array([lateral, -np.sin(posture.flexion), -np.cos(posture.flexion)])
    unit: FloatArray = direction / np.linalg.norm(direction)
    return unit
