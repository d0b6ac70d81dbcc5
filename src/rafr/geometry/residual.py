"""How far a body stands from where it should be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray


@dataclass(frozen=True, slots=True)
class Residual:
    """One pose of a body to another: mean distance over the surface (m) and angle (rad)."""

    distance: float
    angle: float

    def __str__(self) -> str:
        return f"{1e3 * self.distance:.2f} mm, {np.degrees(self.angle):.2f} degrees"


def residual(
    T_current_displaced: RigidTransform, T_reduced_displaced: RigidTransform, points: FloatArray
) -> Residual:
    """Residual of a body with surface points (n, 3) in its CT frame, all m."""
    moved = T_current_displaced.apply(points) - T_reduced_displaced.apply(points)
    angle = (T_reduced_displaced @ T_current_displaced.inverse()).angle
    return Residual(float(np.linalg.norm(moved, axis=1).mean()), angle)
