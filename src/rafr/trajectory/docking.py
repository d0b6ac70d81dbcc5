"""Docking of the mobile base: minimum-time motion among obstacles, for either kind of drive.

Direct multiple shooting over the dynamic extension of the drive's own model: the state is the pose and the
velocity u that G(xi) turns into motion, so the no-slip constraint is part of the dynamics; the accelerations
are constant per interval; the bounds are those of the wheels. The base is covered by a few discs, each kept
clear of every obstacle. Starting guesses come from a grid search, so that a route round the table is found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from rafr.errors import Cause, InfeasibleError
from rafr.geometry.rigid_transform import FloatArray
from rafr.nlp import Problem, Solution
from rafr.robot.mobile import Drive
from rafr.robot.mobile.extension import DynamicExtension, runge_kutta, travelled
from rafr.room import Disc, Obstacle
from rafr.trajectory.passage import passable, what_is_missing
from rafr.trajectory.result import BaseTrajectory
from rafr.trajectory.route import Guess, guesses
from rafr.trajectory.verify import verify_base

_NEARBY = 1.2  # m
_PATIENT = 5  # times the iterations, where those configured do not do
_REACHED = 2e-3  # m less than start or goal keep of an obstacle, where they keep less than the clearance


@dataclass(frozen=True, slots=True)
class DockingConfig:
    """Tunables of the docking problem.

    Attributes:
        knots: shooting intervals.
        clearance: kept between base and obstacles, m.
        margin: share of the wheel limits that is used.
        smoothness: weight of squared accelerations beside the time.
        sample_period: spacing of the result, s.
        max_iterations: of the solver, per guess.
    """

    knots: int = 40
    clearance: float = 0.03
    margin: float = 0.95
    smoothness: float = 0.05
    sample_period: float = 0.05
    max_iterations: int = 200


def optimise_docking(
    start: ArrayLike,
    goal: ArrayLike,
    obstacles: Sequence[Obstacle],
    drive: Drive,
    config: DockingConfig | None = None,
) -> BaseTrajectory:
    """The fastest verified motion from rest at `start` to rest at `goal`, (x, y, theta) in `world`.

    The wheels' limits are those of `drive`.

    Raises:
        InfeasibleError: start or goal touches an obstacle (cause COLLISION), no way leads there (BOXED_IN),
            or none of the guesses led to a motion that the independent check accepts (OTHER).
    """
    config = config or DockingConfig()
    p0, p1 = np.asarray(start, dtype=float), np.asarray(goal, dtype=float)
    for name, pose in (("start", p0), ("goal", p1)):
        _require_free(name, pose, obstacles, drive)
    if np.hypot(*(p1 - p0)[:2]) < 1e-6 and abs(_wrapped(p1[2] - p0[2])) < 1e-6:
        return _standing(p0, drive)
    reasons: list[str] = []
    ways = guesses(p0, p1, obstacles, drive, config.knots)
    for patience in (1, _PATIENT):  # long ways among many obstacles need more iterations
        tried = replace(config, max_iterations=patience * config.max_iterations)
        reasons = []
        for guess in ways:
            trajectory, wrong = _from_guess(p0, guess, obstacles, drive, tried)
            if trajectory is not None:
                return trajectory
            reasons += [f"guess {guess.name!r}: {reason}" for reason in wrong]
    if not ways or not passable(p0, p1, obstacles, drive):
        raise InfeasibleError(_boxed_in(p0, p1, obstacles, drive, found=bool(ways)), Cause.BOXED_IN)
    raise InfeasibleError(tuple(reasons))


def _boxed_in(
    start: FloatArray, goal: FloatArray, obstacles: Sequence[Obstacle], drive: Drive, *, found: bool
) -> tuple[str, ...]:
    """Reasons: that there is no way, and the least that would open one."""
    no_way = "no way between start and goal is wide enough" if found else "no route between start and goal"
    missing, alone = what_is_missing(start, goal, obstacles, drive)
    narrow = f"where the best way is narrowest the base is {missing:.2f} m too wide on each side"
    moving = f"taking away one of these opens a way: {', '.join(alone)}"
    several = "no obstacle alone is in the way: more than one has to go"
    return f"{no_way} for the base", narrow, moving if alone else several


def _from_guess(
    start: FloatArray,
    guess: Guess,
    obstacles: Sequence[Obstacle],
    drive: Drive,
    config: DockingConfig,
) -> tuple[BaseTrajectory | None, tuple[str, ...]]:
    """The verified motion that a guess leads to, or what is wrong with it."""
    solution = _solve(start, guess, obstacles, drive, config)
    if not solution.converged or solution.violated:
        return None, ("; ".join(solution.violated) or "did not converge",)
    trajectory = _sample(solution, drive, config)
    check = verify_base(trajectory, start, guess.goal, obstacles, drive)
    return (trajectory, ()) if check.accepted else (None, check.reasons)


def _solve(
    start: FloatArray,
    guess: Guess,
    obstacles: Sequence[Obstacle],
    drive: Drive,
    config: DockingConfig,
) -> Solution:
    import casadi as ca

    n = config.knots
    problem = Problem(ca.SX)
    T = problem.variable("duration", (1, 1), lower=0.3, upper=600.0, guess=guess.duration)
    extension, m = DynamicExtension(drive.model), len(drive.model.inputs)
    x = problem.variable("state", (len(extension.states), n + 1), guess=guess.states.T)
    a = problem.variable("acceleration", (m, n), guess=0.0)
    h = T / n
    at_rest = np.zeros(m)
    for name, k, pose in (("start", 0, start), ("end", n, guess.goal)):
        state = np.concatenate([pose, at_rest])
        problem.constrain(name, x[:, k], state, state)
    step = runge_kutta(extension.rate, len(extension.states), m).map(n)
    problem.constrain("dynamics", x[:, 1:] - step(x[:, :-1], a, h), 0.0, 0.0)
    wheels = drive.wheel_matrix
    rate = config.margin * drive.limits.wheel_rate
    problem.constrain("wheel rate", wheels @ x[3:, :], -rate, rate)
    acceleration = config.margin * drive.limits.wheel_acceleration
    problem.constrain("wheel acceleration", wheels @ a, -acceleration, acceleration)
    ends = np.stack([start, guess.goal])
    _keep_clear(problem, x, _nearby(guess, obstacles), drive, config.clearance, ends)
    problem.minimise(T, "time")
    problem.minimise(config.smoothness * ca.sumsqr(a) * h, "smoothness")
    return problem.solve(max_iterations=config.max_iterations, tolerance=1e-4)


def _nearby(guess: Guess, obstacles: Sequence[Obstacle]) -> list[Obstacle]:
    """Those the route could come to touch; the others only cost time (all of them are verified)."""
    return [o for o in obstacles if float(o.distance(guess.states[:, :2]).min()) < _NEARBY]


def _keep_clear(
    problem: Problem,
    x: Any,
    obstacles: Sequence[Obstacle],
    drive: Drive,
    clearance: float,
    ends: FloatArray,
) -> None:
    """Every disc of the footprint stays `clearance` away from every obstacle, at and between knots.

    Where the base stands nearer at the `ends` (2, 3) it may be as near on its way.
    """
    import casadi as ca

    offsets, radius = drive.footprint()
    # the middle of each interval is guarded, too: obstacles are wider than a step there
    at = ca.horzcat(x[:3, :], 0.5 * (x[:3, :-1] + x[:3, 1:]))
    for obstacle in obstacles:
        at_ends = float(obstacle.distance(drive.disc_centres(ends).reshape(-1, 2)).min()) - radius
        kept = min(clearance, max(at_ends - _REACHED, 0.0))
        needed = radius + kept + (obstacle.radius if isinstance(obstacle, Disc) else 0.0)
        squared = [
            squared_distance(obstacle, at[0, :] + o * ca.cos(at[2, :]), at[1, :] + o * ca.sin(at[2, :]))
            for o in offsets
        ]
        problem.constrain(f"clear of {obstacle.name}", ca.vertcat(*squared), needed**2, np.inf)


def squared_distance(obstacle: Obstacle, x: Any, y: Any) -> Any:
    """In CasADi: to a disc's centre, or to a box's surface (zero inside), m^2."""
    import casadi as ca

    dx, dy = x - obstacle.x, y - obstacle.y
    if isinstance(obstacle, Disc):
        return dx**2 + dy**2
    c, s = np.cos(np.radians(obstacle.angle_deg)), np.sin(np.radians(obstacle.angle_deg))
    along = ca.fmax(ca.fabs(c * dx + s * dy) - obstacle.length / 2, 0)
    across = ca.fmax(ca.fabs(c * dy - s * dx) - obstacle.width / 2, 0)
    return along**2 + across**2


def _sample(solution: Solution, drive: Drive, config: DockingConfig) -> BaseTrajectory:
    """The optimised accelerations integrated on a fine grid, sampled evenly in time."""
    duration = float(solution.values["duration"][0, 0])
    states, a = solution.values["state"].T, solution.values["acceleration"].T
    knots = np.linspace(0.0, duration, len(states))
    t = np.linspace(0.0, duration, int(np.ceil(duration / config.sample_period)) + 1)
    k = np.clip(np.searchsorted(knots, t, side="right") - 1, 0, len(a) - 1)
    h = t - knots[k]
    velocity = states[k, 3:] + h[:, None] * a[k]
    poses = states[k, :3] + travelled(drive.model, states[k], a[k], h)
    return _trajectory(t, poses, velocity, drive)


def _trajectory(t: FloatArray, poses: FloatArray, velocity: FloatArray, drive: Drive) -> BaseTrajectory:
    """Of poses (n, 3) and velocities (n, m) in the order of the model's inputs."""
    speeds = dict(zip(drive.model.inputs, velocity.T, strict=True))
    x, y, theta = poses.T
    return BaseTrajectory(t, x, y, theta, wheel=drive.wheel_rates(*velocity.T), **speeds)


def _require_free(name: str, pose: FloatArray, obstacles: Sequence[Obstacle], drive: Drive) -> None:
    _, radius = drive.footprint()
    centres = drive.disc_centres(pose)[0]
    touched = [o.name for o in obstacles if float(o.distance(centres).min()) < radius]
    if touched:
        raise InfeasibleError((f"at the {name} the base touches {', '.join(touched)}",), Cause.COLLISION)


def _standing(pose: FloatArray, drive: Drive) -> BaseTrajectory:
    """Already there: two samples of standing still."""
    t = np.array([0.0, 0.1])
    return _trajectory(t, np.tile(pose, (2, 1)), np.zeros((2, len(drive.model.inputs))), drive)


def _wrapped(angle: float) -> float:
    return float((angle + np.pi) % (2 * np.pi) - np.pi)
