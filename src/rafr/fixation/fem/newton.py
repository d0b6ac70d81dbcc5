"""Newton's method on the convex energy of bodies and joints, with a line search along its derivative.

Linear steps are solved inexactly, by conjugate gradients; one preconditioner serves as long as it is good.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from rafr.errors import InfeasibleError
from rafr.fixation.fem.joints import Joint, pull
from rafr.fixation.fem.mesh import FloatArray
from rafr.fixation.fem.problem import Settings
from rafr.fixation.fem.solvers import (
    Direct,
    Hierarchy,
    Method,
    Preconditioner,
    conjugate_gradients,
    preconditioner,
)

_FORCING = 1e-3  # how exactly a Newton step of many is solved
_PATIENCE = 2  # times the iterations a preconditioner needed when it was new (or 40): then it is made again
_LEAST_PATIENCE = 40
_STEPS_PER_LIMIT = 15  # of Newton's method, when the friction limit may be what keeps it from an equilibrium
_MOST_ITERATIONS = 500
_ROUNDING, _MOST_ROUNDING = 1e-14, 1e-6
_ENOUGH = 0.1  # of the energy's slope at the start of a step that may be left at its end


@dataclass(slots=True)
class Count:
    """Steps of Newton's method, of conjugate gradients, and the share of the load out of balance."""

    newton: int = 0
    iterations: int = 0
    residual: float = 0.0


class Newton:
    """Steps to the least energy of joints and a stiffness K, (r, r) CSR, of the free degrees of freedom."""

    def __init__(
        self, K: Any, hierarchy: Callable[[], Hierarchy], settings: Settings, unilateral: bool
    ) -> None:
        """Args:
        hierarchy: makes the levels of the mesh, where the method wants them.
        unilateral: whether a joint only pulls or only presses, so that the energy is piecewise quadratic.
        """
        self._K, self._diagonal = K, K.diagonal()
        self._hierarchy, self._settings, self._unilateral = hierarchy, settings, unilateral
        self._preconditioner: Preconditioner | None = None
        self._patience = _LEAST_PATIENCE

    def with_matrix(self, K: Any) -> Newton:
        """The same for another K like this one, with this one's preconditioner while that is good."""
        other = copy.copy(self)
        other._K, other._diagonal = K, K.diagonal()
        return other

    def minimise(
        self,
        x: FloatArray,
        load: FloatArray,
        joints: list[Joint],
        tolerance: float,
        count: Count,
        frictional: bool,
    ) -> FloatArray:
        """Newton's method with line search for the joints' present friction limits."""
        values = [j.rows @ x + j.offset for j in joints]
        for _ in range(_STEPS_PER_LIMIT if frictional else self._settings.most_steps):
            residual = load - self._K @ x - pull(joints, values, len(x))
            size = float(np.linalg.norm(residual))
            acting = self._acting(load, joints, values)
            goal = max(tolerance * acting, self._rounding(x, acting))
            if size <= goal:
                return x
            forcing = max(_FORCING if self._unilateral else 0.0, 0.5 * goal / size)
            step = self._newton_step(residual, joints, values, forcing, count)
            along = [j.rows @ step for j in joints]
            length = self._line_search(residual, step, joints, values, along)
            x = x + length * step
            values = [v + length * a for v, a in zip(values, along, strict=True)]
            count.newton += 1
        if frictional:
            return x
        raise InfeasibleError(
            (
                f"no equilibrium in {self._settings.most_steps} steps: {size / goal * tolerance:.1e}"
                f" of the load is out of balance, wanted {tolerance:.0e}; a body moves freely, or nearly so",
            )
        )

    def _newton_step(
        self,
        residual: FloatArray,
        joints: list[Joint],
        values: list[FloatArray],
        forcing: float,
        count: Count,
    ) -> FloatArray:
        added = None
        for joint, value in zip(joints, values, strict=True):
            tangent = joint.tangent(value)
            added = tangent if added is None else (added + tangent).tocsr()
        K = self._K

        def times(v: FloatArray) -> FloatArray:
            product: FloatArray = K @ v
            return product if added is None else product + added @ v

        new = self._preconditioner is None
        if self._preconditioner is None:
            self._preconditioner = preconditioner(K, added, self._hierarchy, self._settings.method)
        most = _MOST_ITERATIONS if new else self._patience
        step, iterations, left = conjugate_gradients(
            times, self._preconditioner.apply, residual, forcing, most
        )
        count.iterations += iterations
        if new:
            self._patience = max(_LEAST_PATIENCE, _PATIENCE * iterations)
        elif left > forcing:
            self._preconditioner.update(K, added)
        if new and left > forcing and self._settings.method is Method.AUTO:
            self._preconditioner = Direct(K, added)  # thin elements defeat the levels
        if left > forcing:
            more, iterations, remaining = conjugate_gradients(
                times, self._preconditioner.apply, residual - times(step), forcing / left, _MOST_ITERATIONS
            )
            count.iterations += iterations
            step, left = step + more, left * remaining
        if left > 1.01 * forcing:
            raise InfeasibleError(
                (
                    f"conjugate gradients stopped at {left:.1e} of the load, wanted {forcing:.0e}: "
                    "a body moves freely, or elements are too badly shaped",
                )
            )
        return step

    def _line_search(
        self,
        residual: FloatArray,
        step: FloatArray,
        joints: list[Joint],
        values: list[FloatArray],
        along: list[FloatArray],
    ) -> float:
        """How far along a step the energy falls: where its derivative, which only rises, comes near 0."""
        if not self._unilateral:
            return 1.0
        present = [j.law.force(v) for j, v in zip(joints, values, strict=True)]
        curvature = float(step @ (self._K @ step))
        start = -float(residual @ step)

        def derivative(length: float) -> float:
            change = start + length * curvature
            for joint, value, direction, before in zip(joints, values, along, present, strict=True):
                change += float(direction @ (joint.law.force(value + length * direction) - before))
            return change

        low, high, at_low, at_high = 0.0, 1.0, start, derivative(1.0)
        while at_high < 0.9 * start and high < 1e6:
            low, high, at_low = high, 2 * high, at_high
            at_high = derivative(high)
        if at_high <= _ENOUGH * abs(start):
            return high
        for _ in range(40):
            share = -at_low / (at_high - at_low)
            middle = low + min(max(share, 0.1), 0.9) * (high - low)
            here = derivative(middle)
            if abs(here) <= _ENOUGH * abs(start):
                return middle
            if here < 0:
                low, at_low = middle, here
            else:
                high, at_high = middle, here
        return middle

    def _acting(self, load: FloatArray, joints: list[Joint], values: list[FloatArray]) -> float:
        """The size of the forces that balance each other."""
        pulls = [np.linalg.norm(j.rows.T @ j.law.force(v)) for j, v in zip(joints, values, strict=True)]
        return max(float(np.linalg.norm(load)), *map(float, pulls), 1e-12)

    def _rounding(self, x: FloatArray, acting: float) -> float:
        """N that K x may be off by rounding: in slender bodies it is a difference of large numbers.

        Not more than a share of the forces that act, or a body that slid far away would be in balance.
        """
        return min(_ROUNDING * float(np.linalg.norm(self._diagonal * x)), _MOST_ROUNDING * acting)

    def imbalance(self, x: FloatArray, load: FloatArray, joints: list[Joint]) -> float:
        values = [j.rows @ x + j.offset for j in joints]
        residual = load - self._K @ x - pull(joints, values, len(x))
        acting = self._acting(load, joints, values)
        return max(0.0, float(np.linalg.norm(residual)) - self._rounding(x, acting)) / acting
