"""Bars between points of the mesh, or between a point and the ground; linear, or pulling only (ligaments)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rafr.errors import InputError
from rafr.fixation.fem.locate import Located
from rafr.fixation.fem.mesh import FloatArray, IntArray, TetMesh


@dataclass(frozen=True, slots=True, eq=False)
class Springs:
    """Bars whose directions stay as they are unloaded (small displacements).

    Attributes:
        nodes: (s, k) nodes that a bar's elongation depends on.
        coefficients: (s, k, 3): elongation = sum of coefficients . displacements.
        stiffness: (s,) N/mm.
        slack: (s,) mm of elongation before it begins to pull; negative for one that is stretched at rest.
        tension_only: (s,) whether it never pushes.
    """

    nodes: IntArray
    coefficients: FloatArray
    stiffness: FloatArray
    slack: FloatArray
    tension_only: NDArray[np.bool_]

    def rows(self, dofs: int) -> Any:
        """(s, dofs) CSR: elongations from displacements."""
        from scipy.sparse import csr_array

        s, k = self.nodes.shape
        columns = (3 * self.nodes[..., None] + np.arange(3)).reshape(s, 3 * k)
        entries = (self.coefficients.ravel(), (np.repeat(np.arange(s), 3 * k), columns.ravel()))
        return csr_array(entries, shape=(s, dofs))

    def force(self, elongation: FloatArray) -> FloatArray:
        """(s,) N, positive when it pulls."""
        force = self.stiffness * (elongation - self.slack)
        return np.where(self.tension_only, np.maximum(force, 0.0), force)

    def slope(self, elongation: FloatArray) -> FloatArray:
        """(s,) N/mm."""
        return np.where(self.tension_only & (elongation < self.slack), 0.0, self.stiffness)


def at_nodes(mesh: TetMesh, nodes: IntArray) -> Located:
    """Nodes as places that a spring can be attached to."""
    nodes = np.asarray(nodes, dtype=np.int32)
    ones = np.ones((len(nodes), 1))
    return Located(np.full(len(nodes), -1, dtype=np.int32), nodes[:, None], ones, np.zeros(len(nodes)))


def bars(
    mesh: TetMesh,
    start: Located,
    end: Located | FloatArray,
    stiffness: FloatArray | float,
    pre_strain: FloatArray | float = 0.0,
    tension_only: bool = False,
) -> Springs:
    """Bars from points of the mesh to points of the mesh, or to places (s, 3) mm that stand still.

    Args:
        stiffness: (s,) or one, N/mm (E A / L).
        pre_strain: by which they are stretched as the mesh stands; negative while slack. The rest length is
            length / (1 + pre_strain).

    Raises:
        InputError: a bar without length or with a stiffness that is not positive.
    """
    on_mesh = isinstance(end, Located)
    first = np.einsum("sk,ski->si", start.weights, mesh.nodes[start.nodes])
    last = np.einsum("sk,ski->si", end.weights, mesh.nodes[end.nodes]) if isinstance(end, Located) else end
    line = np.asarray(last, dtype=float) - first
    length = np.linalg.norm(line, axis=1)
    k = np.broadcast_to(np.asarray(stiffness, dtype=float), length.shape).copy()
    if (length < 1e-9).any():
        raise InputError("springs", f"bar {np.argmin(length)} has no length", "two different points")
    if not (k > 0).all():
        raise InputError("springs", f"a stiffness of {k.min()} N/mm", "more than 0")
    unit = (line / length[:, None])[:, None]
    nodes, coefficients = start.nodes, -start.weights[..., None] * unit
    if on_mesh and isinstance(end, Located):
        nodes = np.hstack([nodes, end.nodes])
        coefficients = np.concatenate([coefficients, end.weights[..., None] * unit], axis=1)
    slack = length / (1 + np.broadcast_to(pre_strain, length.shape)) - length
    return Springs(nodes, coefficients, k, slack, np.full(len(k), tension_only))


def ground(mesh: TetMesh, nodes: IntArray, direction: FloatArray, stiffness: FloatArray | float) -> Springs:
    """Linear springs that resist nodes (s,) along a direction (3,) or (s, 3)."""
    unit = np.broadcast_to(np.asarray(direction, dtype=float), (len(nodes), 3))
    unit = unit / np.linalg.norm(unit, axis=1, keepdims=True)
    k = np.broadcast_to(np.asarray(stiffness, dtype=float), (len(nodes),)).copy()
    if not (k > 0).all():
        raise InputError("springs", f"a stiffness of {k.min()} N/mm", "more than 0")
    place = np.asarray(nodes, dtype=np.int32)[:, None]
    return Springs(place, unit[:, None], k, np.zeros(len(k)), np.zeros(len(k), dtype=bool))
