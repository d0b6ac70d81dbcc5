"""Solves the tube problem for a path."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from rafr.config import check_config
from rafr.errors import InputError
from rafr.geometry.rigid_transform import FloatArray
from rafr.nlp import Problem, Program, Solution, excess_name
from rafr.trajectory.constant_jerk import constant_jerk
from rafr.trajectory.result import ArmTrajectory
from rafr.trajectory.tube.config import TubeConfig
from rafr.trajectory.tube.problem import ANGLE, PENALTY, SOFT, SOLVERS, build, input_name, state_name
from rafr.trajectory.tube.reference import Reference


@dataclass(frozen=True, slots=True, eq=False)
class TubeMotion:
    """What the solver found.

    Attributes:
        trajectory: sampled; not yet checked by anyone.
        knots: (n + 1,) s, when it passes them.
        solution: converged or not, costs by name, violated constraints by name.
        excess: of a relaxation, by how much each group of limits gave way, in squared or plain shares of it.
    """

    trajectory: ArmTrajectory
    knots: FloatArray
    solution: Solution
    excess: dict[str, float]


def fastest_in_tube(
    reference: Reference, knots: int, config: TubeConfig, period: float, *, relaxed: bool = False
) -> TubeMotion:
    """The fastest motion from rest to rest in the tube about a path.

    Args:
        period: spacing of the samples, s.
        relaxed: tube, load, torque, singularity and clearance may give way, at a price.

    Raises:
        InputError: a tunable outside its bounds, or an unknown solver.
    """
    check_config(config, "tube")
    if config.solver not in SOLVERS:
        raise InputError("tube", f"solver {config.solver!r}", f"one of {', '.join(SOLVERS)}")
    program = _program(reference.arm.dof, knots, config, relaxed)
    t = reference.knot_times(knots)
    solution = program.solve(reference.parameters(t, config), reference.guess(t))
    excess = {g: solution.values[excess_name(g)].item() for g in SOFT} if relaxed else {}
    return TubeMotion(*_sampled(reference, solution, t, period), solution, excess)


@cache
def _program(dof: int, knots: int, config: TubeConfig, relaxed: bool) -> Program:
    """Compiled once for a number of joints and knots."""
    problem: Problem = build(dof, knots, config)
    if relaxed:  # its excess spoils the structure that fatrop needs
        problem = problem.relaxed(dict.fromkeys(SOFT, PENALTY))
    solver = "ipopt" if relaxed else config.solver
    return problem.compile(solver, {"expand": True, **SOLVERS[solver]})


def _sampled(
    reference: Reference, solution: Solution, guess: FloatArray, period: float
) -> tuple[ArmTrajectory, FloatArray]:
    """The optimised jerk integrated exactly on a fine grid, and the knots (n + 1,); `guess`: these before."""
    dof, values = reference.arm.dof, solution.values
    knots = len(guess) - 1
    rate, acceleration, jerk = reference.scales(guess)
    states = np.array([values[state_name(k)].ravel() for k in range(knots + 1)])
    inputs = np.array([values[input_name(k)].ravel() for k in range(knots)])
    states *= np.repeat([ANGLE, rate, acceleration], dof)
    states[:, :dof] += reference.joints(guess)
    at = np.concatenate([[0.0], np.cumsum(inputs[:, dof] * np.diff(guess))])
    t = np.linspace(0.0, at[-1], int(np.ceil(at[-1] / period)) + 1)
    k = np.clip(np.searchsorted(at, t, side="right") - 1, 0, knots - 1)
    jerks = inputs[k, :dof] * jerk
    q, qd, qdd = constant_jerk(states[k].T, jerks.T, t - at[k], dof)
    return ArmTrajectory(reference.arm.joint_names, t, q.T, qd.T, qdd.T, jerks), at
