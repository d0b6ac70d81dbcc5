"""Geometric paths of the arm: from clamp poses through inverse kinematics to a spline of joint angles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from rafr.errors import Cause, InfeasibleError
from rafr.geometry import RigidTransform, screw_interpolate
from rafr.geometry.rigid_transform import FloatArray
from rafr.robot.arm import ArmModel
from rafr.trajectory.timing import JointPath


@dataclass(frozen=True, slots=True)
class ClampSpeed:
    """The clamp's largest speed: `linear` in m/s, `angular` in rad/s."""

    linear: float
    angular: float

    def lengths(self, path: Sequence[RigidTransform]) -> FloatArray:
        """(n - 1,) seconds each step of a path of n poses takes at this speed."""
        return np.array([self._length(a, b) for a, b in pairwise(path)])

    def _length(self, a: RigidTransform, b: RigidTransform) -> float:
        way = float(np.linalg.norm(b.translation - a.translation))
        return float(np.hypot(way / self.linear, (b @ a.inverse()).angle / self.angular))


def even_poses(poses: Sequence[RigidTransform], speed: ClampSpeed, count: int) -> list[RigidTransform]:
    """`count` poses evenly spaced (in time at full speed) along screw motions from pose to pose."""
    return poses_at(poses, speed, np.linspace(0.0, 1.0, count))


def poses_at(poses: Sequence[RigidTransform], speed: ClampSpeed, s: FloatArray) -> list[RigidTransform]:
    """Poses at shares s (n,) of the way (in time at full speed) along screw motions from pose to pose."""
    lengths = speed.lengths(poses)
    at = np.concatenate([[0.0], np.cumsum(lengths)])
    result = []
    for where in s * at[-1]:
        k = int(np.clip(np.searchsorted(at, where, side="right") - 1, 0, len(lengths) - 1))
        fraction = 0.0 if lengths[k] == 0 else (where - at[k]) / lengths[k]
        result += screw_interpolate(poses[k], poses[k + 1], fraction)
    return result


def follow(arm: ArmModel, poses: Sequence[RigidTransform], q_start: FloatArray) -> FloatArray:
    """Joint angles (n, dof) of clamp poses, each solved from the one before, without jumping.

    Raises:
        InfeasibleError: a pose is out of reach, or the arm would have to jump to another branch.
    """
    q = [np.asarray(q_start, dtype=float)]
    for k, pose in enumerate(poses):
        solution = arm.inverse_near(pose, q[-1])
        if solution is None:
            reason = f"the arm cannot reach pose {k + 1} of {len(poses)} of the path"
            raise InfeasibleError((reason,), Cause.OUT_OF_REACH)
        if np.abs(solution - q[-1]).max() > 0.5:
            reason = f"the arm would jump to another branch at pose {k + 1} of {len(poses)}"
            raise InfeasibleError((reason,), Cause.OUT_OF_REACH)
        q.append(solution)
    return np.array(q[1:])


def joint_path(arm: ArmModel, q: FloatArray, speed: ClampSpeed, gentleness: float = 1.0) -> JointPath:
    """A smooth path through joint angles (n >= 2, dof), evenly spaced in its parameter.

    Args:
        gentleness: share of the joints' acceleration and jerk limits that may be used.
    """
    from scipy.interpolate import make_interp_spline

    s = np.linspace(0.0, 1.0, len(q))
    if len(q) < 6:
        # a spline of degree five needs six points; these lie on the straight joint lines between
        dense = np.linspace(0.0, 1.0, 7)
        q = np.stack([np.interp(dense, s, column) for column in q.T], axis=1)
        s = dense
    spline = make_interp_spline(s, q, k=5)
    dense = np.linspace(0.0, 1.0, 60)
    rates = [speed_share(arm, spline(u), spline(u, nu=1), speed) for u in dense]
    limits = replace(
        arm.limits,
        acceleration=gentleness * arm.limits.acceleration,
        jerk=gentleness * arm.limits.jerk,
    )
    return JointPath(spline, make_interp_spline(dense, np.array(rates), k=3), limits)


def speed_share(arm: ArmModel, q: FloatArray, qd: FloatArray, speed: ClampSpeed) -> float:
    """Share of the permitted clamp speed that joint rates use."""
    twist = arm.jacobian(q) @ qd
    return float(
        np.hypot(np.linalg.norm(twist[:3]) / speed.linear, np.linalg.norm(twist[3:]) / speed.angular)
    )
