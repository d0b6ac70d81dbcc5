"""Are constraints integrable? Lie brackets, their filtration and the degree of nonholonomy.

Siciliano et al. 2009, section 11.1 and appendix D: the distribution spanned by the columns of G is closed
under brackets step by step; the dimension it ends with is that of what can be reached.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from rafr.robot.mobile.model import Matrix, MobileModel

_RANK_TOLERANCE = 1e-9  # relative to the largest singular value


def lie_bracket(f: Any, g: Any, xi: Any) -> Any:
    """[f, g] = dg/dxi f - df/dxi g of CasADi columns f, g (n, 1) in the symbols xi."""
    import casadi as ca

    return ca.jacobian(g, xi) @ f - ca.jacobian(f, xi) @ g


def growth_vector(fields: Matrix, xi: ArrayLike) -> tuple[int, ...]:
    """Dimensions of the filtration D_1 = span(fields), D_i+1 = D_i + [D_1, D_i] at xi, until it stands still.

    Args:
        fields: xi -> (n, m) CasADi matrix whose columns are the vector fields.
        xi: (n,) a state at which the filtration is regular.
    """
    import casadi as ca

    state = np.asarray(xi, dtype=float)
    symbols = ca.SX.sym("xi", len(state))
    first = ca.horzsplit(fields(symbols))
    everything, newest, dimensions = list(first), list(first), [0]
    while True:
        span = ca.Function("span", [symbols], [ca.horzcat(*everything)])(state).full()
        rank = int(np.linalg.matrix_rank(span, rtol=_RANK_TOLERANCE))
        if rank == dimensions[-1]:
            return tuple(dimensions[1:])
        dimensions.append(rank)
        newest = [lie_bracket(f, g, symbols) for f in first for g in newest]
        everything += newest


@dataclass(frozen=True, slots=True)
class Integrability:
    """What a model's constraints leave reachable.

    Attributes:
        coordinates: n.
        growth: dimensions of the filtration, from m to that of the accessible space.
    """

    coordinates: int
    growth: tuple[int, ...]

    @property
    def degree(self) -> int:
        """Of nonholonomy: steps of the filtration until it stands still; 1 for holonomic constraints."""
        return len(self.growth)

    @property
    def integrals(self) -> int:
        """How many combinations of the constraints are constraints on xi itself."""
        return self.coordinates - self.growth[-1]

    @property
    def kind(self) -> str:
        """ "unconstrained", "holonomic", "partially nonholonomic" or "nonholonomic"."""
        if self.growth[0] == self.coordinates:
            return "unconstrained"
        if self.degree == 1:
            return "holonomic"
        return "partially nonholonomic" if self.integrals else "nonholonomic"


def integrability(model: MobileModel, xi: ArrayLike) -> Integrability:
    """The test at a state xi (n,)."""
    return Integrability(len(model.coordinates), growth_vector(model.motion_matrix, xi))
