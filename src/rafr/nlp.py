"""Nonlinear programmes with named variables and constraints, solved by CasADi and ipopt."""

from __future__ import annotations

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
    """

    values: dict[str, FloatArray]
    converged: bool
    violated: tuple[str, ...]
    iterations: int


class Problem:
    """Collects variables and constraints by name; `solve` hands them to ipopt.

    Args:
        symbol: `casadi.SX` (small scalar expressions) or `casadi.MX` (splines, mapped functions).
    """

    def __init__(self, symbol: Any) -> None:
        self._symbol = symbol
        self._variables: list[tuple[str, Any, FloatArray, FloatArray, FloatArray]] = []
        self._constraints: list[tuple[str, Any, FloatArray, FloatArray]] = []
        self._objective: Any = 0

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

    def constrain(self, name: str, expression: Any, lower: ArrayLike, upper: ArrayLike) -> None:
        """lower <= expression <= upper, entry by entry; bounds broadcast to its shape."""
        self._constraints.append(
            (name, expression, _column(lower, expression.shape), _column(upper, expression.shape))
        )

    def minimise(self, expression: Any) -> None:
        """Adds a term to the objective."""
        self._objective = self._objective + expression

    def solve(self, *, tolerance: float = 1e-6, max_iterations: int = 300, expand: bool = True) -> Solution:
        """Solve from the guesses; never raises for want of convergence, the result says so."""
        import casadi as ca

        x = ca.vertcat(*(ca.vec(v[1]) for v in self._variables))
        g = ca.vertcat(*(ca.vec(c[1]) for c in self._constraints))
        options: dict[str, Any] = {
            "expand": expand,
            "print_time": False,
            "ipopt.print_level": 0,
            "ipopt.sb": "yes",
            "ipopt.tol": tolerance,
            "ipopt.max_iter": max_iterations,
            "ipopt.fixed_variable_treatment": "make_constraint",
        }
        solver = ca.nlpsol("solver", "ipopt", {"x": x, "f": self._objective, "g": g}, options)
        lower = np.concatenate([c[2] for c in self._constraints])
        upper = np.concatenate([c[3] for c in self._constraints])
        result = solver(
            x0=np.concatenate([v[4] for v in self._variables]),
            lbx=np.concatenate([v[2] for v in self._variables]),
            ubx=np.concatenate([v[3] for v in self._variables]),
            lbg=lower,
            ubg=upper,
        )
        stats = solver.stats()
        return Solution(
            self._split(np.array(result["x"]).ravel()),
            bool(stats["success"]),
            self._violations(np.array(result["g"]).ravel(), lower, upper),
            int(stats["iter_count"]),
        )

    def _split(self, x: FloatArray) -> dict[str, FloatArray]:
        values, start = {}, 0
        for name, symbol, *_ in self._variables:
            size = symbol.numel()
            values[name] = x[start : start + size].reshape(symbol.shape, order="F")
            start += size
        return values

    def _violations(
        self, g: FloatArray, lower: FloatArray, upper: FloatArray, tolerance: float = 1e-4
    ) -> tuple[str, ...]:
        excess = np.maximum(np.maximum(lower - g, g - upper), 0.0)
        found, start = [], 0
        for name, expression, *_ in self._constraints:
            worst = float(excess[start : start + expression.numel()].max(initial=0.0))
            if not worst <= tolerance:
                found.append(f"{name} by {worst:.3g}")
            start += expression.numel()
        return tuple(found)


def _column(value: ArrayLike, shape: tuple[int, int]) -> FloatArray:
    """Broadcast to a CasADi shape and flatten as CasADi does: column by column."""
    array = np.asarray(value, dtype=float)
    if array.ndim == 1:
        array = array[:, None]
    return np.broadcast_to(array, shape).ravel(order="F").astype(float)
