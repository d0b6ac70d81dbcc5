"""Re-planning the rest of a reduction from what is measured, every fraction of a second."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike

from rafr.config import check_config
from rafr.errors import InputError
from rafr.geometry import RigidTransform
from rafr.nlp import Program, Solution, excess_name
from rafr.robot.arm import ArmModel
from rafr.trajectory.horizon.config import HorizonConfig
from rafr.trajectory.horizon.parameters import local_model
from rafr.trajectory.horizon.path import FragmentPath
from rafr.trajectory.horizon.problem import MAX_PLANES, SOFT, SOLVERS, build, input_name, state_name
from rafr.trajectory.horizon.request import Request
from rafr.trajectory.horizon.result import HalfSpaces, Horizon, InfeasibleHorizonError, Measured
from rafr.trajectory.horizon.verify import over_limit, verify_horizon
from rafr.trajectory.paths import ClampSpeed

_ROBUST = "fatrop"  # tried where the configured solver does not converge
_RELAXED_PASSES = 2
_PASSES = 3  # how often arm and path are linearised anew when the check refuses


class Replanner:
    """Plans the next second of a reduction again and again, each time from the last plan.

    For whoever moves an arm by joint horizons: give what is measured, follow the horizon's first part, ask
    again; a horizon that is not replaced ends at rest. The nodes do not use it: there `rafr.adjustment`
    changes the path, and the controller follows it by resolved rates. What the independent check refuses is
    never returned. It keeps Pinocchio's and the solvers' working memory: one per thread.
    """

    def __init__(
        self, arm: ArmModel, poses: Sequence[RigidTransform], config: HorizonConfig | None = None
    ) -> None:
        """Build the problem.

        Args:
            arm: kinematics, dynamics and limits.
            poses: `T_armbase_fragment` along the approved path, origin in the fragment's centre, m.

        Raises:
            InputError: a tunable outside its bounds, or an unknown solver.
            InfeasibleError: the path has no length.
        """
        self._arm = arm
        self._config = config or HorizonConfig()
        check_config(self._config, "horizon")
        chosen = self._config.solver
        if chosen not in SOLVERS:
            raise InputError("horizon", f"solver {chosen!r}", f"one of {', '.join(SOLVERS)}")
        self._program = build(arm.limits, self._config, chosen)
        self._last: Horizon | None = None
        self.set_path(poses)

    def set_path(self, poses: Sequence[RigidTransform]) -> None:
        """Another approved path from here on; the motion under way blends into it."""
        self._path = FragmentPath(poses, ClampSpeed(self._config.linear_speed, self._config.angular_speed))
        self._on_new_path = True

    def forget(self) -> None:
        """Start cold the next time: something else has moved the arm."""
        self._last = None

    def replan(self, now: Measured, planes: HalfSpaces | None = None) -> Horizon:
        """The motion from here: as far along the path as limits, tissue and clearance let it.

        Raises:
            InfeasibleHorizonError: there is none; says which limit forbids it, with the least violating
                relaxation of tube and tissue load.
            InputError: more half-spaces than the problem has room for.
        """
        planes = planes or HalfSpaces()
        if len(planes.points) > MAX_PLANES:
            raise InputError("horizon", f"{len(planes.points)} half-spaces", f"at most {MAX_PLANES}")
        guess = self._guess(now)
        s = self._path.length - guess.states[0, -2]
        request = Request.of(now, self._path, planes, self._config, s)
        horizon = (
            self._attempt(self._program, self._config.solver, request, guess)
            or self._attempt(self._robust, _ROBUST, request, guess)
            or self._relaxation(request, guess)
        )
        self._last, self._on_new_path = horizon, False
        return horizon

    def _attempt(self, program: Program, solver: str, request: Request, guess: Horizon) -> Horizon | None:
        """A horizon that passes the check, linearised again where it went; None when there is none."""
        for _ in range(_PASSES):
            solution = self._solve(program, request, guess)
            if not solution.converged:
                return None
            guess = self._horizon(solution, request)
            check, usage = verify_horizon(guess, self._arm, request)
            if check.accepted:
                return replace(guess, usage=usage, solver=solver)
        return None

    @cached_property
    def _robust(self) -> Program:
        return build(self._arm.limits, self._config, _ROBUST)

    @cached_property
    def _relaxed(self) -> Program:
        return build(self._arm.limits, self._config, "ipopt", relaxed=True)

    def _relaxation(self, request: Request, guess: Horizon) -> Horizon:
        """With tube and tissue load free to give way at a high price: shows what is in the way.

        Raises:
            InfeasibleHorizonError: unless nothing had to give way after all.
        """
        names = (excess_name(group) for group in SOFT)
        excess = dict(zip(names, (request.outside**2, request.load**2), strict=True))
        for _ in range(_RELAXED_PASSES):
            solution = self._solve(self._relaxed, request, guess, excess)
            if not solution.converged:
                raise InfeasibleHorizonError(self._standing_still(request) or solution.violated)
            guess = self._horizon(solution, request)
        check, usage = verify_horizon(guess, self._arm, request)
        found = replace(guess, usage=usage, solver="ipopt")
        if check.accepted:
            return found
        full = ", ".join(name for name in found.limited_by() if usage[name] <= 1.0)
        held = (f"at its limit meanwhile: {full}",) if full else ()
        raise InfeasibleHorizonError((*check.reasons, *held), found)

    def _standing_still(self, request: Request) -> tuple[str, ...]:
        """What forbids even that."""
        still = self._standing(request.now)
        still.states[:, -2] = request.path.length - request.s
        usage = verify_horizon(still, self._arm, request)[1]
        return tuple(f"standing still: {reason}" for reason in over_limit(usage))

    def _standing(self, now: Measured) -> Horizon:
        """No motion, and no path left."""
        knots, n = self._config.knots, self._arm.dof
        states = np.tile(np.r_[now.q, np.zeros(2 * n + 2)], (knots + 1, 1))
        return Horizon(now.t, self._config.step, states, np.zeros((knots, n + 1)))

    def _guess(self, now: Measured) -> Horizon:
        """The last plan from now on, beginning as measured; standing still where there is none."""
        config, n = self._config, self._arm.dof
        near = None
        if self._last is None or now.t > self._last.end:
            standing = self._standing(now)
            states, inputs = standing.states, standing.inputs
        else:
            times = now.t + config.step * np.arange(config.knots + 1)
            states, inputs = self._last.at(times), self._last.input_at(times[:-1])
            near = None if self._on_new_path else self._path.length - states[0, -2]
        states[0, : 2 * n] = np.r_[now.q, now.qd]
        left = self._path.length - self._path.project(now.fragment, near)
        states[:, -2] = np.clip(states[:, -2] + left - states[0, -2], 0.0, left)
        # a rate from which the path's end cannot be met any more is none
        stopping = config.step / 2 + 1.0 / (2.0 * config.progress_acceleration)
        states[0, -1] = min(states[0, -1], left / stopping)
        return Horizon(now.t, config.step, states, inputs)

    def _solve(
        self,
        program: Program,
        request: Request,
        guess: Horizon,
        excess: Mapping[str, float] = MappingProxyType({}),
    ) -> Solution:
        start: dict[str, ArrayLike] = dict(excess)
        start |= {state_name(k): x for k, x in enumerate(guess.states)}
        start |= {input_name(k): u for k, u in enumerate(guess.inputs)}
        return program.solve(local_model(self._arm, request, guess), start)

    def _horizon(self, solution: Solution, request: Request) -> Horizon:
        n, values = self._config.knots, solution.values
        states = np.array([values[state_name(k)].ravel() for k in range(n + 1)])
        inputs = np.array([values[input_name(k)].ravel() for k in range(n)])
        return Horizon(request.now.t, self._config.step, states, inputs, iterations=solution.iterations)
