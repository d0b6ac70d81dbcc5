"""What pulls at a fragment although nobody planned for it.

A disturbance gives the wrench (6,) on the body about its centroid at a pose (m) and a twist (6,), all in the
reference body's frame.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.tissue.model import TissueModel

Disturbance = Callable[[RigidTransform, FloatArray], FloatArray]
_BAND_DAMPING = 60.0  # N s/m


def stiffened(tissue: TissueModel, factor: float, T_current_displaced: RigidTransform) -> Disturbance:
    """What makes `tissue` `factor` times as stiff from a pose on: nothing there, more away from it."""
    at_rest = tissue.wrench(T_current_displaced)

    def more(pose: RigidTransform, twist: FloatArray) -> FloatArray:
        wrench: FloatArray = (factor - 1.0) * (tissue.wrench(pose) - at_rest)
        return wrench

    return more


def band(centre: FloatArray, anchor: FloatArray, slack: float, stiffness: float) -> Disturbance:
    """Ties `centre` (3,), in the body's CT, to `anchor` (3,), in the reference's; taut beyond `slack`; m."""

    def pull(pose: RigidTransform, twist: FloatArray) -> FloatArray:
        away = pose.apply(centre) - anchor
        length = float(np.linalg.norm(away))
        if length <= slack:
            return np.zeros(6)
        unit = away / length
        tension = stiffness * (length - slack) + _BAND_DAMPING * float(unit @ twist[:3])
        # at the centroid a force has no lever
        return np.concatenate([-max(tension, 0.0) * unit, np.zeros(3)])

    return pull
