"""The solution between its knots, on one clock."""

from __future__ import annotations

import numpy as np

from rafr.geometry.rigid_transform import FloatArray
from rafr.nlp import Solution
from rafr.robot.arm import ArmModel
from rafr.robot.mobile import Drive
from rafr.robot.mobile.extension import travelled
from rafr.trajectory.result import ArmTrajectory, BaseTrajectory
from rafr.trajectory.whole_body.config import WholeBodyConfig
from rafr.trajectory.whole_body.problem import input_name, state_name
from rafr.trajectory.whole_body.result import WholeBodyTrajectory
from rafr.trajectory.whole_body.stages import Layout


def sampled(solution: Solution, arm: ArmModel, drive: Drive, config: WholeBodyConfig) -> WholeBodyTrajectory:
    """The optimised accelerations and jerks integrated from each knot, sampled evenly in time."""
    n, layout = config.knots, Layout(len(drive.model.inputs), arm.dof)
    x = np.stack([solution.values[state_name(k)].ravel() for k in range(n + 1)])
    u = np.stack([solution.values[input_name(k)].ravel() for k in range(n)])
    interval = x[0, -1]
    t = np.linspace(0.0, n * interval, int(np.ceil(n * interval / config.sample_period)) + 1)
    k = np.minimum((t / interval).astype(int), n - 1)
    h = t - k * interval
    return WholeBodyTrajectory(_base(t, x[k], u[k], h, drive), _arm(t, x[k], u[k], h, arm, layout))


def _base(t: FloatArray, x: FloatArray, u: FloatArray, h: FloatArray, drive: Drive) -> BaseTrajectory:
    m = len(drive.model.inputs)
    velocity = x[:, 3 : 3 + m] + h[:, None] * u[:, :m]
    poses = x[:, :3] + travelled(drive.model, x[:, : 3 + m], u[:, :m], h)
    speeds = dict(zip(drive.model.inputs, velocity.T, strict=True))
    x_of, y_of, theta = poses.T
    return BaseTrajectory(t, x_of, y_of, theta, wheel=drive.wheel_rates(*velocity.T), **speeds)


def _arm(
    t: FloatArray, x: FloatArray, u: FloatArray, h: FloatArray, arm: ArmModel, layout: Layout
) -> ArmTrajectory:
    q, v, a = (x[:, layout.joint(i)] for i in range(3))
    jerk, h = u[:, layout.m :], h[:, None]
    return ArmTrajectory(
        arm.joint_names,
        t,
        q + h * (v + h * (a / 2 + h * jerk / 6)),
        v + h * (a + h * jerk / 2),
        a + h * jerk,
        jerk,
    )
