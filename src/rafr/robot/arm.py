"""The arm from `arm_base` to `clamp`: kinematics and gravity (Pinocchio), from the URDF alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.robot.description import urdf_text
from rafr.robot.inverse import InverseConfig, closest_solution, solve_from, starts
from rafr.robot.urdf import joint_chain, joint_limits, parked_posture

ROOT, TIP = "arm_base", "clamp"
# makes both halves of a twist a length per radian: m, about the clamp's lever arm
TWIST_WEIGHT = np.array([1.0, 1.0, 1.0, 0.3, 0.3, 0.3])


class ArmModel:
    """A serial arm on the mobile base, holding the clamp.

    It keeps Pinocchio's working memory: use one model per thread.

    Attributes:
        urdf: the description it was made from.
        joint_names: of the moving joints, base to tip.
        limits: their bounds.
        parked: (dof,) rad, how the arm is folded while the base drives.
        T_base_armbase: where the arm stands on the mobile base.
    """

    def __init__(self, urdf: str) -> None:
        import pinocchio as pin

        self.urdf = urdf
        self.chain = joint_chain(urdf, ROOT, TIP)
        self.joint_names = tuple(j.name for j in self.chain if j.moves)
        self.limits = joint_limits(self.chain)
        self.parked = parked_posture(urdf, self.joint_names)
        whole = pin.buildModelFromXML(urdf)
        locked = [i for i in range(1, whole.njoints) if whole.names[i] not in self.joint_names]
        self._model: Any = pin.buildReducedModel(whole, locked, pin.neutral(whole))
        self._data: Any = self._model.createData()
        self._frame = self._model.getFrameId(TIP)
        placement = self._model.frames[self._model.getFrameId(ROOT)].placement
        self.T_base_armbase = RigidTransform(placement.rotation.copy(), placement.translation.copy())

    @staticmethod
    def from_urdf(text: str) -> ArmModel:
        """From a URDF; InputError when it lacks the chain `arm_base` to `clamp` or a joint limit."""
        return ArmModel(text)

    @staticmethod
    def named(arm: str = "ur16e") -> ArmModel:
        """The arm in rafr's own description."""
        return ArmModel(urdf_text(arm))

    @property
    def dof(self) -> int:
        return len(self.joint_names)

    def forward(self, q: ArrayLike) -> RigidTransform:
        """`T_armbase_clamp` at joint angles q (dof,)."""
        return RigidTransform(*self.forward_arrays(q))

    def forward_arrays(self, q: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """As `forward`, rotation (3, 3) and translation (3,) without the checks: for inner loops."""
        import pinocchio as pin

        pin.framesForwardKinematics(self._model, self._data, np.asarray(q, dtype=float))
        pose = self._data.oMf[self._frame]
        mount = self.T_base_armbase
        inverse = mount.rotation.T
        return inverse @ pose.rotation, inverse @ (pose.translation - mount.translation)

    def jacobian(self, q: ArrayLike) -> FloatArray:
        """(6, dof): (linear, angular) velocity of the clamp frame in axes of `arm_base`."""
        import pinocchio as pin

        J = pin.computeFrameJacobian(
            self._model, self._data, np.asarray(q, dtype=float), self._frame, pin.LOCAL_WORLD_ALIGNED
        )
        R = self.T_base_armbase.rotation.T
        return np.vstack([R @ J[:3], R @ J[3:]])

    def gravity(self, q: ArrayLike) -> FloatArray:
        """(dof,) joint torques in N m that hold the arm and its clamp still."""
        import pinocchio as pin

        torque: FloatArray = pin.computeGeneralizedGravity(
            self._model, self._data, np.asarray(q, dtype=float)
        ).copy()
        return torque

    def gravity_gradient(self, q: ArrayLike) -> FloatArray:
        """(dof, dof) derivative of `gravity` with respect to the joint angles, N m/rad."""
        import pinocchio as pin

        gradient: FloatArray = pin.computeGeneralizedGravityDerivatives(
            self._model, self._data, np.asarray(q, dtype=float)
        ).copy()
        return gradient

    def inertia_and_bias(self, q: ArrayLike, qd: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """M (dof, dof) and h (dof,) of M qdd + h = torque, the base upright and at rest: kg m^2 and N m."""
        import pinocchio as pin

        q, qd = np.asarray(q, dtype=float), np.asarray(qd, dtype=float)
        upper = np.triu(pin.crba(self._model, self._data, q))
        inertia: FloatArray = upper + np.triu(upper, 1).T
        bias: FloatArray = pin.nonLinearEffects(
            self._model, self._data, q, np.asarray(qd, dtype=float)
        ).copy()
        return inertia, bias

    def torque(self, q: ArrayLike, qd: ArrayLike, qdd: ArrayLike) -> FloatArray:
        """(dof,) N m of the joints for a motion of the arm with its clamp empty (inverse dynamics)."""
        import pinocchio as pin

        torque: FloatArray = pin.rnea(
            self._model, self._data, *(np.asarray(v, dtype=float) for v in (q, qd, qdd))
        ).copy()
        return torque

    def manipulability(self, q: ArrayLike) -> float:
        """Smallest singular value of the Jacobian, see `smallest_singular_value`; 0 at a singularity."""
        return float(smallest_singular_value(self.jacobian(q)))

    def inverse(
        self, T_armbase_clamp: RigidTransform, q0: ArrayLike, config: InverseConfig | None = None
    ) -> FloatArray:
        """Joint angles (dof,) that put the clamp there, within limits, closest to q0.

        Raises:
            InfeasibleError: none was found; says whether reach or joint limits are to blame.
        """
        q0 = np.asarray(q0, dtype=float)
        return closest_solution(self.inverse_all(T_armbase_clamp, q0, config), q0, self, T_armbase_clamp)

    def inverse_near(
        self, T_armbase_clamp: RigidTransform, q0: ArrayLike, config: InverseConfig | None = None
    ) -> FloatArray | None:
        """As `inverse`, from q0 alone: for following a path. None when it does not converge."""
        return solve_from(self, T_armbase_clamp, np.asarray(q0, dtype=float), config or InverseConfig())

    def inverse_all(
        self, T_armbase_clamp: RigidTransform, q0: ArrayLike, config: InverseConfig | None = None
    ) -> list[FloatArray]:
        """Every different solution found from several starts, the closest to q0 first; may be empty."""
        q0 = np.asarray(q0, dtype=float)
        config = config or InverseConfig()
        found: list[FloatArray] = []
        for start in starts(self, T_armbase_clamp, q0):
            q = solve_from(self, T_armbase_clamp, start, config)
            if q is None:
                continue
            q = self.nearest_turn(q, q0)
            if all(np.abs(q - other).max() > config.distinct for other in found):
                found.append(q)
        return sorted(found, key=lambda q: float(np.linalg.norm(q - q0)))

    def nearest_turn(self, q: FloatArray, q0: FloatArray) -> FloatArray:
        """The same pose with every joint turned by whole turns towards q0, within limits."""
        turn = 2 * np.pi
        best = q + turn * np.round((q0 - q) / turn)
        best = np.where(best > self.limits.upper, best - turn, best)
        best = np.where(best < self.limits.lower, best + turn, best)
        inside: FloatArray = np.where((best >= self.limits.lower) & (best <= self.limits.upper), best, q)
        return inside


def smallest_singular_value(jacobian: FloatArray) -> FloatArray:
    """(...) m, of Jacobians (..., 6, dof) weighted by TWIST_WEIGHT."""
    weighted = TWIST_WEIGHT[:, None] * jacobian
    return np.asarray(np.linalg.svd(weighted, compute_uv=False)[..., -1], dtype=float)
