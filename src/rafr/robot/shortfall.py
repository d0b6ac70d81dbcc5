"""How far beyond the arm's reach a pose is."""

from __future__ import annotations

import numpy as np

from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.robot.arm import ArmModel
from rafr.robot.inverse import starts

_TURN_WEIGHT = 10.0  # m/rad: the clamp is turned right before it is brought near
_ITERATIONS = 40


def surely_beyond(arm: ArmModel, T_armbase_clamp: RigidTransform) -> bool:
    """Whether a pose cannot be reached whatever the joint angles and limits; False says nothing.

    The clamp's pose tells where the last joint is; no bend of the arm brings it farther from the first joint
    than the links between them are long.
    """
    moving = [k for k, joint in enumerate(arm.chain) if joint.moves]
    T_last_clamp = RigidTransform.identity()
    for joint in arm.chain[moving[-1] + 1 :]:
        T_last_clamp = T_last_clamp @ joint.T_parent_joint
    # the last joint's own turn leaves its place as it is
    last = T_armbase_clamp.apply(T_last_clamp.inverse().translation)
    between = arm.chain[moving[0] + 1 : moving[-1] + 1]
    length = sum(float(np.linalg.norm(j.T_parent_joint.translation)) for j in between)
    return bool(np.linalg.norm(last - arm.chain[moving[0]].T_parent_joint.translation) > length)


def shortfall(arm: ArmModel, T_armbase_clamp: RigidTransform, q0: FloatArray) -> float:
    """m from a pose's place to the nearest one found for the clamp, turned like the pose and within limits.

    Bounded least squares from the starts of the inverse kinematics: a nearer place may be missed. Infinite
    where the clamp cannot even be turned so.
    """
    from scipy.optimize import least_squares

    lower, upper = arm.limits.lower, arm.limits.upper
    best = np.inf
    for start in starts(arm, T_armbase_clamp, q0):
        found = least_squares(
            lambda q: _error(arm, T_armbase_clamp, q),
            np.clip(start, lower + 1e-6, upper - 1e-6),
            jac=lambda q: _slope(arm, q),
            bounds=(lower, upper),
            max_nfev=_ITERATIONS,
        )
        position, turn = found.fun[:3], found.fun[3:] / _TURN_WEIGHT
        if np.linalg.norm(turn) < 0.02:  # rad: beyond, it is another pose
            best = min(best, float(np.linalg.norm(position)))
    return best


def _error(arm: ArmModel, goal: RigidTransform, q: FloatArray) -> FloatArray:
    import pinocchio as pin

    R, p = arm.forward_arrays(q)
    return np.concatenate([p - goal.translation, _TURN_WEIGHT * pin.log3(R @ goal.rotation.T)])


def _slope(arm: ArmModel, q: FloatArray) -> FloatArray:
    """Of the error; near enough where the turn left is small (the Jacobian of the logarithm is left out)."""
    J = arm.jacobian(q)
    return np.vstack([J[:3], _TURN_WEIGHT * J[3:]])
