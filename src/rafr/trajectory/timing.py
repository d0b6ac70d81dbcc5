"""When to be where on a given joint path: minimum time under velocity, acceleration and jerk bounds.

The path q(s) is a spline of degree five. Its parameter follows s(t) with piecewise constant third
derivative, so that along the path

    q_t   = q' s_t
    q_tt  = q'' s_t^2 + q' s_tt
    q_ttt = q''' s_t^3 + 3 q'' s_t s_tt + q' s_ttt

(Bobrow 1985; with jerk: Constantinescu and Croft 2000). The knots lie closer where the motion starts
and ends: three phases of free length.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rafr.geometry.rigid_transform import FloatArray
from rafr.nlp import Problem, Solution
from rafr.robot.urdf import JointLimits
from rafr.trajectory.result import ArmTrajectory

_GUESSES = (1.0, 1.5, 0.7)  # times the smooth timing's duration: where one does not converge, another does


@dataclass(frozen=True, slots=True)
class TimingConfig:
    """Tunables of the timing problem.

    Attributes:
        knots: segments of each of the three phases.
        margin: share of every limit that is used, so that it also holds between knots.
        smoothness: s of duration that a second at full acceleration of one joint counts for.
        jerk_share: weight of squared jerk shares beside squared acceleration shares.
        sample_period: spacing of the result, s.
        max_iterations: of the solver.
    """

    knots: tuple[int, int, int] = (10, 16, 10)
    margin: float = 0.97
    smoothness: float = 0.05
    jerk_share: float = 0.3
    sample_period: float = 0.02
    max_iterations: int = 150


@dataclass(frozen=True, slots=True, eq=False)
class JointPath:
    """A geometric path of the arm.

    Attributes:
        spline: `scipy.interpolate.BSpline` of degree 5, s in 0..1 -> q (dof,).
        rate: spline of degree 3, s -> how much of the permitted clamp speed one unit of s_t uses.
        limits: bounds of the joints on this path.
    """

    spline: Any
    rate: Any
    limits: JointLimits

    def motion(
        self, s: FloatArray, v: FloatArray, a: FloatArray, j: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """q, qd, qdd, qddd (n, dof) where the parameter and its derivatives in time are s, v, a, j (n,)."""
        d1, d2, d3 = (self.spline(s, nu=k) for k in (1, 2, 3))
        v, a, j = v[:, None], a[:, None], j[:, None]
        return self.spline(s), d1 * v, d2 * v**2 + d1 * a, d3 * v**3 + 3 * d2 * v * a + d1 * j


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """s(t) in three phases.

    Attributes:
        t: (n + 1,) breakpoints, s.   state: (n + 1, 3) s, s_t, s_tt at each.
        jerk: (n,) s_ttt of each segment.
        phases: (2,) when the motion has started, and when it begins to end, s.
    """

    t: FloatArray
    state: FloatArray
    jerk: FloatArray
    phases: tuple[float, float]

    def sample(self, t: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        k = np.clip(np.searchsorted(self.t, t, side="right") - 1, 0, len(self.jerk) - 1)
        h, j = t - self.t[k], self.jerk[k]
        s, v, a = self.state[k].T
        return (
            np.clip(s + h * (v + h * (a / 2 + h * j / 6)), 0.0, 1.0),
            v + h * (a + h * j / 2),
            a + h * j,
            j,
        )


def time_path(
    names: tuple[str, ...], path: JointPath, config: TimingConfig | None = None
) -> tuple[ArmTrajectory, tuple[str, ...]]:
    """The fastest motion along a path, at rest at both ends.

    Returns:
        The trajectory, and remarks: empty when optimal; when the solver did not converge, that a smooth
        feasible timing is used instead.
    """
    config = config or TimingConfig()
    profile, remarks = time_profile(path, config)
    return sample(names, path, profile, config.sample_period), remarks


def time_profile(path: JointPath, config: TimingConfig) -> tuple[Profile, tuple[str, ...]]:
    """As `time_path`, as a profile along the path."""
    duration = _smooth_duration(path, config.margin)
    for factor in _GUESSES:
        solution = _solve(path, config, factor * duration)
        if solution.converged and not solution.violated:
            return _profile(solution, config), ()
    return _smooth_profile(duration, 60), ("the timing did not converge; a slower smooth timing is used",)


def _solve(path: JointPath, config: TimingConfig, duration: float) -> Solution:
    import casadi as ca

    n = sum(config.knots)
    guess = _smooth_profile(duration, n)
    problem = Problem(ca.MX)
    phases = problem.variable(
        "phases", (1, 3), lower=0.02 * duration, upper=duration, guess=_phases(duration, config)
    )
    x = problem.variable(
        "state", (3, n + 1), lower=[0.0, 0.0, -np.inf], upper=[1.0, np.inf, np.inf], guess=guess.state.T
    )
    jerk = problem.variable("jerk", (1, n), guess=guess.jerk[None])
    h = ca.horzcat(*(phases[i] / k for i, k in enumerate(config.knots) for _ in range(k)))
    problem.constrain("start", x[:, 0], 0.0, 0.0)
    problem.constrain("end", x[:, n], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0])
    problem.constrain("dynamics", x[:, 1:] - _step(x[:, :-1], jerk, h), 0.0, 0.0)
    usage = _usage_function(path).map(n)
    at_middle = usage(_step(x[:, :-1], jerk, h / 2), jerk)
    for where, share in (
        ("starts", usage(x[:, :-1], jerk)),
        ("middles", at_middle),
        ("ends", usage(x[:, 1:], jerk)),
    ):
        problem.constrain(f"limits at segment {where}", share, -config.margin, config.margin)
    # without this the solver is free to chatter wherever the speed limit rules
    dof = len(path.limits.lower)
    rough = ca.sum1(at_middle[dof : 2 * dof, :] ** 2) + config.jerk_share * ca.sum1(
        at_middle[2 * dof : 3 * dof, :] ** 2
    )
    problem.minimise(ca.sum2(phases) / duration, "time")
    problem.minimise(config.smoothness * ca.sum2(rough * h) / duration, "smoothness")
    return problem.solve(max_iterations=config.max_iterations, expand=False, tolerance=1e-5)


def _step(x: Any, jerk: Any, h: Any) -> Any:
    """Exact integration over segments with constant third derivative."""
    import casadi as ca

    s, v, a = x[0, :], x[1, :], x[2, :]
    return ca.vertcat(s + h * v + h**2 / 2 * a + h**3 / 6 * jerk, v + h * a + h**2 / 2 * jerk, a + h * jerk)


def _usage_function(path: JointPath) -> Any:
    """(state, jerk) -> share of each limit in use: velocity, acceleration, jerk of joints, clamp speed."""
    import casadi as ca

    x, j, limits = ca.MX.sym("x", 3), ca.MX.sym("j"), path.limits
    s, v, a = x[0], x[1], x[2]
    d1, d2, d3 = (_casadi_spline(path.spline.derivative(k), s) for k in (1, 2, 3))
    joint = (
        d1 * v / limits.velocity,
        (d2 * v**2 + d1 * a) / limits.acceleration,
        (d3 * v**3 + 3 * d2 * v * a + d1 * j) / limits.jerk,
    )
    return ca.Function("usage", [x, j], [ca.vertcat(*joint, _casadi_spline(path.rate, s) * v)])


def _casadi_spline(spline: Any, s: Any) -> Any:
    import casadi as ca

    # scipy pads the coefficients of derivatives; CasADi wants exactly those that count
    coefficients = np.atleast_2d(spline.c.T).T[: len(spline.t) - spline.k - 1]
    return ca.bspline(
        s, ca.DM(coefficients.ravel()), [spline.t.tolist()], [spline.k], coefficients.shape[1], {}
    )


def _usage(path: JointPath, s: Any, v: Any, a: Any, j: Any) -> FloatArray:
    """As `_usage_function`, for samples (n,): the largest share (4,) of each kind of limit."""
    _, qd, qdd, qddd = path.motion(s, v, a, j)
    limits = path.limits
    shares = (
        qd / limits.velocity,
        qdd / limits.acceleration,
        qddd / limits.jerk,
        path.rate(s) * v,
    )
    return np.array([np.abs(share).max() for share in shares])


def _smooth_duration(path: JointPath, margin: float) -> float:
    """Shortest time in which the minimum-jerk profile 10 u^3 - 15 u^4 + 6 u^5 keeps every limit."""
    u = np.linspace(0.0, 1.0, 400)
    s = u**3 * (10 - 15 * u + 6 * u**2)
    shares = _usage(
        path, s, 30 * u**2 * (1 - u) ** 2, 60 * u * (1 - u) * (1 - 2 * u), 60 - 360 * u + 360 * u**2
    )
    # velocities scale with 1/T, accelerations with 1/T^2, jerks with 1/T^3
    return float(np.max((shares / (0.95 * margin)) ** (1.0 / np.array([1, 2, 3, 1]))))


def _phases(duration: float, config: TimingConfig) -> FloatArray:
    return np.array([config.knots]) / sum(config.knots) * duration


def _smooth_profile(duration: float, segments: int) -> Profile:
    """The minimum-jerk profile, its jerk averaged over each segment and integrated again."""
    t = np.linspace(0.0, duration, segments + 1)
    u = t / duration
    acceleration = 60 * u * (1 - u) * (1 - 2 * u) / duration**2
    h = np.diff(t)
    jerk = np.diff(acceleration) / h
    state = np.zeros((segments + 1, 3))
    for k in range(segments):
        s, v, a = state[k]
        state[k + 1] = (
            s + h[k] * (v + h[k] * (a / 2 + h[k] * jerk[k] / 6)),
            v + h[k] * (a + h[k] * jerk[k] / 2),
            a + h[k] * jerk[k],
        )
    # the piecewise linear acceleration travels almost the whole way; stretch it to end exactly at 1
    scale = 1.0 / state[-1, 0]
    return Profile(t, state * scale, jerk * scale, (duration / 3, 2 * duration / 3))


def _profile(solution: Solution, config: TimingConfig) -> Profile:
    phases = solution.values["phases"].ravel()
    h = np.concatenate([np.full(k, phases[i] / k) for i, k in enumerate(config.knots)])
    state = solution.values["state"].T
    t = np.concatenate([[0.0], np.cumsum(h)])
    jerk = solution.values["jerk"].ravel()
    return Profile(t, state, jerk, (float(phases[0]), float(phases[:2].sum())))


def sample(names: tuple[str, ...], path: JointPath, profile: Profile, period: float) -> ArmTrajectory:
    """The motion every `period` (s) or a little less."""
    duration = profile.t[-1]
    t = np.linspace(0.0, duration, int(np.ceil(duration / period)) + 1)
    return ArmTrajectory(names, t, *path.motion(*profile.sample(t)))
