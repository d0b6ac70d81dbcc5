"""What acts on a body, seen at the clamp that holds it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.planning.path import Pull


def load_on_clamp(
    wrench: ArrayLike,
    T_world_pelvis: RigidTransform,
    T_path_displaced: Sequence[RigidTransform],
    centroid: ArrayLike,
    T_world_clamp: Sequence[RigidTransform],
) -> FloatArray:
    """(n, 6) wrench on the clamp, N and N m, axes of `world`, torque about the clamp's origin.

    Args:
        wrench: (n, 6) on the body at each pose, axes of the reference body's CT, torque about the body's
            current centroid.
        T_path_displaced: n poses of the body, m.
        centroid: (3,) of the body in its CT, m.
        T_world_clamp: n poses of the clamp that holds it, m.
    """
    R = T_world_pelvis.rotation
    turned: FloatArray = np.asarray(wrench, dtype=float) @ np.kron(np.eye(2), R).T
    centres = np.array([(T_world_pelvis @ T).apply(centroid) for T in T_path_displaced])
    levers = centres - np.array([T.translation for T in T_world_clamp])
    turned[:, 3:] += np.cross(levers, turned[:, :3])
    return turned


def pull_along(pull: Pull, T_path_displaced: Sequence[RigidTransform]) -> FloatArray:
    """(n, 6) what soft tissue and traction do to a body at n poses (m), as `load_on_clamp` takes it."""
    wrenches = []
    for T in T_path_displaced:
        tissue = pull.tissue.wrench(T)
        _, cord = pull.traction(T, tissue)
        wrenches.append(tissue + cord)
    return np.array(wrenches)
