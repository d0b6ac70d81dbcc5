"""A trajectory sampled as joint_trajectory_controller's `Trajectory` does it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from rafr.geometry.rigid_transform import FloatArray
from rafr.simulation.endpoint.request import TrajectoryRequest, Waypoint


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Where a trajectory is at a time.

    Attributes:
        state: positions, velocities, accelerations there.
        since: s, of the point at which its segment begins (before the first: of the first point).
        past_end: the last point was reached.
    """

    state: Waypoint
    since: float
    past_end: bool


class RunningTrajectory:
    """One accepted request, from the state before it; `start` is settled at its first sample."""

    def __init__(self, request: TrajectoryRequest, t_before: float, before: Waypoint) -> None:
        self._points = request.points
        self._start: float | None = request.start if request.start != 0.0 else None
        first = request.points[0]
        zeros = np.zeros_like(before.positions)
        if len(first.velocities) and not len(before.velocities):
            before = replace(before, velocities=zeros)
        if len(first.accelerations) and not len(before.accelerations):
            before = replace(before, accelerations=zeros)
        self._before = replace(before, t=t_before)

    @property
    def last(self) -> Waypoint:
        return self._points[-1]

    def sample(self, t: float) -> Sample | None:
        """At time t (s); None before the state it goes on from."""
        if self._start is None:
            self._start = t
        if t < self._before.t:
            return None
        first = self._points[0]
        arrival = self._start + first.t
        if t < arrival:
            return Sample(interpolate(self._before, replace(first, t=arrival), t), arrival, False)
        for a, b in zip(self._points, self._points[1:], strict=False):
            t_a, t_b = self._start + a.t, self._start + b.t
            if t_a <= t < t_b:
                return Sample(interpolate(replace(a, t=t_a), replace(b, t=t_b), t), t_a, False)
        zeros = np.zeros_like(self.last.positions)
        velocities = self.last.velocities if len(self.last.velocities) else zeros
        accelerations = self.last.accelerations if len(self.last.accelerations) else zeros
        end = replace(self.last, velocities=velocities, accelerations=accelerations)
        return Sample(end, self._start + self.last.t, True)


def interpolate(a: Waypoint, b: Waypoint, t: float) -> Waypoint:
    """Between two points at a.t <= t <= b.t: straight, cubic or quintic, by what both of them have."""
    length = b.t - a.t
    s = min(max(t - a.t, 0.0), length)
    q0, q1 = a.positions, b.positions
    if length == 0.0:
        return Waypoint(t, q0, np.zeros_like(q0), np.zeros_like(q0))
    powers = _coefficients(a, b, length)
    orders = np.arange(len(powers))
    positions = (s**orders) @ powers
    velocities = (orders[1:] * s ** (orders[1:] - 1)) @ powers[1:]
    accelerations = (orders[2:] * (orders[2:] - 1) * s ** (orders[2:] - 2)) @ powers[2:]
    if len(powers) == 2:
        accelerations = np.zeros_like(q1)
    return Waypoint(t, positions, velocities, accelerations)


def _coefficients(a: Waypoint, b: Waypoint, length: float) -> FloatArray:
    """(order + 1, dof) of the polynomial in the time since a that meets what both points give."""
    q0, v0, a0 = a.positions, a.velocities, a.accelerations
    q1, v1, a1 = b.positions, b.velocities, b.accelerations
    if not (len(v0) and len(v1)):
        return np.array([q0, (q1 - q0) / length])
    # what is left to cover when the start's own motion goes on
    v = v1 - v0
    if not (len(a0) and len(a1)):
        d = q1 - q0 - v0 * length
        return np.array([q0, v0, (3 * d - v * length) / length**2, (v * length - 2 * d) / length**3])
    d = q1 - q0 - v0 * length - 0.5 * a0 * length**2
    v = v - a0 * length
    acc = a1 - a0
    return np.array(
        [
            q0,
            v0,
            0.5 * a0,
            (10 * d - 4 * v * length + 0.5 * acc * length**2) / length**3,
            (-15 * d + 7 * v * length - acc * length**2) / length**4,
            (6 * d - 3 * v * length + 0.5 * acc * length**2) / length**5,
        ]
    )
