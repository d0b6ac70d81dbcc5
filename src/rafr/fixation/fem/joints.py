"""What joins bodies, in the terms of the equations: laws on linear functions of the displacements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rafr.fixation.fem.friction import ContactState
from rafr.fixation.fem.mesh import FloatArray
from rafr.fixation.fem.springs import Springs


@dataclass(slots=True, eq=False)
class Joint:
    """Something that joins bodies: a law on linear functions of the displacements."""

    law: Springs | ContactState
    full: Any  # (p, 3n) CSR
    rows: Any  # (p, r) CSR
    offset: FloatArray  # (p,) where the free degrees of freedom are 0

    def tangent(self, values: FloatArray) -> Any:
        """(r, r) CSR."""
        from scipy.sparse import bsr_array, diags_array

        D: Any
        if isinstance(self.law, Springs):
            D = diags_array(self.law.slope(values))
        else:
            q = len(values) // 3
            D = bsr_array((self.law.tangent(values), np.arange(q), np.arange(q + 1)), shape=(3 * q, 3 * q))
        return (self.rows.T @ (D.tocsr() @ self.rows)).tocsr()


def limit_friction(joints: list[Joint], x: FloatArray) -> None:
    """Sets every friction limit to what the pressure at x allows."""
    for joint in joints:
        if isinstance(joint.law, ContactState):
            joint.law.follow_pressure(joint.rows @ x + joint.offset)


def pull(joints: list[Joint], values: list[FloatArray], dofs: int) -> FloatArray:
    """(r,) N of all joints."""
    total = np.zeros(dofs)
    for joint, value in zip(joints, values, strict=True):
        total += joint.rows.T @ joint.law.force(value)
    return total
