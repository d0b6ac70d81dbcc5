"""What does not move freely: held and prescribed degrees of freedom, and nodes tied to others.

Both are eliminated, u = T x + u0, so that the matrix T' K T of the free degrees of freedom x stays symmetric
and positive definite (Cook et al., Concepts and Applications of Finite Element Analysis, 4th ed., section
13.2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rafr.errors import InputError
from rafr.fixation.fem.locate import Locator
from rafr.fixation.fem.mesh import FloatArray, IntArray, TetMesh


@dataclass(frozen=True, slots=True, eq=False)
class Fixed:
    """Held degrees of freedom.

    Attributes:
        dofs: (k,) 3 * node + axis, each once.   values: (k,) mm.
    """

    dofs: IntArray
    values: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Ties:
    """Nodes that follow others, in all three directions.

    Attributes:
        slaves: (s,) nodes.
        masters: (s, k) nodes, none of them a slave.   weights: (s, k); sum 1, or a rigid motion is resisted.
    """

    slaves: IntArray
    masters: IntArray
    weights: FloatArray


def fix(nodes: IntArray, axes: tuple[int, ...] = (0, 1, 2), value: float | FloatArray = 0.0) -> Fixed:
    """Holds nodes along axes, at 0 or at displacements that fit (nodes, axes), mm."""
    dofs = 3 * np.unique(np.asarray(nodes, dtype=np.int32))[:, None] + np.array(axes, dtype=np.int32)
    return Fixed(dofs.ravel(), np.broadcast_to(np.asarray(value, dtype=float), dofs.shape).ravel().copy())


def join(*parts: Fixed) -> Fixed:
    """All of them; of a degree of freedom held twice the last counts."""
    dofs = np.concatenate([p.dofs for p in parts][::-1])
    values = np.concatenate([p.values for p in parts][::-1])
    kept, first = np.unique(dofs, return_index=True)
    return Fixed(kept.astype(np.int32), values[first])


def embed(mesh: TetMesh, slaves: IntArray, hosts: Locator, tolerance: float = 0.0) -> Ties:
    """Bonds nodes to the elements they lie in, as a screw's surface to the bone round it.

    Raises:
        InputError: a node further than `tolerance` mm outside the hosts.
    """
    found = hosts.locate(mesh.nodes[slaves], tolerance)
    return Ties(np.asarray(slaves, dtype=np.int32), found.nodes, found.weights)


def join_ties(*parts: Ties) -> Ties:
    """All of them, padded with weights of 0."""
    width = max((p.masters.shape[1] for p in parts), default=0)
    pad = [((0, 0), (0, width - p.masters.shape[1])) for p in parts]
    return Ties(
        np.concatenate([p.slaves for p in parts]),
        np.concatenate([np.pad(p.masters, w, mode="edge") for p, w in zip(parts, pad, strict=True)]),
        np.concatenate([np.pad(p.weights, w) for p, w in zip(parts, pad, strict=True)]),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Reduction:
    """u = T x + offset.

    Attributes:
        free: (r,) the degrees of freedom that x is.
        fixed: (k,) those held.
        slaves: (3 s,) those that follow.
        follow: (3n, 3n) CSR: every degree of freedom from those that follow none.
        T: (3n, r) CSR.   offset: (3n,) mm.
        nodes_follow: (n, n) CSR, the same for nodes.
    """

    free: IntArray
    fixed: IntArray
    slaves: IntArray
    follow: Any
    T: Any
    offset: FloatArray
    nodes_follow: Any

    @staticmethod
    def of(mesh: TetMesh, fixed: Fixed, ties: Ties | None = None) -> Reduction:
        """Nodes of no element are held.

        Raises:
            InputError: a node that is both tied and held, tied twice, or tied to a tied one.
        """
        from scipy.sparse import csr_array, kron

        n = len(mesh.nodes)
        unused = np.ones(n, dtype=bool)
        unused[mesh.elements] = False
        held = join(fix(np.flatnonzero(unused).astype(np.int32)), fixed)
        slaves = np.zeros(0, dtype=np.int32) if ties is None else ties.slaves
        _require_separate(n, held, ties)
        own = np.setdiff1d(np.arange(n), slaves)
        rows, columns, weights = [own], [own], [np.ones(len(own))]
        if ties is not None:
            rows.append(np.repeat(slaves, ties.masters.shape[1]))
            columns.append(ties.masters.ravel())
            weights.append(ties.weights.ravel())
        entries = (np.concatenate(weights), (np.concatenate(rows), np.concatenate(columns)))
        nodes_follow = csr_array(entries, shape=(n, n))
        follow = csr_array(kron(nodes_follow, np.eye(3), format="csr"))
        slave_dofs = (3 * slaves[:, None] + np.arange(3)).ravel()
        free = np.setdiff1d(np.arange(3 * n), np.concatenate([held.dofs, slave_dofs]))
        columns_of = follow.tocsc()
        offset = columns_of[:, held.dofs] @ held.values
        T = columns_of[:, free].tocsr()
        return Reduction(free, held.dofs, slave_dofs, follow, T, offset, nodes_follow)

    def matrix(self, K: Any) -> Any:
        """T' K T (r, r) CSR of a symmetric K (3n, 3n)."""
        reduced = _principal(K, self.free)
        if len(self.slaves):
            follow = self.T[self.slaves]
            crossing = K[self.slaves][:, self.free].T @ follow
            own = follow.T @ (K[self.slaves][:, self.slaves] @ follow)
            reduced = reduced + (crossing + crossing.T + own).tocsr()
        return reduced


def _require_separate(n: int, held: Fixed, ties: Ties | None) -> None:
    if len(held.dofs) and (held.dofs.min() < 0 or held.dofs.max() >= 3 * n):
        raise InputError("constraints", f"degree of freedom {held.dofs.max()}", f"0 to {3 * n - 1}")
    if ties is None:
        return
    count = np.bincount(ties.slaves, minlength=n)
    if count.max(initial=0) > 1:
        raise InputError("ties", f"node {np.argmax(count)} is tied twice", "one tie per node")
    chained = ties.slaves[((count[ties.masters] > 0) & (ties.weights != 0)).any(axis=1)]
    if len(chained):
        raise InputError("ties", f"node {chained[0]} is tied to a tied node", "masters that follow nobody")
    both = np.intersect1d(held.dofs // 3, ties.slaves)
    if len(both):
        raise InputError("ties", f"node {both[0]} is both tied and held", "one of the two")


def _principal(K: Any, kept: NDArray[np.integer]) -> Any:
    """Rows and columns of a CSR matrix, in one pass over its entries."""
    from scipy.sparse import csr_array

    place = np.full(K.shape[0], -1, dtype=np.int32)
    place[kept] = np.arange(len(kept), dtype=np.int32)
    counts = np.diff(K.indptr)
    column = place[K.indices]
    stays = (column >= 0) & np.repeat(place >= 0, counts)
    running = np.concatenate([[0], np.cumsum(stays, dtype=np.int64)])
    pointers = np.concatenate([running[K.indptr[kept]], running[-1:]]).astype(np.int32)
    return csr_array((K.data[stays], column[stays], pointers), shape=(len(kept), len(kept)))
