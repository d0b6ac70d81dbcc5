"""Joint-space pieces: following a joint trajectory, stepping within limits, resolved-rate steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicHermiteSpline
from scipy.spatial.transform import Rotation

from rafr.control.config import ArmControlConfig
from rafr.control.signals import ArmKinematics
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.trajectory.result import ArmTrajectory

_CHECKS_PER_KNOT = 4


def check_joint_trajectory(
    arm: ArmKinematics, trajectory: ArmTrajectory, q_start: FloatArray, config: ArmControlConfig
) -> tuple[str, ...]:
    """Why a joint trajectory must not be executed; empty when it may (positions, speeds, start)."""
    q, t = trajectory.q, trajectory.t
    if q.ndim != 2 or q.shape[1] != len(arm.limits.lower) or len(q) < 2:
        return (f"the trajectory has shape {q.shape}, not (n >= 2, {len(arm.limits.lower)})",)
    if not (np.isfinite(q).all() and np.isfinite(trajectory.qd).all() and np.all(np.diff(t) > 0)):
        return ("the trajectory holds NaN or its times do not increase",)
    reasons = []
    off = float(np.abs(q[0] - q_start).max())
    if off > config.start_tolerance:
        reasons.append(f"it starts {off:.3f} rad from where the arm stands")
    curve = CubicHermiteSpline(t, q, trajectory.qd)
    dense = np.linspace(t[0], t[-1], _CHECKS_PER_KNOT * len(t))
    position, speed = curve(dense), curve(dense, 1)
    if np.any(position < arm.limits.lower) or np.any(position > arm.limits.upper):
        reasons.append("it leaves the joint limits")
    if np.any(np.abs(speed) > 1.02 * arm.limits.velocity):
        reasons.append("it exceeds the joints' speed")
    return tuple(reasons)


@dataclass(frozen=True, slots=True)
class JointPath:
    """A joint trajectory as a function of time (cubic between knots), slowed to the allowed speeds.

    Attributes:
        duration: s, stretched.   stretch: how many times slower than planned, >= 1.
        curve: of planned time.
    """

    duration: float
    stretch: float
    curve: CubicHermiteSpline

    @staticmethod
    def of(trajectory: ArmTrajectory, speeds: FloatArray) -> JointPath:
        """`speeds` (dof,) rad/s: what no joint may exceed."""
        t = trajectory.t - trajectory.t[0]
        curve = CubicHermiteSpline(t, trajectory.q, trajectory.qd)
        rates = np.abs(curve(np.linspace(0.0, t[-1], _CHECKS_PER_KNOT * len(t)), 1))
        stretch = max(1.0, float((rates / speeds).max()))
        return JointPath(float(t[-1]) * stretch, stretch, curve)

    def at(self, t: float) -> FloatArray:
        return np.asarray(self.curve(min(max(t, 0.0), self.duration) / self.stretch), dtype=float)


def speed_limits(arm: ArmKinematics, config: ArmControlConfig) -> FloatArray:
    """(dof,) rad/s the command may move with: the arm's own limits and the configured one."""
    return np.minimum(arm.limits.velocity, config.joint_speed)


def limited_step(q: FloatArray, goal: FloatArray, speeds: FloatArray, dt: float) -> FloatArray:
    """Move from q straight towards goal, no joint faster than `speeds` (the direction is kept)."""
    delta = goal - q
    excess = float(np.max(np.abs(delta) / np.maximum(speeds * dt, 1e-12)))
    return q + delta / max(excess, 1.0)


def pose_offset(a: RigidTransform, b: RigidTransform) -> FloatArray:
    """(6,) translation and rotation vector that take pose a to pose b, in their common axes."""
    turn = Rotation.from_matrix(b.rotation @ a.rotation.T).as_rotvec()
    return np.concatenate([b.translation - a.translation, turn])


def resolved_rate_step(
    arm: ArmKinematics, q: FloatArray, goal: RigidTransform, config: ArmControlConfig, dt: float
) -> tuple[FloatArray, FloatArray]:
    """One step of the clamp towards `goal` within all speed limits.

    Damped least squares (Wampler 1986): dq = J^T (J J^T + damping^2 I)^-1 twist.

    Returns:
        The next joints (dof,), and the offset (6,) m, rad that was to be covered.
    """
    offset = pose_offset(arm.forward(q), goal)
    twist = offset.copy()
    for part, speed in ((slice(0, 3), config.linear_speed), (slice(3, 6), config.angular_speed)):
        size = float(np.linalg.norm(twist[part]))
        twist[part] *= min(1.0, speed * dt / max(size, 1e-12))
    jacobian = arm.jacobian(q)
    gram = jacobian @ jacobian.T + config.damping**2 * np.eye(6)
    dq = jacobian.T @ np.linalg.solve(gram, twist)
    return limited_step(q, q + dq, speed_limits(arm, config), dt), offset
