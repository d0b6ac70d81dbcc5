"""What `rafr.fixation.fem.statics` is asked: bodies, what joins them, how exactly; and what it answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rafr.fixation.fem.constraints import Fixed, Ties
from rafr.fixation.fem.contact import ContactPair, Interface
from rafr.fixation.fem.friction import ContactState
from rafr.fixation.fem.mesh import FloatArray, TetMesh
from rafr.fixation.fem.solvers import Method
from rafr.fixation.fem.springs import Springs


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """Attributes:
    mesh: all bodies.
    young: (m,) MPa.   poisson: (m,).
    fixed: what is held or prescribed.
    ties, springs, contacts: what joins the bodies.
    """

    mesh: TetMesh
    young: FloatArray
    poisson: FloatArray
    fixed: Fixed
    ties: Ties | None = None
    springs: tuple[Springs, ...] = ()
    contacts: tuple[ContactPair | Interface, ...] = ()


@dataclass(frozen=True, slots=True)
class Settings:
    """Attributes:
    method: linear solver.
    tolerance: of the forces that are out of balance, relative to those that act, where nothing is unilateral.
    contact_tolerance: the same with contact, friction or springs that only pull.
    steps: equal parts in which load and prescribed displacement are put on; friction remembers its slip
        from part to part.
    most_steps: of Newton's method where there is no friction.
    most_limits: how often the friction limit is set.
    """

    method: Method = Method.AUTO
    tolerance: float = 1e-9
    contact_tolerance: float = 1e-6
    steps: int = 1
    most_steps: int = 80
    most_limits: int = 40


@dataclass(frozen=True, slots=True, eq=False)
class ContactResult:
    """Of the q points of a pair.

    Attributes:
        interface: the points, their areas and places.
        pressure: (q,) MPa.   traction: (q, 3) MPa, friction on the slave.
        gap: (q,) mm, negative where the layer is compressed.   slipping: (q,).
    """

    interface: Interface
    pressure: FloatArray
    traction: FloatArray
    gap: FloatArray
    slipping: NDArray[np.bool_]

    @classmethod
    def of(cls, state: ContactState, moved: FloatArray) -> ContactResult:
        """Args: moved: (3q,) mm, of the points against each other, normal first."""
        friction = -np.einsum("qk,qki->qi", state.traction(moved), state.interface.tangents)
        gap = state.interface.gap - moved[::3]
        return cls(state.interface, state.pressure(moved), friction, gap, state.slipping(moved))

    @property
    def force(self) -> FloatArray:
        """(3,) N on the slave."""
        stress = self.traction - self.pressure[:, None] * self.interface.normal
        total: FloatArray = self.interface.area @ stress
        return total


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """Attributes:
    displacement: (n, 3) mm.
    reaction: (n, 3) N of what holds the fixed degrees of freedom, 0 elsewhere.
    springs: (s,) N of every group, positive when it pulls.
    contacts: of every pair.
    newton, iterations: steps of Newton's method and of conjugate gradients in all.
    residual: N out of balance, relative to the forces that act.
    """

    displacement: FloatArray
    reaction: FloatArray
    springs: tuple[FloatArray, ...]
    contacts: tuple[ContactResult, ...]
    newton: int
    iterations: int
    residual: float
