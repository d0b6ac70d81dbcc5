"""Wheels on a base: how fast each must turn for a motion of the base."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rafr.geometry.rigid_transform import FloatArray

MECANUM_ROLLERS = np.pi / 4


@dataclass(frozen=True, slots=True)
class MountedWheel:
    """A wheel that rolls along the base's x.

    Attributes:
        x, y: its centre on the base, m.
        slide_angle: of the direction its rollers let it slide in, rad from the base's y axis; 0 also for
            a wheel without rollers, which does not slide, with its axle on the base's y axis.
    """

    x: float
    y: float
    slide_angle: float = 0.0


def differential_wheels(track: float) -> tuple[MountedWheel, ...]:
    """Left and right on the y axis, `track` (m) apart."""
    return MountedWheel(0.0, track / 2), MountedWheel(0.0, -track / 2)


def mecanum_wheels(wheelbase: float, track: float) -> tuple[MountedWheel, ...]:
    """Front left, front right, rear right, rear left (m), as Lynch and Park 2017 number them (13.2.1)."""
    x, y, angle = wheelbase / 2, track / 2, MECANUM_ROLLERS
    return (
        MountedWheel(x, y, -angle),
        MountedWheel(x, -y, angle),
        MountedWheel(-x, -y, -angle),
        MountedWheel(-x, y, angle),
    )


def wheel_matrix(wheels: tuple[MountedWheel, ...], radius: float) -> FloatArray:
    """(w, 3): (v, lateral, omega) of the base -> wheel rates, rad/s (Lynch and Park 2017, section 13.2.1).

    The wheel's centre moves with (v - y omega, lateral + x omega); what does not slide along the rollers
    is rolled.
    """
    x, y = (np.array([getattr(wheel, axis) for wheel in wheels]) for axis in ("x", "y"))
    slide = np.tan([wheel.slide_angle for wheel in wheels])
    matrix: FloatArray = np.stack([np.ones_like(x), slide, slide * x - y], axis=1) / radius
    return matrix
