"""Tunables of the arm's motions."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from rafr.trajectory.paths import ClampSpeed
from rafr.trajectory.tube.config import TubeConfig


@dataclass(frozen=True, slots=True)
class ArmPathConfig:
    """Tunables of the arm's motions.

    Attributes:
        reduction: clamp speed with a fragment in the clamp.
        insertion: clamp speed next to the patient.
        free: clamp speed away from the patient.
        gentleness: share of the joints' acceleration and jerk limits used at and near the patient.
        standoff: how far back along the clamp's axis the approach starts to go straight in, m.
        start_tolerance: how far the arm may stand from the start of a path, m.
        start_angle: and how far turned away, rad.
        entry: share of the path over which that offset fades.
        tube: of a motion along a path; its smallest singular value also holds at the ends of free motions.
    """

    reduction: ClampSpeed = field(default_factory=lambda: ClampSpeed(0.008, np.radians(1.5)))
    insertion: ClampSpeed = field(default_factory=lambda: ClampSpeed(0.03, np.radians(10.0)))
    free: ClampSpeed = field(default_factory=lambda: ClampSpeed(0.2, np.radians(45.0)))
    gentleness: float = 0.1
    standoff: float = 0.09
    start_tolerance: float = 0.01
    start_angle: float = np.radians(4.0)
    entry: float = 0.3
    tube: TubeConfig = field(default_factory=TubeConfig)
