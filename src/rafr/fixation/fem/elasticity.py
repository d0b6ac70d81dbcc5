"""Isotropic linear elasticity on ten-node tetrahedra: stiffness, loads of volume, stress, energy.

Small strains. Degrees of freedom are 3 * node + axis. Stresses are (xx, yy, zz, xy, yz, zx), MPa. Four
integration points, as C3D10, unless a higher degree is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rafr.errors import InputError
from rafr.fixation.fem.mesh import EDGES, FloatArray, TetMesh
from rafr.fixation.fem.shapes import barycentric, tet10, tet10_gradients, tet_rule

_CHUNK = 8_000  # elements at a time: what is in flight fits the cache and 100 MB
_A, _B = np.triu_indices(10)


class Assembler:
    """Where the elements' entries go; worth keeping when the materials of one mesh change."""

    def __init__(self, mesh: TetMesh, degree: int = 2) -> None:
        self.mesh = mesh
        self.degree = degree
        n = len(mesh.nodes)
        i, j = mesh.elements[:, _A].astype(np.int64), mesh.elements[:, _B].astype(np.int64)
        self._turned = i > j
        keys, place = np.unique((np.minimum(i, j) * n + np.maximum(i, j)).ravel(), return_inverse=True)
        self._place = place.reshape(i.shape).astype(np.int32)
        row, column = keys // n, keys % n
        off = np.flatnonzero(row != column)
        rows, columns = np.concatenate([row, column[off]]), np.concatenate([column, row[off]])
        order = np.argsort(rows * n + columns)
        self._indices = columns[order].astype(np.int32)
        self._pointers = np.searchsorted(rows[order], np.arange(n + 1)).astype(np.int32)
        self._source = np.concatenate([np.arange(len(keys)), off])[order]
        self._mirrored = order >= len(keys)
        self._blocks = len(keys)

    def stiffness(self, young: FloatArray, poisson: FloatArray) -> Any:
        """Symmetric (3n, 3n) CSR, N/mm; Young's moduli (m,) MPa and Poisson's ratios (m,) or one for all."""
        lam, mu = lame(self.mesh, young, poisson)
        upper = np.zeros((9, self._blocks))
        for part, gradients, weights in _at_points(self.mesh, self.degree):
            blocks = _upper_blocks(gradients, weights, lam[part], mu[part])
            turned = self._turned[part][..., None, None]
            blocks = np.where(turned, np.swapaxes(blocks, -1, -2), blocks)
            place = self._place[part].ravel()
            # sums within the chunk first: the target array is long, the chunk's part of it short
            touched, local = np.unique(place, return_inverse=True)
            for k in range(9):
                upper[k, touched] += np.bincount(local, blocks[..., k // 3, k % 3].ravel(), len(touched))
        return self._symmetric(upper)

    def _symmetric(self, upper: FloatArray) -> Any:
        from scipy.sparse import bsr_array

        data = upper.T.reshape(-1, 3, 3)[self._source]
        data[self._mirrored] = np.swapaxes(data[self._mirrored], 1, 2)
        n = 3 * len(self.mesh.nodes)
        return bsr_array((data, self._indices, self._pointers), shape=(n, n)).tocsr()


def stiffness(mesh: TetMesh, young: FloatArray, poisson: FloatArray, degree: int = 2) -> Any:
    """Stiffness matrix (3n, 3n), scipy CSR, N/mm.

    Args:
        young: (m,) MPa.   poisson: (m,).
        degree: what polynomials the quadrature integrates; 2 is the four points of C3D10.

    Raises:
        InputError: moduli that are not positive, ratios outside (-1, 0.5).
    """
    return Assembler(mesh, degree).stiffness(young, poisson)


def lame(mesh: TetMesh, young: FloatArray, poisson: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Lamé's constants (m,), MPa.

    Raises:
        InputError: moduli that are not positive, ratios outside (-1, 0.5), another number of them.
    """
    m = len(mesh.elements)
    try:
        E = np.broadcast_to(np.asarray(young, dtype=float), (m,))
        nu = np.broadcast_to(np.asarray(poisson, dtype=float), (m,))
    except ValueError as error:
        raise InputError("material", f"{np.shape(young)} moduli", f"one or {m}, as elements") from error
    if not (E > 0).all():
        raise InputError("material", f"Young's modulus {np.min(E)} MPa", "more than 0")
    if not ((nu > -1) & (nu < 0.5)).all():
        raise InputError("material", f"Poisson's ratios {np.min(nu)} to {np.max(nu)}", "within (-1, 0.5)")
    return E * nu / ((1 + nu) * (1 - 2 * nu)), E / (2 * (1 + nu))


def mass(mesh: TetMesh, density: FloatArray | float = 1.0, degree: int = 5) -> Any:
    """(n, n) CSR with the integral of density N_a N_b, density (m,) per mm³."""
    from scipy.sparse import coo_array

    N = tet10(tet_rule(degree)[0])
    blocks = np.empty((len(mesh.elements), 10, 10))
    for part, _, w in _at_points(mesh, degree):
        blocks[part] = np.einsum("mq,qa,qb->mab", w, N, N)
    blocks *= np.broadcast_to(density, len(blocks))[:, None, None]
    rows = np.repeat(mesh.elements, 10, axis=1).ravel()
    columns = np.tile(mesh.elements, (1, 10)).ravel()
    return coo_array((blocks.ravel(), (rows, columns)), shape=(len(mesh.nodes),) * 2).tocsr()


def body_force(mesh: TetMesh, field: Callable[[FloatArray], FloatArray], degree: int = 5) -> FloatArray:
    """Nodal forces (n, 3), N, of a force per volume: `field` maps places (k, 3) to N/mm³ (k, 3)."""
    points, _ = tet_rule(degree)
    N = tet10(points)
    forces = np.zeros_like(mesh.nodes)
    for part, _, w in _at_points(mesh, degree):
        at = np.einsum("qa,mai->mqi", N, mesh.nodes[mesh.elements[part]])
        density = np.asarray(field(at.reshape(-1, 3))).reshape(at.shape)
        share = np.einsum("mq,qa,mqi->mai", w, N, density)
        np.add.at(forces, mesh.elements[part], share)
    return forces


def strain_gradients(mesh: TetMesh, displacement: FloatArray, degree: int = 2) -> FloatArray:
    """(m, q, 3, 3) du_i/dx_j at the integration points, from nodal displacements (n, 3)."""
    result = np.empty((len(mesh.elements), len(tet_rule(degree)[0]), 3, 3))
    for part, gradients, _ in _at_points(mesh, degree):
        u = displacement[mesh.elements[part]]
        result[part] = np.swapaxes(u, 1, 2)[:, None] @ gradients
    return result


def stress(mesh: TetMesh, young: FloatArray, poisson: FloatArray, displacement: FloatArray) -> FloatArray:
    """(m, 4, 6) MPa at the four integration points."""
    lam, mu = lame(mesh, young, poisson)
    H = strain_gradients(mesh, displacement)
    strain = 0.5 * (H + np.swapaxes(H, 2, 3))
    full = 2 * mu[:, None, None, None] * strain
    full += (lam[:, None] * np.trace(strain, axis1=2, axis2=3))[..., None, None] * np.eye(3)
    return np.stack([full[..., i, j] for i, j in ((0, 0), (1, 1), (2, 2), (0, 1), (1, 2), (2, 0))], axis=-1)


def to_nodes(mesh: TetMesh, values: FloatArray, elements: NDArray[np.bool_] | None = None) -> FloatArray:
    """(n, k) from values (m, 4, k) at integration points: extrapolated linearly, then averaged over elements.

    Only the elements of the mask (m,) count, so that a jump between two materials can be kept; nan where none
    is.
    """
    chosen = np.ones(len(mesh.elements), dtype=bool) if elements is None else elements
    corner = np.linalg.inv(barycentric(tet_rule(2)[0])) @ values[chosen]
    i, j = np.array(EDGES).T
    local = np.concatenate([corner, 0.5 * (corner[:, i] + corner[:, j])], axis=1).reshape(-1, values.shape[2])
    nodes = mesh.elements[chosen].ravel()
    count = np.bincount(nodes, minlength=len(mesh.nodes))
    total = np.stack([np.bincount(nodes, column, len(mesh.nodes)) for column in local.T], axis=1)
    with np.errstate(invalid="ignore"):
        mean: FloatArray = total / count[:, None]
    return mean


def von_mises(stresses: FloatArray) -> FloatArray:
    """(...,) MPa from stresses (..., 6)."""
    xx, yy, zz, xy, yz, zx = np.moveaxis(stresses, -1, 0)
    shear = 6 * (xy * xy + yz * yz + zx * zx)
    result: FloatArray = np.sqrt(0.5 * ((xx - yy) ** 2 + (yy - zz) ** 2 + (zz - xx) ** 2 + shear))
    return result


def strain_energy(
    mesh: TetMesh, young: FloatArray, poisson: FloatArray, displacement: FloatArray
) -> FloatArray:
    """(m,) N mm stored in every element."""
    lam, mu = lame(mesh, young, poisson)
    energy = np.empty(len(mesh.elements))
    for part, gradients, weights in _at_points(mesh, 2):
        H = np.swapaxes(displacement[mesh.elements[part]], 1, 2)[:, None] @ gradients
        strain = 0.5 * (H + np.swapaxes(H, 2, 3))
        volume = np.trace(strain, axis1=2, axis2=3)
        density = 0.5 * lam[part, None] * volume**2 + mu[part, None] * (strain**2).sum(axis=(2, 3))
        energy[part] = (density * weights).sum(axis=1)
    return energy


def _at_points(mesh: TetMesh, degree: int) -> Iterator[tuple[slice, FloatArray, FloatArray]]:
    """Chunks of elements: which, shape gradients (c, q, 10, 3) 1/mm, weights times volume (c, q) mm³."""
    points, weights = tet_rule(degree)
    reference = tet10_gradients(points)
    for start in range(0, len(mesh.elements), _CHUNK):
        part = slice(start, min(start + _CHUNK, len(mesh.elements)))
        jacobian = np.swapaxes(mesh.nodes[mesh.elements[part]], 1, 2)[:, None] @ reference
        inverse, determinant = _inverse(jacobian)
        if not (determinant > 0).all():
            worst = part.start + int(np.argmin(determinant.min(axis=1)))
            raise InputError("mesh", f"element {worst} is inverted", "right-handed elements")
        yield part, reference @ inverse, determinant * weights


def _inverse(J: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Inverses and determinants of (..., 3, 3), ten times as fast as through LAPACK."""
    a, b, c = J[..., 0, :], J[..., 1, :], J[..., 2, :]
    columns = np.stack([np.cross(b, c), np.cross(c, a), np.cross(a, b)], axis=-1)
    determinant = (a * columns[..., 0]).sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return columns / determinant[..., None, None], determinant


def _upper_blocks(gradients: FloatArray, weights: FloatArray, lam: FloatArray, mu: FloatArray) -> FloatArray:
    """(c, 55, 3, 3) blocks lam G_ai G_bj + mu (G_aj G_bi + delta_ij G_a . G_b) of the node pairs a <= b."""
    c, q = weights.shape
    G = gradients.reshape(c, q, 30)
    H = (np.swapaxes(G * weights[..., None], 1, 2) @ G).reshape(c, 10, 3, 10, 3)
    H = np.moveaxis(H, 3, 2)[:, _A, _B]
    scalar = mu[:, None] * np.trace(H, axis1=2, axis2=3)
    blocks = lam[:, None, None, None] * H + mu[:, None, None, None] * np.swapaxes(H, 2, 3)
    for i in range(3):
        blocks[:, :, i, i] += scalar
    return blocks
