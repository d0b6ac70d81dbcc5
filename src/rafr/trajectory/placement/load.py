"""What acts on a body, seen at the clamp that holds it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from rafr.errors import Cause, InfeasibleError
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.planning.path import Pull
from rafr.robot.arm import ArmModel
from rafr.robot.strength import torque_share


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


def require_held(
    arm: ArmModel,
    q: FloatArray,
    T_world_armbase: RigidTransform,
    T_world_clamp: Sequence[RigidTransform],
    load: FloatArray,
) -> None:
    """Check that the branch the arm was led along holds the load; the place was chosen for its best branch.

    Args:
        q: (k, dof) rad along the path, densely.
        T_world_clamp: n poses of the path.
        load: (n, 6) on the clamp there, axes of `world`.

    Raises:
        InfeasibleError: a joint would need more than its torque.
    """
    samples = np.array([T_world_armbase.apply(arm.forward(row).translation) for row in q])
    places = np.array([T.translation for T in T_world_clamp])
    nearest = np.linalg.norm(places[:, None] - samples[None], axis=-1).argmin(axis=1)
    share = torque_share(arm, q[nearest], load @ np.kron(np.eye(2), T_world_armbase.rotation))
    if share.max() > 1.0:
        k, joint = np.unravel_index(int(share.argmax()), share.shape)
        text = f"{arm.joint_names[joint]} at {share.max():.0%} of its torque at pose {k + 1} of {len(load)}"
        reason = f"the arm cannot hold the load in the posture that it reaches the pins in ({text})"
        raise InfeasibleError((reason,), Cause.TOO_MUCH_FORCE)
