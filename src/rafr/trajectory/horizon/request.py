"""What one re-planning call asks for, and the arm with the fragment held as measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from rafr.geometry.rigid_transform import FloatArray
from rafr.robot.arm import ArmModel
from rafr.tissue.cables import skew_all
from rafr.trajectory.horizon.config import HorizonConfig
from rafr.trajectory.horizon.path import FragmentPath, rotation_vectors
from rafr.trajectory.horizon.result import HalfSpaces, Measured

_TURNING = 1.2  # how much farther off a fragment may go before it comes back


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """State, path and clearance of a call.

    Attributes:
        s: where on the path the fragment stands, seconds at full speed from its start.
        outside: how far off the path it stands, in tubes.
    """

    now: Measured
    path: FragmentPath
    planes: HalfSpaces
    config: HorizonConfig
    s: float
    outside: float

    @staticmethod
    def of(now: Measured, path: FragmentPath, planes: HalfSpaces, config: HorizonConfig, s: float) -> Request:
        pose = (now.fragment.rotation[None], now.fragment.translation[None])
        outside = float(deviation(path, np.array([s]), *pose, config).max())
        return Request(now, path, planes, config, s, outside)

    def tubes(self, since: ArrayLike) -> FloatArray:
        """(n,) allowed deviation, in tubes, at seconds after the start.

        A fragment found outside may go a little farther while it turns round, and must be inside at the end.
        """
        end = self.config.knots * self.config.step
        return np.where(np.asarray(since) < end - 1e-9, max(_TURNING * self.outside, 1.0), 1.0)

    @property
    def load(self) -> float:
        """Share of the tissue's limits that is in use now."""
        force, torque = np.linalg.norm(self.now.wrench.reshape(2, 3), axis=1)
        return float(max(force / self.config.force_limit, torque / self.config.torque_limit))

    def gaps(self, R: FloatArray, p: FloatArray) -> FloatArray:
        """(n, m) m to every half-space from fragments with rotations (n, 3, 3) and centres (n, 3)."""
        here = self.now.fragment.apply(self.planes.points)
        there = np.einsum("kij,mj->kmi", R, self.planes.points) + p[:, None]
        gaps: FloatArray = self.planes.distances + np.einsum("kmi,mi->km", there - here, self.planes.normals)
        return gaps

    def kept_distances(self) -> FloatArray:
        """(m,) m to keep from every half-space; a fragment that is nearer already may not come closer."""
        kept: FloatArray = np.minimum(self.config.min_clearance, self.planes.distances)
        return kept


def deviation(
    path: FragmentPath, s: FloatArray, R: FloatArray, p: FloatArray, config: HorizonConfig
) -> FloatArray:
    """(2, n) distance and angle to the path at s, in tubes, of rotations (n, 3, 3) and centres (n, 3)."""
    R_path, p_path = path.at(s)
    angle = np.linalg.norm(rotation_vectors(np.swapaxes(R_path, 1, 2) @ R), axis=1)
    return np.stack([np.linalg.norm(p - p_path, axis=1) / config.tube_position, angle / config.tube_rotation])


def fragment_poses(arm: ArmModel, q: FloatArray, now: Measured) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The fragment's rotations (n, 3, 3), centres (n, 3) and levers (n, 3) from the clamp at angles (n, dof).

    It is taken to be held as measured now: what pins and clamp give way is in it.
    """
    R_now, p_now = arm.forward_arrays(now.q)
    poses = [arm.forward_arrays(row) for row in q]
    R = np.array([rotation for rotation, _ in poses]) @ R_now.T
    lever = R @ (now.fragment.translation - p_now)
    return R @ now.fragment.rotation, np.array([p for _, p in poses]) + lever, lever


def jacobians(arm: ArmModel, q: FloatArray) -> FloatArray:
    """(n, 6, dof) of the clamp at joint angles (n, dof)."""
    return np.array([arm.jacobian(row) for row in q])


def shifted(jacobian: FloatArray, lever: FloatArray) -> FloatArray:
    """(n, 6, dof) of points that lie at levers (n, 3), `arm_base` axes, from those of the Jacobians given."""
    linear, angular = jacobian[:, :3], jacobian[:, 3:]
    return np.concatenate([linear - skew_all(lever) @ angular, angular], axis=1)
