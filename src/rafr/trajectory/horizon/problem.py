"""The re-planning problem in CasADi: built once, solved for every measured state.

Knots k = 0 … N at equal intervals. State x = (q, qd, qdd, left, rate): joint motion and what is left of the
path, in seconds at full speed, with the rate at which it is used up; input u = (jerk, change of that rate),
constant per interval, so that the dynamics are exact. The last knot is at rest: a horizon that is never
replaced ends standing.

Arm, path and tissue enter linearised (`parameters.local_model`): the fragment's pose at every knot about the
last plan, the singular value about its end, the rest about the measured state. One such step per call is
usually enough (real-time iteration; Diehl, Bock and Schloeder 2005). What remains is linear but for the norms
of deviation, speed, force and torque.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from rafr.nlp import Problem, Program
from rafr.robot.urdf import JointLimits
from rafr.trajectory.constant_jerk import constant_jerk
from rafr.trajectory.horizon.config import HorizonConfig

MAX_PLANES = 8
SOFT = ("tube", "tissue")  # constraints of the relaxed problem that may give way; excess of squared shares

_PENALTY = 1e2  # above any gain from giving way
_CENTRING, _SMOOTHNESS, _EASE = 0.3, 0.02, 1e-3  # weights beside 1 for a second of path left over
# residuals: finer in dynamics and bounds than in optimality, of which the check knows nothing
_HPIPM = {"iter_max": 60, "res_g_max": 1e-4, "res_b_max": 1e-7, "res_d_max": 1e-7, "res_m_max": 1e-5}
_SOLVERS: dict[str, tuple[str, dict[str, Any]]] = {
    # sequential quadratic programming over hpipm: from a warm start one step is nearly always enough
    "hpipm": (
        "sqpmethod",
        {
            "qpsol": "hpipm",
            "qpsol_options": {"error_on_fail": False, "hpipm": _HPIPM},
            "max_iter": 3,
            "print_header": False,
            "print_iteration": False,
            "print_status": False,
            "tol_pr": 1e-6,
            "tol_du": 1e-3,
        },
    ),
    "fatrop": ("fatrop", {"fatrop.tol": 1e-4, "fatrop.max_iter": 60, "fatrop.mu_init": 1e-3}),
    "ipopt": ("ipopt", {"ipopt.tol": 1e-4, "ipopt.max_iter": 200}),
}
SOLVERS = tuple(_SOLVERS)


def build(limits: JointLimits, config: HorizonConfig, solver: str, *, relaxed: bool = False) -> Program:
    """The compiled problem; `relaxed` lets tube and tissue load give way at a high price (ipopt only)."""
    import casadi as ca

    problem = _Builder(limits, config, Problem(ca.SX)).build()
    if relaxed:
        problem = problem.relaxed(dict.fromkeys(SOFT, _PENALTY))
    plugin, options = _SOLVERS[solver]
    return problem.compile(plugin, {"expand": True, **options})


def state_name(k: int) -> str:
    return f"state {k}"


def input_name(k: int) -> str:
    return f"input {k}"


def deviation_name(k: int) -> str:
    return f"deviation {k}"


def advance(x: Any, u: Any, h: Any, dof: int) -> tuple[Any, ...]:
    """Parts of the state after h (s) of a constant input; numbers or expressions, one column per state."""
    left, rate, change = x[3 * dof], x[3 * dof + 1], u[dof]
    progress = left - h * rate - h**2 / 2 * change, rate + h * change
    return *constant_jerk(x, u[:dof], h, dof), *progress


class _Builder:
    """Declares stage by stage, dynamics first: the order fatrop wants."""

    def __init__(self, limits: JointLimits, config: HorizonConfig, problem: Problem) -> None:
        self._limits, self._config, self._problem = limits, config, problem
        self._dof = len(limits.lower)

    def build(self) -> Problem:
        n, dof, problem = self._config.knots, self._dof, self._problem
        shapes = {
            "start": (3 * dof + 2, 1),
            "load": (6, dof + 1),
            "twist": (6, dof),
            "torque": (dof, dof + 1),
            "inertia": (dof, dof),
            "room": (MAX_PLANES + 1, dof + 1),
            "tube": (1, n + 1),
        }
        self._given = {name: problem.parameter(name, shape) for name, shape in shapes.items()}
        knots = [self._declare(k) for k in range(n + 1)]
        for k, ((x, u), (following, _)) in enumerate(pairwise(knots)):
            self._dynamics(k, x, u, following)
            if k == 0:
                problem.constrain("measured state", x - self._given["start"], 0.0, 0.0)
            else:
                self._stage(k, x)
        self._stage(n, knots[n][0])
        at_rest = [*range(dof, 3 * dof), 3 * dof + 1]
        problem.constrain("rest at the end", knots[n][0][at_rest], 0.0, 0.0)
        return problem

    def _declare(self, k: int) -> tuple[Any, Any]:
        """State and input of a knot with their bounds."""
        dof, limits, config, inf = self._dof, self._limits, self._config, np.inf
        share, gentle = config.margin, config.margin * config.gentleness
        upper = np.full(3 * dof + 2, inf)
        lower = -upper
        if k > 0:  # the measured state is what it is
            rates = np.r_[share * limits.velocity, gentle * limits.acceleration]
            lower, upper = np.r_[limits.lower, -rates, 0.0, 0.0], np.r_[limits.upper, rates, inf, share]
        x = self._problem.variable(state_name(k), (3 * dof + 2, 1), guess=0.0, lower=lower, upper=upper)
        if k == config.knots:
            return x, None
        bound = np.append(gentle * limits.jerk, config.progress_acceleration)
        u = self._problem.variable(input_name(k), (dof + 1, 1), guess=0.0, lower=-bound, upper=bound)
        self._problem.minimise(
            _SMOOTHNESS * _square(u[:dof] / bound[:dof]) + _EASE * u[dof] ** 2, "smoothness"
        )
        return x, u

    def _dynamics(self, k: int, x: Any, u: Any, following: Any) -> None:
        import casadi as ca

        after = ca.vertcat(*advance(x, u, self._config.step, self._dof))
        self._problem.constrain(f"dynamics {k}", following - after, 0.0, 0.0)

    def _stage(self, k: int, x: Any) -> None:
        import casadi as ca

        q, qdd, left = x[: self._dof], x[2 * self._dof : 3 * self._dof], x[3 * self._dof]
        given, config, problem = self._given, self._config, self._problem
        most = config.margin**2
        deviation = problem.parameter(deviation_name(k), (6, self._dof + 2)) @ ca.vertcat(1, q, left)
        problem.minimise(config.step * left, "path left")
        problem.minimise(config.step * _CENTRING * _square(deviation), "deviation")
        for name, part in (("position", deviation[:3]), ("rotation", deviation[3:])):
            off = _square(part) / given["tube"][k] ** 2
            problem.constrain(f"tube {name} {k}", off, -np.inf, most)
        moved = ca.vertcat(1, q - given["start"][: self._dof])
        twist = given["twist"] @ x[self._dof : 2 * self._dof]
        for name, part in (("speed", twist[:3]), ("turn rate", twist[3:])):
            problem.constrain(f"fragment {name} {k}", _square(part), -np.inf, most)
        load = given["load"] @ moved
        for name, part in (("force", load[:3]), ("torque", load[3:])):
            problem.constrain(f"tissue {name} {k}", _square(part), -np.inf, most)
        torque = given["torque"] @ moved + given["inertia"] @ qdd
        problem.constrain(f"joint torque {k}", torque, -config.margin, config.margin)
        room = given["room"] @ moved
        problem.constrain(f"singularity {k}", room[0], 0.0, np.inf)
        problem.constrain(f"clearance {k}", room[1:], 0.0, np.inf)


def _square(x: Any) -> Any:
    import casadi as ca

    return ca.dot(x, x)
