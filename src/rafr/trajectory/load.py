"""What the patient's tissue does to the clamp while it carries a fragment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.limits import FORCE_LIMIT, TORQUE_LIMIT
from rafr.planning.path.load import Pull
from rafr.robot.arm import ArmModel
from rafr.tissue.cables import skew_all
from rafr.trajectory.horizon.tissue import tissue_load
from rafr.trajectory.result import ArmTrajectory


@dataclass(frozen=True, slots=True, eq=False)
class FragmentLoad:
    """Predicted soft tissue and traction on a fragment in the clamp, at rest (SI).

    Attributes:
        pull: the model of the patient.
        T_frame_pelvis: of the reference body's CT frame, m, in the frame (`arm_base` or `world`) that poses
            of the clamp are given in and wrenches have the axes of.
        T_fragment_clamp: how the clamp holds the fragment, in the fragment's CT frame, m.
        force_limit, torque_limit: what it may become, N and N m about the fragment's centre.
    """

    pull: Pull
    T_frame_pelvis: RigidTransform
    T_fragment_clamp: RigidTransform
    force_limit: float = FORCE_LIMIT
    torque_limit: float = TORQUE_LIMIT

    @property
    def lever(self) -> FloatArray:
        """(3,) the fragment's centre in the clamp frame, m."""
        return self.T_fragment_clamp.inverse().apply(self.pull.tissue.centroid)

    def wrench(self, T_frame_clamp: RigidTransform) -> FloatArray:
        """(6,) on the fragment about its centre, at a pose of the clamp."""
        turn = np.kron(np.eye(2), self.T_frame_pelvis.rotation)
        T_current_displaced = self._displaced(T_frame_clamp)
        tissue = self.pull.tissue.wrench(T_current_displaced)
        wrench: FloatArray = turn @ (tissue + self.pull.traction(T_current_displaced, tissue)[1])
        return wrench

    def stiffness(self, T_frame_clamp: RigidTransform) -> FloatArray:
        """(6, 6) of the tissue there: a small motion d changes the wrench by -K d."""
        return tissue_load(self.pull.tissue, self.T_frame_pelvis, self._displaced(T_frame_clamp))[1]

    def on_clamp(self, T_frame_clamp: RigidTransform) -> FloatArray:
        """(6,) the same wrench about the clamp's origin: what the arm's joints have to hold."""
        wrench = self.wrench(T_frame_clamp)
        lever = skew_all((T_frame_clamp.rotation @ self.lever)[None])[0]
        return np.concatenate([wrench[:3], wrench[3:] + lever @ wrench[:3]])

    def torques(self, arm: ArmModel, trajectory: ArmTrajectory) -> FloatArray:
        """(n, dof) N m of the joints at a trajectory's samples, arm and load together (frame `arm_base`)."""
        rows = zip(trajectory.q, trajectory.qd, trajectory.qdd, strict=True)
        return np.array(
            [arm.torque(*row) - arm.jacobian(row[0]).T @ self.on_clamp(arm.forward(row[0])) for row in rows]
        )

    def _displaced(self, T_frame_clamp: RigidTransform) -> RigidTransform:
        return self.T_frame_pelvis.inverse() @ T_frame_clamp @ self.T_fragment_clamp.inverse()
