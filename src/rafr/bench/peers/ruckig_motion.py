"""Ruckig's motion beside ours along a joint path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rafr.robot.arm import ArmModel
from rafr.trajectory.timing import JointPath


@dataclass(frozen=True, slots=True)
class Durations:
    """s: along the path, and from end to end in joint space, which leaves the path by so many mm."""

    along: float
    joint: float
    joint_off_mm: float


def durations(arm: ArmModel, path: JointPath, rates: np.ndarray) -> Durations:
    """Ruckig along the path and, with rates (dof,), from end to end.

    Along the path it needs constant bounds of the path's parameter: those each limit alone would allow, made
    smaller until all hold together.
    """
    s = np.linspace(0.0, 1.0, 400)
    d1, d2, d3 = (path.spline(s, nu=k) for k in (1, 2, 3))
    limits = path.limits

    def shares(v: float, a: float, j: float) -> float:
        """Largest share of a limit if the bounds of the parameter were reached together anywhere."""
        used = (
            np.abs(d1) * v / limits.velocity,
            (np.abs(d2) * v**2 + np.abs(d1) * a) / limits.acceleration,
            (np.abs(d3) * v**3 + 3 * np.abs(d2) * v * a + np.abs(d1) * j) / limits.jerk,
            path.rate(s)[:, None] * v,
        )
        return max(float(u.max()) for u in used)

    # from the bounds each alone would allow, slower and slower until they hold together
    v = min(float((limits.velocity / np.abs(d1).max(axis=0)).min()), 1.0 / float(path.rate(s).max()))
    a = float((limits.acceleration / np.abs(d1).max(axis=0)).min())
    j = float((limits.jerk / np.abs(d1).max(axis=0)).min())
    scale = 1.0
    while shares(scale * v, scale**2 * a, scale**3 * j) > 1.0:
        scale *= 0.98
    along = _ask([0.0], [1.0], ([scale * v], [scale**2 * a], [scale**3 * j]))
    bounds = (rates, limits.acceleration, limits.jerk)
    joint = _ask(path.spline(0.0), path.spline(1.0), bounds)
    times = np.linspace(0.0, joint.duration, 50)
    poses = [arm.forward(joint.at_time(t)[0]).translation for t in times]
    middle = np.array([arm.forward(q).translation for q in path.spline(s)])
    off = np.linalg.norm(np.array(poses)[:, None] - middle[None], axis=2).min(axis=1).max()
    return Durations(along.duration, joint.duration, 1e3 * float(off))


def _ask(start: Any, end: Any, bounds: Any) -> Any:
    import ruckig

    dof = len(start)
    given = ruckig.InputParameter(dof)
    given.current_position, given.target_position = list(start), list(end)
    given.max_velocity, given.max_acceleration, given.max_jerk = (list(b) for b in bounds)
    trajectory = ruckig.Trajectory(dof)
    ruckig.Ruckig(dof).calculate(given, trajectory)
    return trajectory
