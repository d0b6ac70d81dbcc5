"""The patient's tissue as a re-planning call needs it: wrench and 6x6 stiffness in the arm's axes."""

from __future__ import annotations

import numpy as np

from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.tissue.cables import TissueModel


def tissue_load(
    tissue: TissueModel, T_armbase_pelvis: RigidTransform, T_current_displaced: RigidTransform
) -> tuple[FloatArray, FloatArray]:
    """Wrench (6,) on a body about its centroid and stiffness (6, 6) there, N, m and rad in `arm_base` axes.

    The wrench is the model's; where one is measured, that one is planned with.

    Args:
        T_armbase_pelvis: pose of the reference body's CT frame, m.
        T_current_displaced: of the body, in that frame, m.
    """
    wrench, stiffness = tissue.wrench_and_stiffness(T_current_displaced)
    turn = np.kron(np.eye(2), T_armbase_pelvis.rotation)
    return turn @ wrench, turn @ stiffness @ turn.T
