"""The zero-moment point of a finished motion, from Pinocchio's dynamics of the whole robot."""

from __future__ import annotations

from typing import Any

import numpy as np

from rafr.geometry.rigid_transform import FloatArray
from rafr.robot.arm import ArmModel
from rafr.robot.mobile import Drive
from rafr.trajectory.whole_body.result import WholeBodyTrajectory
from rafr.trajectory.whole_body.tipping import GRAVITY, support_polygon


def tipping_room(motion: WholeBodyTrajectory, arm: ArmModel, drive: Drive) -> FloatArray:
    """(n,) m from the zero-moment point to the nearest edge of the wheels' polygon; negative outside.

    The base's accelerations are finite differences of its speeds, so a step between knots is seen smeared
    over one sample.
    """
    normals, offsets = support_polygon(drive)
    base, joints = motion.base, motion.arm
    speeds = np.stack([base.v, base.sideways, base.omega], axis=1)
    rates = np.gradient(speeds, base.t, axis=0)
    body = _Body(arm)
    points = [
        body.zero_moment_point(*row)
        for row in zip(speeds, rates, joints.q, joints.qd, joints.qdd, strict=True)
    ]
    distance: FloatArray = (offsets - np.array(points) @ normals.T).min(axis=1)
    return distance


class _Body:
    """The robot on a planar joint, its wheels held still."""

    def __init__(self, arm: ArmModel) -> None:
        import pinocchio as pin

        whole = pin.buildModelFromXML(arm.urdf, pin.JointModelPlanar())
        keep = (*arm.joint_names, whole.names[1])
        locked = [i for i in range(1, whole.njoints) if whole.names[i] not in keep]
        self._model: Any = pin.buildReducedModel(whole, locked, pin.neutral(whole))
        self._data: Any = self._model.createData()

    def zero_moment_point(
        self, speed: FloatArray, rate: FloatArray, q: FloatArray, qd: FloatArray, qdd: FloatArray
    ) -> FloatArray:
        """(2,) in `base`, m; the base stands at the origin and moves with (v, lateral, yaw rate)."""
        import pinocchio as pin

        model, data = self._model, self._data
        # Pinocchio's planar velocity is in the body's axes and its rate the spatial acceleration; adding the
        # frame's own turning is left to Pinocchio
        pin.computeCentroidalMomentumTimeVariation(
            model, data, np.r_[0.0, 0.0, 1.0, 0.0, q], np.r_[speed, qd], np.r_[rate, qdd]
        )
        com, force, moment = data.com[0], data.dhg.linear, data.dhg.angular
        floor = force + np.array([0.0, 0.0, data.mass[0] * GRAVITY])
        # moments about the centre of mass: r x F = dL, with r from it to the floor point
        x = com[0] - (moment[1] + com[2] * floor[0]) / floor[2]
        y = com[1] + (moment[0] - com[2] * floor[1]) / floor[2]
        return np.array([x, y])
