"""Independent check of a horizon at and between its knots: Pinocchio's arm, the true path, no linearisation.

Only the tissue's wrench stays the affine prediction that the call was given.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from rafr.assessment import Assessment
from rafr.geometry.rigid_transform import FloatArray
from rafr.robot.arm import ArmModel, smallest_singular_value
from rafr.trajectory.horizon.config import HorizonConfig
from rafr.trajectory.horizon.path import rotation_vectors
from rafr.trajectory.horizon.request import Request, deviation, fragment_poses, jacobians, shifted
from rafr.trajectory.horizon.result import Horizon

_AT_REST = 1e-4  # rad/s, rad/s^2
_DRIFT = 1e-5  # rad and its derivatives, s: what the solver's tolerance may leave of the dynamics
_TOUCH = 2e-5  # m: error of a linearised rotation
_NEAR = 5e-3  # m of spare room that count as none of the clearance in use
_FULL = 1.0 + 1e-6


def verify_horizon(
    horizon: Horizon, arm: ArmModel, request: Request, between: int = 2
) -> tuple[Assessment, dict[str, float]]:
    """Every limit at `between` times per interval; torques and singular values at every other of these.

    Returns:
        The verdict, and the largest share of each limit in use by name.
    """
    since = np.linspace(0.0, horizon.end - horizon.start, between * len(horizon.inputs) + 1)[1:]
    x = horizon.at(horizon.start + since)
    usage = _joint_usage(horizon, x, arm, request) | _task_usage(x, since, arm, request)
    reasons = over_limit(usage)
    reasons += _consistency(horizon, request)
    return Assessment(not reasons, tuple(reasons)), usage


def over_limit(usage: Mapping[str, float]) -> list[str]:
    """The limits that are broken, the worst first."""
    worst = sorted(usage.items(), key=lambda item: -item[1])
    return [f"{name} at {used:.0%} of its limit" for name, used in worst if used > _FULL]


def _joint_usage(horizon: Horizon, x: FloatArray, arm: ArmModel, request: Request) -> dict[str, float]:
    n, limits, gentleness = arm.dof, arm.limits, request.config.gentleness
    q, qd, qdd = x[:, :n], x[:, n : 2 * n], x[:, 2 * n : 3 * n]
    middle, half = (limits.upper + limits.lower) / 2, (limits.upper - limits.lower) / 2
    # what the arm already does is not to blame on the horizon
    acceleration = np.maximum(gentleness * limits.acceleration, np.abs(horizon.states[0, 2 * n : 3 * n]))
    return {
        "joint range": float((np.abs(q - middle) / half).max()),
        "joint velocity": float((np.abs(qd) / limits.velocity).max()),
        "joint acceleration": float((np.abs(qdd) / acceleration).max()),
        "joint jerk": float((np.abs(horizon.inputs[:, :n]) / (gentleness * limits.jerk)).max()),
        "path speed": float(x[:, -1].max()),
    }


def _task_usage(x: FloatArray, since: FloatArray, arm: ArmModel, request: Request) -> dict[str, float]:
    now, config = request.now, request.config
    R, p, lever = fragment_poses(arm, x[:, : arm.dof], now)
    off = deviation(request.path, request.path.length - x[:, -2], R, p, config) / request.tubes(since)
    moved = np.hstack([p - now.fragment.translation, rotation_vectors(R @ now.fragment.rotation.T)])
    wrench = now.wrench - moved @ now.stiffness.T
    usage = {
        "tube position": float(off[0].max()),
        "tube rotation": float(off[1].max()),
        "tissue force": float(np.linalg.norm(wrench[:, :3], axis=1).max() / config.force_limit),
        "tissue torque": float(np.linalg.norm(wrench[:, 3:], axis=1).max() / config.torque_limit),
        **_arm_usage(arm, x[1::2], lever[1::2], wrench[1::2], config),
    }
    if len(request.planes.points):
        usage["clearance"] = _clearance_usage(R, p, request)
    return usage


def _arm_usage(
    arm: ArmModel, x: FloatArray, lever: FloatArray, wrench: FloatArray, config: HorizonConfig
) -> dict[str, float]:
    n = arm.dof
    J = jacobians(arm, x[:, :n])
    at_fragment = shifted(J, lever)
    twist = (at_fragment @ x[:, n : 2 * n, None])[:, :, 0]
    held = (np.swapaxes(at_fragment, 1, 2) @ wrench[:, :, None])[:, :, 0]
    torque = np.array([arm.torque(row[:n], row[n : 2 * n], row[2 * n : 3 * n]) for row in x]) - held
    return {
        "fragment speed": float(np.linalg.norm(twist[:, :3], axis=1).max() / config.return_speed),
        "fragment turn rate": float(np.linalg.norm(twist[:, 3:], axis=1).max() / config.return_turn_rate),
        "joint torque": float((np.abs(torque) / arm.limits.effort).max()),
        "singularity": config.min_manipulability / max(float(smallest_singular_value(J).min()), 1e-9),
    }


def _clearance_usage(R: FloatArray, p: FloatArray, request: Request) -> float:
    """0 with 5 mm to spare before the distance to keep, 1 at it, above 1 behind it."""
    spare = float((request.gaps(R, p) - request.kept_distances()).min())
    return max(1.0 - (spare + _TOUCH) / _NEAR, 0.0)


def _consistency(horizon: Horizon, request: Request) -> list[str]:
    """Starts as measured, every knot follows from the one before, ends at rest."""
    n, now, reasons = horizon.dof, request.now, []
    knots = horizon.start + horizon.step * np.arange(1, len(horizon.inputs) + 1)
    # just before each knot, so that the interval behind it counts
    if np.abs(horizon.at(knots - 1e-7) - horizon.states[1:]).max() > _DRIFT:
        reasons.append("the knots do not follow from each other")
    if np.abs(horizon.states[0, : 2 * n] - np.r_[now.q, now.qd]).max() > _DRIFT:
        reasons.append("it does not start at the measured state")
    if np.abs(horizon.states[-1, n : 3 * n]).max() > _AT_REST:
        reasons.append("it does not end at rest")
    return reasons
