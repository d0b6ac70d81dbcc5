"""Poses on the floor: (x, y, theta) in m and rad, and the transforms they stand for."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from rafr.geometry import RigidTransform


def floor_transform(pose: ArrayLike) -> RigidTransform:
    """`T_world_base` of a base standing at (x, y, theta)."""
    x, y, theta = np.asarray(pose, dtype=float)
    return RigidTransform.from_rotvec((0.0, 0.0, theta), (x, y, 0.0))


def floor_pose(T_world_base: RigidTransform) -> tuple[float, float, float]:
    """(x, y, theta) of a base that stands on the floor; inverse of `floor_transform`."""
    R, p = T_world_base.rotation, T_world_base.translation
    return float(p[0]), float(p[1]), math.atan2(R[1, 0], R[0, 0])
