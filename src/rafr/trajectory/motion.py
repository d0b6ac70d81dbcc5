"""A verified motion of the arm with the geometric paths it was timed on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rafr.assessment import Assessment
from rafr.geometry.rigid_transform import FloatArray
from rafr.robot.arm import ArmModel
from rafr.trajectory.result import ArmTrajectory
from rafr.trajectory.timing import JointPath


@dataclass(frozen=True, slots=True, eq=False)
class ArmMotion:
    """One motion of the arm, at rest at both ends.

    Attributes:
        trajectory: what is executed.
        paths: the geometric paths it keeps to (within its tube), in order; the arm rests between them.
        assessment: of the independent check, with remarks of the optimiser.
    """

    trajectory: ArmTrajectory
    paths: tuple[JointPath, ...]
    assessment: Assessment


def standing(arm: ArmModel, q: FloatArray) -> ArmMotion:
    """Already there: two samples of standing still at q (dof,)."""
    zero = np.zeros((2, arm.dof))
    trajectory = ArmTrajectory(arm.joint_names, np.array([0.0, 0.02]), np.stack([q, q]), zero, zero, zero)
    return ArmMotion(trajectory, (), Assessment(True, ("there is nothing to move",)))


def joined(trajectories: Sequence[ArmTrajectory]) -> ArmTrajectory:
    """One after the other; each starts where the one before it ends."""
    parts: dict[str, list[Any]] = {name: [] for name in ("t", "q", "qd", "qdd", "qddd")}
    start = 0.0
    for k, trajectory in enumerate(trajectories):
        first = 0 if k == 0 else 1
        for name in parts:
            offset = start if name == "t" else 0.0
            parts[name].append(getattr(trajectory, name)[first:] + offset)
        start += trajectory.duration
    arrays = {name: np.concatenate(values) for name, values in parts.items()}
    return ArmTrajectory(trajectories[0].joint_names, **arrays)


def toppra_duration(paths: Sequence[JointPath]) -> float:
    """Time-optimal on the middle of the same paths without a bound on jerk (toppra).

    A motion that keeps exactly to the paths takes longer; one that cuts corners within its tube may not.

    The permitted clamp speed enters as one more coordinate whose rate is the share of it in use.

    Raises:
        RuntimeError: toppra finds no parametrisation.
    """
    return float(sum(_toppra_one(path) for path in paths))


def _toppra_one(path: JointPath) -> float:
    import logging

    import toppra
    from toppra import algorithm, constraint

    logging.getLogger("toppra").setLevel(logging.ERROR)
    s, limits = np.linspace(0.0, 1.0, 201), path.limits
    used = path.rate.antiderivative()
    points = np.column_stack([path.spline(s), used(s)])
    velocity = np.append(limits.velocity, 1.0)
    # the extra coordinate has a speed limit only
    acceleration = np.append(limits.acceleration, 1e4)
    problem = algorithm.TOPPRA(
        [
            constraint.JointVelocityConstraint(np.column_stack([-velocity, velocity])),
            constraint.JointAccelerationConstraint(np.column_stack([-acceleration, acceleration])),
        ],
        toppra.SplineInterpolator(s, points),
        gridpoints=s,
    )
    found = problem.compute_trajectory(0.0, 0.0)
    if found is None:
        raise RuntimeError("toppra found no parametrisation of a path that has one")
    return float(found.duration)
