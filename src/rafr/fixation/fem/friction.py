"""The law of a compliant layer between two surfaces, with Coulomb friction.

The layer (cartilage, a rough fracture) presses with p = k * overclosure and pulls with nothing. Tangentially
it is elastic up to friction * p and slips beyond (a return mapping: Wriggers, Computational Contact
Mechanics, 2nd ed., sections 5.2 and 10.5.2).

Where the limit depends on the pressure the tangent is unsymmetric. Here every solution is for a limit that
stands still (Tresca), which is the minimum of a convex energy with a symmetric tangent, and the limit follows
the pressure between solutions until it agrees: the fixed point of Nečas, Jarušek & Haslinger (1980), see
Kikuchi & Oden, Contact Problems in Elasticity (1988), chapter 11. It converges for the friction of joints and
fractures, not for any.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from rafr.fixation.fem.contact import Interface
from rafr.fixation.fem.mesh import FloatArray

_TOUCHING = -1e-9  # mm of overclosure that still counts as closed: surfaces that coincide but for rounding
_OPEN = 1e-6  # of the stiffness, in the tangent of open points only: a loose body is then no singular one
_ALONG = 0.98  # how much of the slip direction's stiffness the tangent loses, of 1 that theory asks for


@dataclass(slots=True, eq=False)
class ContactState:
    """What the layer does at given displacements; holds the friction limit and what has slipped.

    Attributes:
        limit: (q,) MPa that tangential tractions may reach; infinite before the first pressure is known.
        slipped: (q, 2) mm of tangential displacement that is not elastic, from earlier load steps.
    """

    interface: Interface
    limit: FloatArray = field(init=False)
    slipped: FloatArray = field(init=False)

    def __post_init__(self) -> None:
        q = len(self.interface.gap)
        self.limit = np.full(q, np.inf if self.interface.friction else 0.0)
        self.slipped = np.zeros((q, 2))

    def pressure(self, moved: FloatArray) -> FloatArray:
        """(q,) MPa from the rows' values (3q,)."""
        overclosure = moved[::3] - self.interface.gap
        pressure: FloatArray = self.interface.stiffness * np.maximum(overclosure, 0.0)
        return pressure

    def traction(self, moved: FloatArray) -> FloatArray:
        """(q, 2) MPa that resist the tangential displacement."""
        if not self.interface.friction:
            return np.zeros_like(self.slipped)
        trial = self._shear * self._tangential(moved)
        return trial * self._scale(trial)[:, None]

    def force(self, moved: FloatArray) -> FloatArray:
        """(3q,) N, the gradient of the layer's energy."""
        force = np.empty((len(self.interface.gap), 3))
        force[:, 0] = self.pressure(moved)
        force[:, 1:] = self.traction(moved)
        return (force * self.interface.area[:, None]).ravel()

    def tangent(self, moved: FloatArray) -> FloatArray:
        """(q, 3, 3) N/mm, symmetric and positive definite."""
        i = self.interface
        blocks = np.zeros((len(i.gap), 3, 3))
        closed = moved[::3] - i.gap >= _TOUCHING
        blocks[:, 0, 0] = i.stiffness * np.where(closed, 1.0, _OPEN)
        if i.friction:
            trial = self._shear * self._tangential(moved)
            scale = self._scale(trial)
            size = np.maximum(np.linalg.norm(trial, axis=1), 1e-300)
            unit = trial / size[:, None]
            lost = np.where(scale < 1, _ALONG, 0.0)
            block = np.eye(2) - lost[:, None, None] * unit[:, :, None] * unit[:, None, :]
            blocks[:, 1:, 1:] = (i.shear * np.maximum(scale, _OPEN))[:, None, None] * block
        else:
            blocks[:, 1, 1] = blocks[:, 2, 2] = _OPEN * i.stiffness
        return blocks * i.area[:, None, None]

    def follow_pressure(self, moved: FloatArray) -> None:
        """Sets the friction limit to what the pressure allows."""
        if self.interface.friction:
            self.limit = self.interface.friction * self.pressure(moved)

    def keep_slip(self, moved: FloatArray) -> None:
        """Ends a load step: what the return mapping took off the elastic displacement stays.

        The next step's limit is unknown again: this one's may be too low to hold the bodies.
        """
        if self.interface.friction:
            elastic = self.traction(moved) / self._shear
            self.slipped = self._all_tangential(moved) - elastic
            self.limit = np.full(len(self.limit), np.inf)

    def slipping(self, moved: FloatArray) -> NDArray[np.bool_]:
        """(q,) closed points at the limit."""
        trial = self._shear * self._tangential(moved)
        closed = self.pressure(moved) > 0
        slips: NDArray[np.bool_] = closed & (np.linalg.norm(trial, axis=1) >= self.limit * (1 - 1e-9))
        return slips

    @property
    def _shear(self) -> FloatArray:
        """(q, 1)."""
        return self.interface.shear[:, None]

    def _all_tangential(self, moved: FloatArray) -> FloatArray:
        return moved.reshape(-1, 3)[:, 1:]

    def _tangential(self, moved: FloatArray) -> FloatArray:
        return self._all_tangential(moved) - self.slipped

    def _scale(self, trial: FloatArray) -> FloatArray:
        """(q,) return mapping: what of the trial traction remains."""
        size = np.maximum(np.linalg.norm(trial, axis=1), 1e-300)
        scale: FloatArray = np.minimum(self.limit / size, 1.0)
        return scale
