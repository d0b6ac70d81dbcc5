"""Refinement of a path by nonlinear programming (CasADi, ipopt): least peak force and work, clear of bone."""

from __future__ import annotations

import numpy as np

from rafr.geometry.rigid_transform import FloatArray
from rafr.nlp import Problem
from rafr.planning.path.chart import resampled
from rafr.planning.path.config import PathConfig
from rafr.planning.path.load import LoadModel
from rafr.units import METRES_PER_MM

_NEAR = 12  # nearest points of a pose that are kept off bone
_WANTED_MM = 0.5  # clearance asked for where there is room
_TRUST_MM = 3.0  # how far a pose moves before bone is linearised anew
_WORK = 0.1  # of 1 J beside the peak force as a share of the limit, squared
_SHORT, _SMOOTH = 0.02, 0.05  # of the way's length and bends, both over what they were
_STILL_J = 1e-3  # below which work is smoothed to be differentiable


def refine(model: LoadModel, x: FloatArray, config: PathConfig) -> FloatArray:
    """One round: poses (knots + 2, 6) of a better path near the path x (n, 6), its ends kept.

    Bone is linearised at the nearest points of every pose; tissue and traction are the model itself. Whether
    the result is better, and clear, is for the caller to judge.
    """
    import casadi as ca

    x = resampled(x, config.knots + 2)
    inner, length = x[1:-1], max(float(np.linalg.norm(np.diff(x, axis=0), axis=1).sum()), 1e-6)
    pull = model.pull.in_chart(model.around.chart)
    problem = Problem(ca.MX)
    X = problem.variable(
        "poses", (6, config.knots), guess=inner.T, lower=inner.T - _TRUST_MM, upper=inner.T + _TRUST_MM
    )
    wrench = pull.map(config.knots)(X)
    force = ca.sum1(wrench[:3, :] ** 2) / config.force_limit**2
    torque = ca.sum1(wrench[3:, :] ** 2) / config.torque_limit**2
    # a path that begins beyond the limit may at least come nearer to it
    before = np.array(pull.map(config.knots)(inner.T))
    highest = float((before[:3] ** 2).sum(axis=0).max()) / config.force_limit**2
    twisted = float((before[3:] ** 2).sum(axis=0).max()) / config.torque_limit**2
    peak = problem.variable("peak", (1, 1), guess=highest, lower=0.0, upper=max(1.0, highest))
    problem.constrain("force", force - ca.repmat(peak, 1, config.knots), -np.inf, 0.0)
    problem.constrain("torque", torque, -np.inf, max(1.0, twisted))
    _keep_clear(problem, X, model, inner)
    way = ca.horzcat(ca.DM(x[0]), X, ca.DM(x[-1]))
    step = way[:, 1:] - way[:, :-1]
    problem.constrain("step", ca.sum1(step**2), -np.inf, (2.0 * length / (config.knots + 1)) ** 2)
    bend = step[:, 1:] - step[:, :-1]
    ends = pull.map(2)(x[[0, -1]].T)
    wrenches = ca.horzcat(ends[:, 0], wrench, ends[:, 1])
    moved = ca.vertcat(METRES_PER_MM * step[:3, :], step[3:, :] / model.around.chart.radius)
    work = ca.sum1(0.5 * (wrenches[:, 1:] + wrenches[:, :-1]) * moved)
    share = (config.knots + 1) / length**2
    problem.minimise(peak + _WORK * ca.sum2(ca.sqrt(work**2 + _STILL_J**2)))
    problem.minimise(share * (_SHORT * ca.sumsqr(step) + _SMOOTH * (config.knots + 1) * ca.sumsqr(bend)))
    found = problem.solve(tolerance=1e-4, max_iterations=60, expand=False)
    return np.concatenate([x[:1], found.values["poses"].T, x[-1:]])


def _keep_clear(problem: Problem, X: object, model: LoadModel, inner: FloatArray) -> None:
    """Nearest points stay clear, or, where the path had no room, as near as they are."""
    import casadi as ca

    distance, slope = model.around.nearest_points(inner, _NEAR)
    for k, at in enumerate(inner):
        predicted = ca.mtimes(ca.DM(slope[k]), X[:, k] - ca.DM(at))  # type: ignore[index]
        problem.constrain(
            f"clearance {k}", predicted, np.minimum(_WANTED_MM, distance[k]) - distance[k], np.inf
        )
