"""Nonlinear programmes with named variables, parameters and constraints, solved through CasADi."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from rafr.geometry.rigid_transform import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """What the solver found.

    Attributes:
        values: of each variable by name, in its shape.
        converged: True when the solver says it is a local optimum.
        violated: names of constraints (and how much by) that do not hold.
        iterations: of the solver.
        cost_terms: computes `costs`.
    """

    values: dict[str, FloatArray]
    converged: bool
    violated: tuple[str, ...]
    iterations: int
    cost_terms: Callable[[], dict[str, float]]

    @property
    def costs(self) -> dict[str, float]:
        """What each named term adds to the objective."""
        return self.cost_terms()


class Problem:
    """Collects variables and constraints by name; `solve` hands them to ipopt, `compile` to any solver.

    Args:
        symbol: `casadi.SX` (small scalar expressions) or `casadi.MX` (splines, mapped functions).
    """

    def __init__(self, symbol: Any) -> None:
        self._symbol = symbol
        self._variables: list[tuple[str, Any, FloatArray, FloatArray, FloatArray]] = []
        self._constraints: list[tuple[str, Any, FloatArray, FloatArray]] = []
        self._parameters: list[tuple[str, Any]] = []
        self._costs: dict[str, Any] = {}

    def variable(
        self,
        name: str,
        shape: tuple[int, int],
        *,
        guess: ArrayLike,
        lower: ArrayLike = -np.inf,
        upper: ArrayLike = np.inf,
    ) -> Any:
        """A decision variable; bounds and guess broadcast to its shape."""
        x = self._symbol.sym(name, *shape)
        flat = [_column(v, shape) for v in (lower, upper, guess)]
        self._variables.append((name, x, flat[0], flat[1], flat[2]))
        return x

    def parameter(self, name: str, shape: tuple[int, int]) -> Any:
        """A value that is given anew with every `Program.solve`."""
        p = self._symbol.sym(name, *shape)
        self._parameters.append((name, p))
        return p

    def constrain(self, name: str, expression: Any, lower: ArrayLike, upper: ArrayLike) -> None:
        """lower <= expression <= upper, entry by entry; bounds broadcast to its shape."""
        self._constraints.append(
            (name, expression, _column(lower, expression.shape), _column(upper, expression.shape))
        )

    def minimise(self, expression: Any, name: str = "cost") -> None:
        """Adds to the objective; terms of the same name are summed."""
        self._costs[name] = self._costs.get(name, 0) + expression

    def relaxed(self, groups: Mapping[str, float]) -> Problem:
        """The same problem where some constraints may give way at a price: the least violating solution.

        An exact penalty (Nocedal and Wright 2006, section 17.2): nothing gives way that need not.

        Args:
            groups: price per unit of the largest excess among the constraints whose names begin so. The
                excess is a variable called `excess_name(group)`.
        """
        problem = Problem(self._symbol)
        problem._parameters, problem._costs = list(self._parameters), dict(self._costs)
        excess = {
            group: problem.variable(excess_name(group), (1, 1), guess=0.0, lower=0.0) for group in groups
        }
        problem._variables += self._variables
        for group, price in groups.items():
            problem.minimise(price * excess[group], excess_name(group))
        for name, expression, lower, upper in self._constraints:
            given = next((excess[group] for group in groups if name.startswith(group)), None)
            if given is None:
                problem.constrain(name, expression, lower, upper)
                continue
            for sign, bound, side in ((1.0, upper, "above"), (-1.0, -lower, "below")):
                if np.isfinite(bound).any():
                    problem.constrain(f"{name} {side}", sign * expression - given, -np.inf, bound)
        return problem

    def solve(self, *, tolerance: float = 1e-6, max_iterations: int = 300, expand: bool = True) -> Solution:
        """Solve once with ipopt from the guesses; never raises for want of convergence, the result says."""
        options = {
            "expand": expand,
            "ipopt.tol": tolerance,
            "ipopt.max_iter": max_iterations,
            "ipopt.fixed_variable_treatment": "make_constraint",
        }
        return self.compile("ipopt", options).solve()

    def compile(self, solver: str, options: Mapping[str, Any]) -> Program:
        """The problem as a function of its parameters.

        Args:
            solver: a name `casadi.nlpsol` knows. For fatrop, declare variables as x0, u0, x1, ... and
                constraints stage by stage, the dynamics of a stage before its others.
            options: the solver's own.
        """
        import casadi as ca

        equality = np.concatenate([c[2] == c[3] for c in self._constraints])
        own = {"ipopt": {"ipopt.print_level": 0, "ipopt.sb": "yes"}}
        own["fatrop"] = {
            "structure_detection": "auto",
            "equality": equality.tolist(),
            "fatrop.print_level": 0,
        }
        problem = {
            "x": ca.vertcat(*(ca.vec(v[1]) for v in self._variables)),
            "p": ca.vertcat(*(ca.vec(p[1]) for p in self._parameters)),
            "g": ca.vertcat(*(ca.vec(c[1]) for c in self._constraints)),
            "f": sum(self._costs.values(), 0),
        }
        settings = {"print_time": False, **own.get(solver, {}), **options}
        return Program(
            ca.nlpsol("solver", solver, problem, settings),
            ca.Function("costs", [problem["x"], problem["p"]], [ca.vertcat(*self._costs.values())]),
            tuple(self._costs),
            tuple(self._variables),
            tuple(self._constraints),
            tuple(self._parameters),
        )


class Program:
    """A compiled `Problem`: built once, solved for many parameters and guesses."""

    def __init__(
        self,
        solver: Any,
        costs: Any,
        terms: tuple[str, ...],
        variables: Any,
        constraints: Any,
        parameters: Any,
    ) -> None:
        self._solver = solver
        self._costs, self._terms = costs, terms
        self._variables = variables
        self._constraints = constraints
        self._parameters = parameters
        self._lower_x, self._upper_x, self._guess = (
            np.concatenate([v[i] for v in variables]) for i in (2, 3, 4)
        )
        self._lower, self._upper = (np.concatenate([c[i] for c in constraints]) for i in (2, 3))
        # where each constraint begins among the rows
        self._first = np.cumsum([0, *(len(c[2]) for c in constraints[:-1])])

    def solve(
        self,
        parameters: Mapping[str, ArrayLike] | None = None,
        guess: Mapping[str, ArrayLike] | None = None,
    ) -> Solution:
        """Solve from `guess` (by variable, else as declared); never raises for want of convergence.

        Raises:
            KeyError: a parameter is not given.
        """
        columns = [_column(dict(parameters or {})[name], p.shape) for name, p in self._parameters]
        given = np.concatenate(columns) if columns else np.zeros(0)
        x0 = self._guess
        if guess is not None:
            x0 = np.concatenate(
                [_column(guess[v[0]], v[1].shape) if v[0] in guess else v[4] for v in self._variables]
            )
        result = self._solver(
            x0=x0,
            p=given,
            lbx=self._lower_x,
            ubx=self._upper_x,
            lbg=self._lower,
            ubg=self._upper,
        )
        stats, x = self._solver.stats(), result["x"]

        def cost_terms() -> dict[str, float]:
            return dict(zip(self._terms, np.array(self._costs(x, given)).ravel().tolist(), strict=True))

        return Solution(
            self._split(np.array(x).ravel()),
            bool(stats["success"]),
            self._violations(np.array(result["g"]).ravel()),
            int(stats["iter_count"]),
            cost_terms,
        )

    def _split(self, x: FloatArray) -> dict[str, FloatArray]:
        values, start = {}, 0
        for name, symbol, *_ in self._variables:
            size = symbol.numel()
            values[name] = x[start : start + size].reshape(symbol.shape, order="F")
            start += size
        return values

    def _violations(self, g: FloatArray, tolerance: float = 1e-4) -> tuple[str, ...]:
        excess = np.maximum(np.maximum(self._lower - g, g - self._upper), 0.0)
        worst = np.maximum.reduceat(excess, self._first) if len(excess) else excess
        return tuple(
            f"{self._constraints[i][0]} by {worst[i]:.3g}" for i in np.flatnonzero(~(worst <= tolerance))
        )


def excess_name(group: str) -> str:
    """The variable of `Problem.relaxed` that holds a group's largest excess."""
    return f"excess of {group}"


def _column(value: ArrayLike, shape: tuple[int, int]) -> FloatArray:
    """Broadcast to a CasADi shape and flatten as CasADi does: column by column."""
    array = np.asarray(value, dtype=float)
    if array.shape == shape or (array.ndim == 1 and shape == (len(array), 1)):
        return array.ravel(order="F")
    if array.ndim == 1:
        array = array[:, None]
    return np.broadcast_to(array, shape).ravel(order="F").astype(float)
