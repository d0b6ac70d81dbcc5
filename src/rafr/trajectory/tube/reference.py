"""The middle of the tube: where the knots lie, how the arm would pass them, and what acts there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.robot.arm import ArmModel
from rafr.robot.collision import ArmCollision
from rafr.trajectory.horizon.request import shifted
from rafr.trajectory.load import FragmentLoad
from rafr.trajectory.paths import ClampSpeed, poses_at
from rafr.trajectory.timing import JointPath, Profile
from rafr.trajectory.tube.config import TubeConfig
from rafr.trajectory.tube.problem import at_knot, input_name, midway, state_name

_RAMP = 0.15  # share of the knots in each of the phases of starting and of ending
_DIFFERENCE = 1e-5  # rad
_ROOMY = 1.0  # what an unbounded limit has to spare


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """A path with its timing on the middle, as parameters and guess of the tube problem.

    Attributes:
        poses: `T_armbase_clamp` of the path.
        path: joints and limits on its middle.   profile: timing there.
        speed: of the clamp.   load: what pulls at the clamp; None: nothing.
        collision: what must not be touched; None: not known.
    """

    arm: ArmModel
    poses: Sequence[RigidTransform]
    path: JointPath
    profile: Profile
    speed: ClampSpeed
    load: FragmentLoad | None
    collision: ArmCollision | None

    def knot_times(self, knots: int) -> FloatArray:
        """(knots + 1,) s: closer together where the motion starts and ends, even along the path between."""
        profile, ramp = self.profile, max(2, round(_RAMP * knots))
        first, last = profile.phases
        begin, stop = (float(profile.sample(np.array([t]))[0][0]) for t in (first, last))
        even = np.interp(np.linspace(begin, stop, knots - 2 * ramp + 1), profile.state[:, 0], profile.t)
        starting, ending = np.linspace(0.0, first, ramp + 1), np.linspace(last, profile.t[-1], ramp + 1)
        return np.concatenate([starting[:-1], even, ending[1:]])

    def scales(self, t: FloatArray) -> tuple[float, float, float]:
        """Of rates, accelerations and jerks on the middle."""
        _, *derivatives = self._joints(t)
        rate, acceleration, jerk = (float(np.abs(d).max()) for d in derivatives)
        return rate, acceleration, jerk

    def guess(self, t: FloatArray) -> dict[str, ArrayLike]:
        """The motion on the middle at knots t (n + 1,), scaled."""
        _, qd, qdd, _ = self._joints(t)
        rate, acceleration, jerk = self.scales(t)
        states = np.hstack([np.zeros_like(qd), qd / rate, qdd / acceleration])
        jerks = np.diff(qdd, axis=0) / np.diff(t)[:, None] / jerk
        guess: dict[str, ArrayLike] = {state_name(k): x for k, x in enumerate(states)}
        return guess | {input_name(k): np.append(row, 1.0) for k, row in enumerate(jerks)}

    def parameters(self, t: FloatArray, config: TubeConfig) -> dict[str, ArrayLike]:
        """Everything the problem has to know of arm and path, at knots t (n + 1,) and midway."""
        limits, middles = self.path.limits, 0.5 * (t[:-1] + t[1:])
        q, between = self._joints(t)[0], self._joints(middles)[0]
        wanted, wanted_between = self._poses(t), self._poses(middles)
        given: dict[str, ArrayLike] = {
            "duration": t[-1],
            "largest rate": limits.velocity,
            "largest acceleration": limits.acceleration,
            "largest jerk": limits.jerk,
        }
        names = (f"scale of {what}" for what in ("rate", "acceleration", "jerk"))
        given |= dict(zip(names, self.scales(t), strict=True))
        for k, h in enumerate(np.diff(t)):
            given[at_knot("interval", k)] = h
            given[at_knot("step", k)], given[midway("step", k)] = q[k + 1] - q[k], between[k] - q[k]
            given |= self._kinematics(midway, k, between[k], wanted_between[k])
        for k in range(1, len(t)):
            given |= self._kinematics(at_knot, k, q[k], wanted[k])
            given[at_knot("below", k)], given[at_knot("above", k)] = q[k] - limits.lower, limits.upper - q[k]
            given[at_knot("load", k)] = self._load(q[k])
            given[at_knot("torque", k)] = self._torque(q[k])
            given[at_knot("room", k)] = self._room(q[k], config)
        return given

    @property
    def lever(self) -> FloatArray:
        """(3,) the point that is to stay in the tube, in the clamp frame, m."""
        return np.zeros(3) if self.load is None else self.load.lever

    def joints(self, t: FloatArray) -> FloatArray:
        """(n, dof) on the middle."""
        return self._joints(t)[0]

    def _joints(self, t: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        return self.path.motion(*self.profile.sample(t))

    def _poses(self, t: FloatArray) -> list[RigidTransform]:
        """The path's, n."""
        return poses_at(self.poses, self.speed, self.profile.sample(t)[0])

    def _kinematics(
        self, name: Callable[[str, int], str], k: int, q: FloatArray, wanted: RigidTransform
    ) -> dict[str, ArrayLike]:
        """By (1, way off q): how far the fragment is off the path's pose; by rates: shares of speed."""
        at_clamp, pose = self.arm.jacobian(q), self.arm.forward(q)
        at_point = shifted(at_clamp[None], (pose.rotation @ self.lever)[None])[0]
        way = pose.apply(self.lever) - wanted.apply(self.lever)
        turn = (pose @ wanted.inverse()).log()[3:]
        speed = np.repeat([self.speed.linear, self.speed.angular], 3)[:, None]
        return {
            name("deviation", k): np.column_stack([np.concatenate([way, turn]), at_point]),
            name("twist", k): at_clamp / speed,
        }

    def _load(self, q: FloatArray) -> FloatArray:
        """(6, 7) force and torque on the fragment, by (1, way off the middle), as shares of their limits."""
        if self.load is None:
            return np.zeros((6, 7))
        pose = self.arm.forward(q)
        table = np.column_stack([self.load.wrench(pose), -self.load.stiffness(pose)])
        limits = np.repeat([self.load.force_limit, self.load.torque_limit], 3)
        return np.asarray(table / limits[:, None])

    def _torque(self, q: FloatArray) -> FloatArray:
        """(dof, 1 + 2 dof) joint torques as shares, by (1, way off the middle, acceleration)."""
        wrench = np.zeros(6) if self.load is None else self.load.on_clamp(self.arm.forward(q))

        def held(at: FloatArray) -> FloatArray:
            return np.asarray(self.arm.gravity(at) - self.arm.jacobian(at).T @ wrench)

        inertia, _ = self.arm.inertia_and_bias(q, np.zeros_like(q))
        table = np.column_stack([held(q), _gradient(held, q), inertia])
        return np.asarray(table / self.arm.limits.effort[:, None])

    def _room(self, q: FloatArray, config: TubeConfig) -> FloatArray:
        """(2, 1 + dof) what singular value and clearance have to spare, by (1, way off the middle)."""

        def spare(at: FloatArray) -> FloatArray:
            singular = self.arm.manipulability(at) - config.min_manipulability
            collision = self.collision
            clear = _ROOMY if collision is None else min(collision.distance(at) - collision.margin, _ROOMY)
            return np.array([singular, clear])

        return np.column_stack([spare(q), _gradient(spare, q)])


def _gradient(function: Callable[[FloatArray], FloatArray], q: FloatArray) -> FloatArray:
    """(n, dof) by differences."""
    here = function(q)
    steps = _DIFFERENCE * np.eye(len(q))
    return np.column_stack([(function(q + step) - here) / _DIFFERENCE for step in steps])
