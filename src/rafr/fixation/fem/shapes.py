"""Shape functions and quadrature of the ten-node tetrahedron and its six-node faces.

Reference coordinates are the barycentric ones without the first: (L1, L2, L3) in a tetrahedron, (L1, L2) in a
triangle. Quadratic functions on corners and middles: Zienkiewicz, Taylor & Zhu, The Finite Element Method,
7th ed., chapter 6.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from rafr.fixation.fem.mesh import EDGES

FloatArray = NDArray[np.float64]
FACE_EDGES = ((0, 1), (1, 2), (2, 0))  # of nodes 3..5 of a face


def tet10(points: FloatArray) -> FloatArray:
    """(q, 10) values at reference points (q, 3)."""
    return _values(points, EDGES)


def tet10_gradients(points: FloatArray) -> FloatArray:
    """(q, 10, 3) derivatives with respect to the reference coordinates."""
    return _gradients(points, EDGES)


def tri6(points: FloatArray) -> FloatArray:
    """(q, 6) values at reference points (q, 2)."""
    return _values(points, FACE_EDGES)


def tri6_gradients(points: FloatArray) -> FloatArray:
    """(q, 6, 2) derivatives with respect to the reference coordinates."""
    return _gradients(points, FACE_EDGES)


def barycentric(points: FloatArray) -> FloatArray:
    """(..., d + 1) from reference coordinates (..., d)."""
    return np.concatenate([1.0 - points.sum(axis=-1, keepdims=True), points], axis=-1)


def _values(points: FloatArray, edges: tuple[tuple[int, int], ...]) -> FloatArray:
    L = barycentric(np.asarray(points, dtype=float))
    i, j = np.array(edges).T
    return np.concatenate([L * (2 * L - 1), 4 * L[..., i] * L[..., j]], axis=-1)


def _gradients(points: FloatArray, edges: tuple[tuple[int, int], ...]) -> FloatArray:
    points = np.asarray(points, dtype=float)
    L = barycentric(points)[..., None]
    dL = np.vstack([-np.ones(points.shape[-1]), np.eye(points.shape[-1])])
    i, j = np.array(edges).T
    middles = 4 * (L[..., i, :] * dL[j] + L[..., j, :] * dL[i])
    return np.concatenate([(4 * L - 1) * dL, middles], axis=-2)


@lru_cache
def tet_rule(degree: int) -> tuple[FloatArray, FloatArray]:
    """Points (q, 3) and weights (q,), which sum to 1/6, exact for polynomials up to `degree`.

    Up to 2 the symmetric rule of four points, as C3D10; above it the conical product of Gauss-Jacobi rules
    (Stroud 1971).
    """
    if degree <= 2:
        a, b = (5 + 3 * np.sqrt(5)) / 20, (5 - np.sqrt(5)) / 20
        return np.array([[b, b, b], [a, b, b], [b, a, b], [b, b, a]]), np.full(4, 1 / 24)
    return _conical(degree // 2 + 1, 3)


@lru_cache
def triangle_rule(degree: int) -> tuple[FloatArray, FloatArray]:
    """Points (q, 2) and weights (q,), which sum to 1/2: three points up to 2, six up to 4 (Dunavant 1985)."""
    if degree <= 2:
        return np.array([[1, 1], [4, 1], [1, 4]]) / 6, np.full(3, 1 / 6)
    if degree <= 4:
        a, b = 0.445948490915965, 0.091576213509771
        points = np.array([[a, a], [1 - 2 * a, a], [a, 1 - 2 * a], [b, b], [1 - 2 * b, b], [b, 1 - 2 * b]])
        return points, np.repeat([0.1116907948390055, 0.0549758718276610], 3)
    return _conical(degree // 2 + 1, 2)


def _conical(n: int, dimension: int) -> tuple[FloatArray, FloatArray]:
    """The cube's rule folded onto the simplex: x_k = t_k * (what the earlier coordinates left)."""
    from scipy.special import roots_jacobi

    rules = [roots_jacobi(n, dimension - 1 - k, 0) for k in range(dimension)]
    grid = np.meshgrid(*[(x + 1) / 2 for x, _ in rules], indexing="ij")
    weights = np.ones((n,) * dimension)
    for k, (_, w) in enumerate(rules):
        along = [1] * dimension
        along[k] = n
        weights = weights * (w / 2.0 ** (dimension - k)).reshape(along)
    left, points = np.ones_like(weights), []
    for t in grid:
        points.append((t * left).ravel())
        left = left * (1 - t)
    return np.stack(points, axis=1), weights.ravel()
