"""Linear systems of elasticity: a direct solver, and conjugate gradients on two levels of polynomials.

The iterative one smooths on the quadratic elements (Chebyshev polynomial of the diagonal: Adams et al. 2003,
J Comput Phys 188:593) and corrects on the linear elements of the same mesh, an eighth of the size:
p-multigrid (Helenbrook, Mavriplis & Atkins 2003, AIAA 2003-3989). That level is solved directly, or by
smoothed aggregation with the six rigid-body modes as near-null space (Vaněk, Mandel & Brezina 1996, Computing
56:179; pyamg) where it is too large for the direct solver that is installed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from rafr.errors import InfeasibleError
from rafr.fixation.fem.constraints import Reduction
from rafr.fixation.fem.mesh import EDGES, FloatArray, TetMesh

_DIRECT_COARSE = 200_000  # degrees of freedom of the linear elements that PARDISO still factorises: 5 GB
_SUPERLU_COARSE = 80_000  # the same of SuperLU: 2 s in a pelvis, 30 s in a solid cube
_DIRECT = 10_000  # degrees of freedom up to which a factorisation is as quick as the levels are
_DEGREE = 2  # of the smoother
_SMOOTHED = 8.0  # the smoother damps what lies between largest eigenvalue / this and the largest
_SAFETY = 1.1
_POWER_STEPS = 12


class Method(StrEnum):
    """How linear systems are solved."""

    AUTO = "auto"  # direct where that is as quick, then multigrid
    DIRECT = "direct"
    MULTIGRID = "multigrid"  # the linear elements directly where possible
    AGGREGATION = "aggregation"  # the linear elements by smoothed aggregation


class Preconditioner(Protocol):
    """Something close to the inverse of K + added."""

    def update(self, K: Any, added: Any | None) -> None:
        """Made again for (r, r) CSR and what is added to it, or nothing."""

    def apply(self, residual: FloatArray) -> FloatArray:
        """(r,) from (r,)."""


@dataclass(frozen=True, slots=True, eq=False)
class Hierarchy:
    """What the iterative solver knows of the mesh.

    Attributes:
        prolongation: (r, c) CSR: the free degrees of freedom from those of the corners.
        modes: (c, 6) rigid motions of the corners.
    """

    prolongation: Any
    modes: FloatArray

    @staticmethod
    def of(mesh: TetMesh, reduction: Reduction) -> Hierarchy:
        """Middles are the mean of their corners; tied corners follow their masters on both levels."""
        from scipy.sparse import coo_array, csr_array, kron

        n = len(mesh.nodes)
        corners = np.unique(mesh.elements[:, :4])
        i, j = np.array(EDGES).T
        middle, first = np.unique(mesh.elements[:, 4:], return_index=True)
        ends = mesh.elements[:, np.stack([i, j])].transpose(1, 0, 2).reshape(2, -1)[:, first]
        rows = np.concatenate([corners, middle, middle])
        columns = np.concatenate([corners, *ends])
        weights = np.concatenate([np.ones(len(corners)), np.full(2 * len(middle), 0.5)])
        linear = csr_array(coo_array((weights, (rows, columns)), shape=(n, n)))
        # a tied corner's value is its masters'; a master in the middle of an edge is again its corners' mean
        linear = linear @ (reduction.nodes_follow @ linear)
        free_nodes = np.unique(reduction.free // 3)
        used = np.intersect1d(corners, free_nodes)
        dofs = (3 * used[:, None] + np.arange(3)).ravel()
        blocks = csr_array(kron(linear[:, used], np.eye(3), format="csr"))[reduction.free]
        held = ~np.isin(dofs, reduction.free)
        if held.any():
            keep = np.where(held, 0.0, 1.0)
            blocks.data *= keep[blocks.indices]
            blocks.eliminate_zeros()
        return Hierarchy(blocks, rigid_modes(mesh.nodes[used]) * ~held[:, None])


def rigid_modes(places: FloatArray) -> FloatArray:
    """(3k, 6) translations and small rotations of places (k, 3), each of about unit size."""
    x = (places - places.mean(axis=0)) / max(float(np.ptp(places, axis=0).max()), 1e-9)
    modes = np.zeros((len(places), 3, 6))
    modes[:, :, :3] = np.eye(3)
    for k in range(3):
        modes[:, :, 3 + k] = np.cross(np.eye(3)[k], x)
    return modes.reshape(-1, 6)


class Direct:
    """A Cholesky factorisation: Intel's PARDISO where pypardiso is installed, else SuperLU.

    Every `update` factorises again.
    """

    _solve: Callable[[FloatArray], FloatArray]

    def __init__(self, K: Any, added: Any | None = None) -> None:
        self.update(K, added)

    def update(self, K: Any, added: Any | None = None) -> None:
        self._solve = factorise(K if added is None else (K + added).tocsr())

    def apply(self, residual: FloatArray) -> FloatArray:
        solution: FloatArray = self._solve(residual)
        return solution


class Multigrid:
    """The two levels described above; symmetric, so that conjugate gradients may use it."""

    def __init__(self, K: Any, added: Any | None, hierarchy: Hierarchy, aggregate: bool = False) -> None:
        self._P = hierarchy.prolongation
        self._R = self._P.T.tocsr()
        self._modes = hierarchy.modes
        most = _SUPERLU_COARSE if find_spec("pypardiso") is None else _DIRECT_COARSE
        self._aggregate = aggregate or self._P.shape[1] > most
        self.update(K, added)

    def update(self, K: Any, added: Any | None = None) -> None:
        from scipy.sparse import diags_array

        self._K, self._added = K, added
        coarse = self._R @ (K @ self._P)
        if added is not None:
            coarse = coarse + self._R @ (added @ self._P)
        diagonal = coarse.diagonal()
        # directions that no free degree of freedom hangs on
        empty = diagonal <= 1e-14 * diagonal.max(initial=0.0)
        coarse = (coarse + diags_array(np.where(empty, diagonal.max(initial=1.0), 0.0))).tocsr()
        self._coarse = aggregation(coarse, self._modes) if self._aggregate else factorise(coarse)
        self._inverse = 1.0 / (self._K.diagonal() + (0.0 if added is None else added.diagonal()))
        self._largest = _SAFETY * self._spectral_radius()

    def apply(self, residual: FloatArray) -> FloatArray:
        x, left = self._smooth(residual)
        x = x + self._P @ self._coarse(self._R @ left)
        more, _ = self._smooth(residual - self._times(x), last=True)
        more += x
        return more

    def _times(self, x: FloatArray) -> FloatArray:
        y: FloatArray = self._K @ x
        if self._added is not None:
            y += self._added @ x
        return y

    def _spectral_radius(self) -> float:
        v = np.random.default_rng(0).standard_normal(self._K.shape[0])
        size = 1.0
        for _ in range(_POWER_STEPS):
            v = self._inverse * self._times(v / np.linalg.norm(v))
            size = float(np.linalg.norm(v))
        return size

    def _smooth(self, b: FloatArray, last: bool = False) -> tuple[FloatArray, FloatArray]:
        """Chebyshev's iteration for b from 0, and what is left of b (not kept up to date when `last`)."""
        least = self._largest / _SMOOTHED
        centre, half = (self._largest + least) / 2, (self._largest - least) / 2
        rho = half / centre
        step = self._inverse * b / centre
        x, left = step, b
        for _ in range(_DEGREE - 1):
            left = left - self._times(step)
            following = 1.0 / (2 * centre / half - rho)
            step = following * rho * step + (2 * following / half) * (self._inverse * left)
            x, rho = x + step, following
        return x, left if last else left - self._times(step)


def preconditioner(
    K: Any, added: Any | None, hierarchy: Callable[[], Hierarchy], method: Method
) -> Preconditioner:
    """The one a method asks for."""
    if method is Method.AUTO:
        small = K.shape[0] <= _DIRECT
        method = Method.DIRECT if small else Method.MULTIGRID
    if method is Method.DIRECT:
        return Direct(K, added)
    return Multigrid(K, added, hierarchy(), aggregate=method is Method.AGGREGATION)


def factorise(K: Any) -> Callable[[FloatArray], FloatArray]:
    """Solves for right-hand sides (r,) or (r, k) with a symmetric positive definite CSR.

    Raises:
        InfeasibleError: a matrix that is not positive definite: something moves freely.
    """
    from scipy.sparse import csr_matrix, triu
    from scipy.sparse.linalg import splu

    if find_spec("pypardiso"):
        _point_at_mkl()
        from pypardiso import PyPardisoSolver
        from pypardiso.pardiso_wrapper import PyPardisoError

        solver = PyPardisoSolver(mtype=2)
        upper = csr_matrix(triu(K, format="csr"))
        try:
            solver.factorize(upper)
        except PyPardisoError as error:
            solver.free_memory(everything=True)
            raise InfeasibleError(("the stiffness is not positive definite: a body moves freely",)) from error
        return _Pardiso(solver, upper)
    try:
        factor = splu(
            K.tocsc(), permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True}, diag_pivot_thresh=0.0
        )
    except RuntimeError as error:
        raise InfeasibleError(("the stiffness is singular: a body moves freely",)) from error
    return factor.solve  # type: ignore[no-any-return]


def _point_at_mkl() -> None:
    """pypardiso searches the whole environment for its library every time, unless told where it is."""
    for folder in (Path(sys.prefix) / "lib", Path(sys.prefix) / "Library" / "bin"):
        found = sorted(folder.glob("*mkl_rt*"))
        if found:
            os.environ.setdefault("PYPARDISO_MKL_RT", str(found[0]))


class _Pardiso:
    """Gives the factor's memory back when nobody needs it."""

    def __init__(self, solver: Any, upper: Any) -> None:
        self._solver, self._upper = solver, upper

    def __call__(self, right: FloatArray) -> FloatArray:
        return np.asarray(self._solver.solve(self._upper, right), dtype=np.float64).reshape(right.shape)

    def __del__(self) -> None:
        self._solver.free_memory(everything=True)


def aggregation(K: Any, modes: FloatArray) -> Callable[[FloatArray], FloatArray]:
    """One V-cycle of smoothed aggregation with near-null modes (r, 6)."""
    import pyamg
    from scipy.sparse import csr_matrix

    smoother = ("block_gauss_seidel", {"sweep": "symmetric"})
    levels = pyamg.smoothed_aggregation_solver(
        csr_matrix(K).tobsr((3, 3)),
        B=modes,
        strength=("symmetric", {"theta": 0.0}),
        presmoother=smoother,
        postsmoother=smoother,
        max_coarse=300,
    )
    cycle = levels.aspreconditioner()
    return lambda right: np.asarray(cycle @ right)


def conjugate_gradients(
    times: Callable[[FloatArray], FloatArray],
    apply: Callable[[FloatArray], FloatArray],
    b: FloatArray,
    tolerance: float,
    most: int,
) -> tuple[FloatArray, int, float]:
    """Solution, iterations, and what is left of b, relative: more than `tolerance` if it gave up."""
    x, r = np.zeros_like(b), b.copy()
    whole = float(np.linalg.norm(b))
    if whole == 0.0:
        return x, 0, 0.0
    left, done = 1.0, 0
    z = apply(r)
    p, rz = z, float(r @ z)
    for done in range(1, most + 1):  # noqa: B007
        q = times(p)
        along = float(p @ q)
        if not (along > 0 and rz > 0):
            break
        x += (rz / along) * p
        r -= (rz / along) * q
        left = float(np.linalg.norm(r)) / whole
        if left <= tolerance:
            break
        z = apply(r)
        rz, before = float(r @ z), rz
        p = z + (rz / before) * p
    return x, done, left
