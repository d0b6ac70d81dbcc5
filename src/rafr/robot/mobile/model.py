"""What every kinematic model of a mobile robot says: A(xi)^T xi_dot = 0 and xi_dot = G(xi) u.

xi are generalised coordinates. The columns of A are the Pfaffian constraints; the columns of G span the
null space of A^T, so that the inputs u are exactly the motions the constraints leave (Siciliano et al.,
Robotics: Modelling, Planning and Control, 2009, section 11.1; Lynch and Park, Modern Robotics, 2017,
chapter 13). A model is written once, in CasADi; its methods take CasADi symbols as well as numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

Matrix = Callable[[Any], Any]  # CasADi column (n, 1) -> CasADi matrix


@dataclass(frozen=True, eq=False)
class MobileModel:
    """A driftless model; SI and rad, its frame is `world`.

    Attributes:
        name: as in the literature.
        coordinates: names of xi, n of them.
        inputs: names of u, m of them.
        constraint_matrix: xi -> A(xi), (n, n - m).
        motion_matrix: xi -> G(xi), (n, m).
    """

    name: str
    coordinates: tuple[str, ...]
    inputs: tuple[str, ...]
    constraint_matrix: Matrix
    motion_matrix: Matrix

    def A(self, xi: Any) -> Any:
        """(n, n - m) the constraints at xi (n,); CasADi gives CasADi, numbers give numpy."""
        return evaluated(self._functions[0], xi)

    def G(self, xi: Any) -> Any:
        """(n, m) the allowed motions at xi (n,)."""
        return evaluated(self._functions[1], xi)

    def rate(self, xi: Any, u: Any) -> Any:
        """xi_dot = G(xi) u; with matrices (n, k) and (m, k) column by column."""
        return evaluated(self._functions[2], xi, u)

    @cached_property
    def _functions(self) -> tuple[Any, Any, Any]:
        import casadi as ca

        xi, u = ca.SX.sym("xi", len(self.coordinates)), ca.SX.sym("u", len(self.inputs))
        G = self.motion_matrix(xi)
        return (
            ca.Function("A", [xi], [self.constraint_matrix(xi)]),
            ca.Function("G", [xi], [G]),
            ca.Function("rate", [xi, u], [G @ u]),
        )


def evaluated(function: Any, *arguments: Any) -> Any:
    """A CasADi function's one result: symbolic as it comes, numeric as numpy.

    A single column is (n,) when the last argument was given so; a matrix stays a matrix.
    """
    import casadi as ca

    result = function(*arguments)
    if not isinstance(result, ca.DM):
        return result
    full = result.full()
    last = arguments[-1]
    vector = len(arguments) > 1 and not isinstance(last, ca.DM) and np.ndim(last) == 1
    return full[:, 0] if vector else full


def columns(*vectors: list[Any]) -> Any:
    """A CasADi matrix from its columns, each a list of numbers and expressions."""
    import casadi as ca

    return ca.horzcat(*(ca.vertcat(*v) for v in vectors))
