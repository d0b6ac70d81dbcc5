"""Inverse kinematics by damped least squares (Levenberg-Marquardt) from several starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rafr.errors import Cause, InfeasibleError
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray

if TYPE_CHECKING:
    from rafr.robot.arm import ArmModel
    from rafr.robot.urdf import JointLimits

_SPREAD = 32


@dataclass(frozen=True, slots=True)
class InverseConfig:
    """How hard to try.

    Attributes:
        position_tolerance: m.   rotation_tolerance: rad.
        iterations: at most, per start.
        damping: first damping factor.
        distinct: two solutions differ when any joint differs by more, rad.
    """

    position_tolerance: float = 1e-6
    rotation_tolerance: float = 1e-6
    iterations: int = 60
    damping: float = 1e-3
    distinct: float = 1e-2


def solve_from(
    arm: ArmModel, goal: RigidTransform, start: FloatArray, config: InverseConfig
) -> FloatArray | None:
    """Joint angles (dof,) within limits that reach the goal, from one start; None if not reached.

    The damping shrinks after a step that helped and grows after one that did not (Marquardt 1963);
    steps are cut at the joint limits.
    """
    lower, upper = arm.limits.lower, arm.limits.upper
    q = np.clip(start, lower, upper)
    error = _error(arm, goal, q)
    damping = config.damping
    for _ in range(config.iterations):
        if _reached(error, config):
            return q
        J = arm.jacobian(q)
        H = J.T @ J
        step = np.linalg.solve(H + damping * np.eye(arm.dof), J.T @ error)
        trial = np.clip(q + np.clip(step, -0.5, 0.5), lower, upper)
        trial_error = _error(arm, goal, trial)
        if trial_error @ trial_error < error @ error:
            q, error, damping = trial, trial_error, max(0.2 * damping, 1e-9)
        else:
            damping = max(10.0 * damping, 1e-6)
            if damping > 1e4:
                return None
    return q if _reached(error, config) else None


def starts(arm: ArmModel, goal: RigidTransform, q0: FloatArray) -> list[FloatArray]:
    """q0, then where the branches of the arm are likely to be.

    An arm of six joints gets one start per combination of a Universal Robot's shoulder, elbow and wrist
    flips. Any other gets starts spread evenly over its joints' ranges: a redundant arm has a family of
    solutions in each branch, of which these find several.
    """
    return [q0, *(_flips(goal) if arm.dof == 6 else _spread(arm.limits))]


def _flips(goal: RigidTransform) -> list[FloatArray]:
    x, y, _ = goal.translation
    heading = float(np.arctan2(y, x))
    result = []
    for pan in (heading, heading + np.pi):
        for elbow in (1.6, -1.6):
            lift = -np.pi / 2 - elbow / 2
            for wrist in (np.pi / 2, -np.pi / 2):
                for tilt in (-np.pi / 2, np.pi / 2):
                    result.append(np.array([pan, lift, elbow, tilt, wrist, 0.0]))
    return result


def _spread(limits: JointLimits) -> FloatArray:
    """(_SPREAD, dof) rad within one turn, a tenth of the range away from both its ends."""
    from scipy.stats.qmc import Halton

    lower, upper = np.maximum(limits.lower, -np.pi), np.minimum(limits.upper, np.pi)
    # the sequence begins in the corner where every joint is at its lower end
    shares: FloatArray = Halton(len(lower), scramble=False).random(_SPREAD + 1)[1:]
    spread: FloatArray = lower + (0.1 + 0.8 * shares) * (upper - lower)
    return spread


def closest_solution(
    solutions: list[FloatArray], q0: FloatArray, arm: ArmModel, goal: RigidTransform
) -> FloatArray:
    """The solution closest to q0.

    Raises:
        InfeasibleError: there is none; the reason tells a goal out of reach from one that is not.
    """
    if solutions:
        return min(solutions, key=lambda q: float(np.linalg.norm(q - q0)))
    distance = float(np.linalg.norm(goal.translation))
    reach = sum(float(np.linalg.norm(j.T_parent_joint.translation)) for j in arm.chain)
    where = f"the clamp pose {distance:.3f} m from arm_base"
    if distance > reach:
        raise InfeasibleError((f"{where} is beyond the arm's reach of {reach:.3f} m",), Cause.OUT_OF_REACH)
    raise InfeasibleError((f"{where} has no joint angles within the joint limits",), Cause.OUT_OF_REACH)


def _error(arm: ArmModel, goal: RigidTransform, q: FloatArray) -> FloatArray:
    """(6,) translation and rotation still to go, in axes of `arm_base`."""
    import pinocchio as pin

    R, p = arm.forward_arrays(q)
    return np.concatenate([goal.translation - p, pin.log3(goal.rotation @ R.T)])


def _reached(error: FloatArray, config: InverseConfig) -> bool:
    return bool(
        np.linalg.norm(error[:3]) < config.position_tolerance
        and np.linalg.norm(error[3:]) < config.rotation_tolerance
    )
