"""The problem of base and arm together in CasADi: built once per robot, room and number of obstacles.

Direct multiple shooting over k = 0 … N with one free interval h. State: pose and velocity of the base (its
model's dynamic extension), joint angles, rates and accelerations, and h, which stays; input: the base's
accelerations and the joints' jerk, constant per interval. The arm's dynamics are exact, the base's one
Runge-Kutta step. Minimum time with a little smoothness.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from rafr.nlp import Problem, Program
from rafr.trajectory.paths import ClampSpeed
from rafr.trajectory.whole_body.config import WholeBodyConfig
from rafr.trajectory.whole_body.scene import Scene
from rafr.trajectory.whole_body.stages import Row, Stages

_LONGEST = 5.0  # s of one interval
_SOLVERS: dict[str, dict[str, Any]] = {
    "ipopt": {
        "ipopt.tol": 1e-3,
        "ipopt.constr_viol_tol": 1e-7,
        "ipopt.mu_init": 1e-2,
        "ipopt.fixed_variable_treatment": "make_constraint",
    },
    "fatrop": {"fatrop.tol": 1e-3, "fatrop.mu_init": 1e-2},
}
SOLVERS = tuple(_SOLVERS)


def state_name(k: int) -> str:
    return f"state {k}"


def input_name(k: int) -> str:
    return f"input {k}"


def build(scene: Scene, speed: ClampSpeed, config: WholeBodyConfig, *, free_end: bool) -> Program:
    """The compiled problem.

    Args:
        free_end: it ends in a pose of the clamp with the base near its docking pose, not in given poses of
            base and arm.
    """
    problem = _Builder(scene, speed, config, free_end).build()
    options = {**_SOLVERS[config.solver], f"{config.solver}.max_iter": config.max_iterations}
    return problem.compile(config.solver, options)


class _Builder:
    """Declares stage by stage, dynamics first: the order fatrop wants."""

    def __init__(self, scene: Scene, speed: ClampSpeed, config: WholeBodyConfig, free_end: bool) -> None:
        import casadi as ca

        self._config, self._limits = config, scene.arm.limits
        self._problem = Problem(ca.SX)
        self._stages = Stages(scene, speed, config, self._problem, free_end)
        self._layout = self._stages.layout

    def build(self) -> Problem:
        n, problem, stages = self._config.knots, self._problem, self._stages
        step, begin, way, end = stages.step(), stages.start(), stages.way(), stages.end()
        cost = stages.cost()
        knots = [self._declare(k) for k in range(n + 1)]
        for k, ((x, u), (following, _)) in enumerate(pairwise(knots)):
            problem.constrain(f"dynamics {k}", following - step(x, u), 0.0, 0.0)
            if k == 0:
                self._constrain(begin, k, x)
            self._constrain(way, k, x, u)
            problem.minimise(cost(x, u))
        self._constrain(end, n, knots[n][0])
        return problem

    def _constrain(self, stage: tuple[Any, list[Row]], k: int, *arguments: Any) -> None:
        function, rows = stage
        values = function(*arguments, *self._stages.given.values())
        for row, value in zip(rows, values if len(rows) > 1 else [values], strict=True):
            self._problem.constrain(f"{row.name} {k}", value, row.lower, row.upper)

    def _declare(self, k: int) -> tuple[Any, Any]:
        """State and input of a knot with their bounds."""
        limits, layout, share, inf = self._limits, self._layout, self._config.margin, np.inf
        upper = np.full(layout.states, inf)
        upper[layout.joint(1)] = share * limits.velocity
        upper[layout.joint(2)] = share * limits.acceleration
        lower = -upper
        lower[layout.joint(0)], upper[layout.joint(0)] = limits.lower, limits.upper
        lower[-1], upper[-1] = 1e-3, _LONGEST
        x = self._problem.variable(state_name(k), (layout.states, 1), guess=0.0, lower=lower, upper=upper)
        if k == self._config.knots:
            return x, None
        bound = np.r_[np.full(layout.m, inf), share * limits.jerk]
        u = self._problem.variable(input_name(k), (layout.inputs, 1), guess=0.0, lower=-bound, upper=bound)
        return x, u
