"""The tube problem in CasADi: built once per number of joints and knots, solved for every path.

The knots lie at fixed places of the path; how long the arm takes from one to the next is free. State
x = (q, qd, qdd), input u = (jerk, duration of the interval), constant per interval, so that the dynamics are
exact. Kinematics, load, torque, singular value and clearance are linear about the path's middle: the tube,
and the bound on how far a joint may be from its middle, are so narrow that this changes the pose by
micrometres. What remains is linear but for the durations and for the norms of deviation, speed, force and
torque.

Everything is scaled to be about 1: angles count from the middle in shares of `ANGLE`, rates, accelerations
and jerks in shares of scales given with the path, durations in shares of the guess's.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from rafr.nlp import Problem
from rafr.trajectory.constant_jerk import constant_jerk
from rafr.trajectory.tube.config import TubeConfig

ANGLE = 1e-3  # rad
SOFT = ("tube", "tissue", "joint torque", "singularity", "clearance")  # what a relaxation may give up
PENALTY = 1e2
SOLVERS: dict[str, dict[str, Any]] = {
    "fatrop": {"fatrop.tol": 1e-5, "fatrop.max_iter": 100, "fatrop.mu_init": 1e-2},
    "ipopt": {"ipopt.tol": 1e-5, "ipopt.max_iter": 100, "ipopt.mu_init": 1e-2, "ipopt.max_wall_time": 20.0},
}

_AWAY = 0.01  # rad from the middle, which a redundant arm could leave far without leaving the tube
_EXACT = 1e-3  # of the tube, at its end
_INTERVAL = (0.5, 1.6)  # of its duration in the guess: else knots crowd where they cost least


def build(dof: int, knots: int, config: TubeConfig) -> Problem:
    """The problem with arm and path as parameters, every limit scaled to 1."""
    import casadi as ca

    return _Builder(Problem(ca.SX), dof, knots, config).build()


def state_name(k: int) -> str:
    return f"state {k}"


def input_name(k: int) -> str:
    return f"input {k}"


def at_knot(what: str, k: int) -> str:
    """Name of what belongs to knot k."""
    return f"{what} {k}"


def midway(what: str, k: int) -> str:
    """Name of what belongs to the middle between knots k and k + 1."""
    return f"{what} after {k}"


class _Builder:
    """Declares stage by stage, dynamics first: the order fatrop wants."""

    def __init__(self, problem: Problem, dof: int, knots: int, config: TubeConfig) -> None:
        self._problem, self._dof, self._knots, self._config = problem, dof, knots, config

    def build(self) -> Problem:
        problem, dof, n = self._problem, self._dof, self._knots
        self._whole = problem.parameter("duration", (1, 1))
        self._scales = [
            problem.parameter(f"scale of {what}", (1, 1)) for what in ("rate", "acceleration", "jerk")
        ]
        self._limits = {
            what: problem.parameter(f"largest {what}", (dof, 1)) for what in ("rate", "acceleration", "jerk")
        }
        knots = [self._declare(k) for k in range(n + 1)]
        for k, ((x, u), (following, _)) in enumerate(pairwise(knots)):
            self._interval(k, x, u, following)
            if k == 0:
                problem.constrain("rest at the start", x, 0.0, 0.0)
        off = self._knot(n, knots[n][0])
        problem.constrain("rest at the end", knots[n][0][dof:], 0.0, 0.0)
        there = off / np.repeat([self._config.position, self._config.rotation], 3)
        # as an equality it makes fatrop's first factorisation go on for ever
        problem.constrain("end of the path", there, -_EXACT, _EXACT)
        return problem

    def _declare(self, k: int) -> tuple[Any, Any]:
        dof = self._dof
        moved = np.r_[np.full(dof, _AWAY / ANGLE), np.full(2 * dof, np.inf)]
        x = self._problem.variable(state_name(k), (3 * dof, 1), guess=0.0, lower=-moved, upper=moved)
        if k == self._knots:
            return x, None
        free = np.full(dof, np.inf)
        lower, upper = np.append(-free, _INTERVAL[0]), np.append(free, _INTERVAL[1])
        return x, self._problem.variable(input_name(k), (dof + 1, 1), guess=0.0, lower=lower, upper=upper)

    def _interval(self, k: int, x: Any, u: Any, following: Any) -> None:
        """Dynamics and costs from knot k to the next; the limits at knot k and midway."""
        import casadi as ca

        dof, problem, config = self._dof, self._problem, self._config
        rate, acceleration, jerk = self._scales
        h = problem.parameter(at_knot("interval", k), (1, 1)) * u[dof]
        onward, halfway = (problem.parameter(name("step", k), (dof, 1)) for name in (at_knot, midway))
        plain = ca.vertcat(x[:dof] * ANGLE, x[dof : 2 * dof] * rate, x[2 * dof :] * acceleration)

        def after(seconds: Any, step: Any) -> Any:
            q, v, a = constant_jerk(plain, u[:dof] * jerk, seconds, dof)
            return ca.vertcat((q - step) / ANGLE, v / rate, a / acceleration)

        problem.constrain(f"dynamics {k}", following - after(h, onward), 0.0, 0.0)
        if k > 0:
            self._knot(k, x)
        middle = after(h / 2, halfway)
        self._pose(midway, k, middle)
        jerks = u[:dof] * jerk / self._limits["jerk"]
        problem.constrain(f"joint jerk {k}", jerks, -config.margin, config.margin)
        share = middle[2 * dof :] * acceleration / self._limits["acceleration"]
        rough = ca.sumsqr(share) + config.jerk_share * ca.sumsqr(jerks)
        problem.minimise(h / self._whole, "time")
        problem.minimise(config.smoothness * rough * h / self._whole, "smoothness")

    def _knot(self, k: int, x: Any) -> Any:
        """Every limit at a knot; returns the way off the path, as `_pose`."""
        import casadi as ca

        dof, problem, most = self._dof, self._problem, self._config.margin
        moved, qdd = x[:dof] * ANGLE, x[2 * dof :] * self._scales[1]
        off = self._pose(at_knot, k, x)
        share = qdd / self._limits["acceleration"]
        problem.constrain(f"joint acceleration {k}", share, -most, most)
        load = problem.parameter(at_knot("load", k), (6, 7)) @ ca.vertcat(1, off)
        for name, part in (("force", load[:3]), ("torque", load[3:])):
            problem.constrain(f"tissue {name} {k}", ca.sumsqr(part), -np.inf, most**2)
        torque = problem.parameter(at_knot("torque", k), (dof, 2 * dof + 1)) @ ca.vertcat(1, moved, qdd)
        problem.constrain(f"joint torque {k}", torque, -most, most)
        below, above = (problem.parameter(at_knot(side, k), (dof, 1)) for side in ("below", "above"))
        problem.constrain(f"joint range {k}", ca.vertcat(moved + below, above - moved), 0.0, np.inf)
        room = problem.parameter(at_knot("room", k), (2, dof + 1)) @ ca.vertcat(1, moved)
        problem.constrain(f"singularity {k}", room[0], 0.0, np.inf)
        problem.constrain(f"clearance {k}", room[1], 0.0, np.inf)
        return off

    def _pose(self, name: Callable[[str, int], str], k: int, x: Any) -> Any:
        """Joint rates, tube and speed; returns (6,) the fragment's way off the path's middle, m and rad."""
        import casadi as ca

        dof, problem, config = self._dof, self._problem, self._config
        moved, qd = x[:dof] * ANGLE, x[dof : 2 * dof] * self._scales[0]
        off = problem.parameter(name("deviation", k), (6, dof + 1)) @ ca.vertcat(1, moved)
        parts = (("position", off[:3], config.position), ("rotation", off[3:], config.rotation))
        for what, part, most in parts:
            problem.constrain(name(f"tube {what}", k), ca.sumsqr(part / (config.inner * most)), -np.inf, 1.0)
            share = ca.sumsqr(part / most) / (2 * self._knots)
            problem.minimise(config.centring * share, "deviation")
        rates = qd / self._limits["rate"]
        problem.constrain(name("joint rate", k), rates, -config.margin, config.margin)
        twist = problem.parameter(name("twist", k), (6, dof)) @ qd
        problem.constrain(name("clamp speed", k), ca.sumsqr(twist), -np.inf, config.margin**2)
        return off
