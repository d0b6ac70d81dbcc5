"""What the arm can hold: joint torques under a load on the clamp, and the load it could bear any way round.

At rest the joints bear gravity and the load: tau = g(q) - J(q)^T F, F the wrench on the clamp from outside.
|tau| <= limit makes a polytope of the forces that can be held; the largest ball in it round the present load
is what can come from any direction beside (Chiacchio et al., Force polytope and force ellipsoid for redundant
manipulators, J. Robotic Systems 14:613, 1997). Its faces are known, so that the ball has a closed form.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from rafr.geometry.rigid_transform import FloatArray
from rafr.robot.arm import ArmModel

_NO_LEVER = 1e-9  # m: a force on the clamp does not turn such a joint


def holding_torque(arm: ArmModel, q: ArrayLike, wrench: ArrayLike) -> FloatArray:
    """(n, dof) N m that hold the arm still at joint angles (n, dof).

    Args:
        wrench: (n, 6) or (6,) on the clamp from outside, N and N m, axes of `arm_base`, torque about the
            clamp's origin.
    """
    q = np.atleast_2d(np.asarray(q, dtype=float))
    F = np.broadcast_to(np.asarray(wrench, dtype=float), (len(q), 6))
    return np.array([arm.gravity(row) - arm.jacobian(row).T @ f for row, f in zip(q, F, strict=True)])


def torque_share(arm: ArmModel, q: ArrayLike, wrench: ArrayLike) -> FloatArray:
    """(n, dof) share of each joint's torque limit in use; arguments as `holding_torque`."""
    share: FloatArray = np.abs(holding_torque(arm, q, wrench)) / arm.limits.effort
    return share


def reserve_force(
    arm: ArmModel,
    q: ArrayLike,
    wrench: ArrayLike = (0.0,) * 6,
    share: float = 1.0,
    place: ArrayLike = (0.0, 0.0, 0.0),
) -> FloatArray:
    """(n,) N: the largest further force at a place on the clamp that can be held whatever its direction.

    Joint i bears a force f of any direction while |tau_i| + f |J_i| <= share limit_i, with J_i (3,) the
    column of the place's linear Jacobian. 0 where the load alone takes more than the share.

    Args:
        q, wrench: as `holding_torque`.
        share: of the torque limits that may be used.
        place: (3,) m in the clamp frame; by default its origin.
    """
    q = np.atleast_2d(np.asarray(q, dtype=float))
    room = share * arm.limits.effort - np.abs(holding_torque(arm, q, wrench))
    lever = np.array([np.linalg.norm(_linear(arm, row, place), axis=0) for row in q])
    force = np.where(lever > _NO_LEVER, room / np.maximum(lever, _NO_LEVER), np.where(room < 0, 0.0, np.inf))
    return np.asarray(np.maximum(force.min(axis=1), 0.0))


def _linear(arm: ArmModel, q: FloatArray, place: ArrayLike) -> FloatArray:
    """(3, dof) linear Jacobian of a place in the clamp frame."""
    J, (R, _) = arm.jacobian(q), arm.forward_arrays(q)
    moved: FloatArray = J[:3] + np.cross(J[3:], R @ np.asarray(place, dtype=float), axis=0)
    return moved


def joint_margin(arm: ArmModel, q: ArrayLike) -> FloatArray:
    """(n,) rad from the nearest end of a joint's range; negative outside."""
    q = np.atleast_2d(np.asarray(q, dtype=float))
    return np.asarray(np.minimum(q - arm.limits.lower, arm.limits.upper - q).min(axis=1))
