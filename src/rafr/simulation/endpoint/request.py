"""What a joint trajectory controller is asked, and the requests it refuses, in its own words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from rafr.geometry.rigid_transform import FloatArray

_NOT_ZERO = float(np.finfo(np.float32).eps)  # as the controller has it


@dataclass(frozen=True, slots=True, eq=False)
class Waypoint:
    """One point of a trajectory; an empty array where the message has none.

    Attributes:
        t: s from the trajectory's start.
        positions: rad.   velocities: rad/s.   accelerations: rad/s^2.   effort: N m.
    """

    t: float
    positions: FloatArray
    velocities: FloatArray = field(default_factory=lambda: np.empty(0))
    accelerations: FloatArray = field(default_factory=lambda: np.empty(0))
    effort: FloatArray = field(default_factory=lambda: np.empty(0))


@dataclass(frozen=True, slots=True, eq=False)
class TrajectoryRequest:
    """A trajectory_msgs/JointTrajectory.

    Attributes:
        start: s, of the message's header; 0 = as soon as it is there.
    """

    joints: tuple[str, ...]
    points: tuple[Waypoint, ...]
    start: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Tolerances:
    """How far the joints may be off: while they move, and at the goal; 0 = not looked at.

    Attributes:
        path, goal: (dof,) rad.   time: s after the end by which the goal must be met.
    """

    path: FloatArray
    goal: FloatArray
    time: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Goal:
    """A goal of control_msgs/FollowJointTrajectory.

    Attributes:
        path, goal: tolerances by joint, rad: 0 = the controller's own, -1 = none.
        time: s, of the goal's time tolerance; the same two values.
    """

    request: TrajectoryRequest
    path: Mapping[str, float] = field(default_factory=dict)
    goal: Mapping[str, float] = field(default_factory=dict)
    time: float = 0.0

    def tolerances(self, joints: Sequence[str], default: Tolerances) -> Tolerances:
        """What holds for this goal; the controller's own where anything in it is illegal."""
        try:
            return Tolerances(
                _resolved(self.path, joints, default.path),
                _resolved(self.goal, joints, default.goal),
                _resolve(self.time, default.time),
            )
        except ValueError:
            return default


def _resolved(given: Mapping[str, float], joints: Sequence[str], default: FloatArray) -> FloatArray:
    values = default.copy()
    for name, value in given.items():
        index = list(joints).index(name)  # an unknown joint is a ValueError, too
        values[index] = _resolve(value, default[index])
    return values


def _resolve(value: float, default: float) -> float:
    """`resolve_tolerance_source`."""
    if value > 0.0:
        return value
    if abs(value + 1.0) < _NOT_ZERO:
        return 0.0
    if value < 0.0:
        raise ValueError(f"illegal tolerance {value}")
    return default


def refusal(request: TrajectoryRequest, joints: Sequence[str], now: float) -> str:
    """Why the controller does not take a trajectory (`validate_trajectory_msg`); empty: it does."""
    if len(request.joints) != len(joints):
        return "Joints on incoming trajectory don't match the controller joints."
    if not request.points:
        return "Empty trajectory received."
    for name in request.joints:
        if name not in joints:
            return f"Incoming joint {name} doesn't match the controller's joints."
    last = request.points[-1]
    for name, velocity in zip(request.joints, last.velocities, strict=False):
        if abs(velocity) > _NOT_ZERO:
            return f"Velocity of last trajectory point of joint {name} is not zero: {velocity:.15f}"
    if request.start != 0.0 and request.start + last.t < now:
        return (
            f"Received trajectory with non-zero start time ({request.start:f}) "
            f"that ends in the past ({request.start + last.t:f})"
        )
    return _points_refusal(request)


def _points_refusal(request: TrajectoryRequest) -> str:
    """Of the single points: their order, and how many numbers each has."""
    before = 0.0
    for i, point in enumerate(request.points):
        if i > 0 and point.t <= before:
            return (
                f"Time between points {i - 1} and {i} is not strictly increasing, "
                f"it is {before:f} and {point.t:f} respectively"
            )
        before = point.t
        for name in ("positions", "velocities", "accelerations"):
            size, needed = len(getattr(point, name)), len(request.joints)
            if size != needed and (size > 0 or name == "positions"):
                return f"Mismatch between joint_names size ({needed}) and {name} ({size}) at point #{i}."
        if len(point.effort):
            return (
                "Trajectories with effort fields are only supported for "
                "controllers using the 'effort' command interface."
            )
    return ""


def in_order(request: TrajectoryRequest, joints: Sequence[str]) -> TrajectoryRequest:
    """The same with its joints in the controller's order."""
    order = [request.joints.index(name) for name in joints]

    def sort(values: FloatArray) -> FloatArray:
        return values[order] if len(values) else values

    points = tuple(
        replace(
            p,
            positions=sort(p.positions),
            velocities=sort(p.velocities),
            accelerations=sort(p.accelerations),
        )
        for p in request.points
    )
    return replace(request, joints=tuple(joints), points=points)
