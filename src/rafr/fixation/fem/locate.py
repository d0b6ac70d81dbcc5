"""Which element a point is in, and with which weights its nodes speak for it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rafr.errors import InputError
from rafr.fixation.fem.mesh import FloatArray, IntArray, TetMesh
from rafr.fixation.fem.shapes import barycentric, tet10, tet10_gradients

_ROUNDS = (12, 96, 768)  # nearest centroids tried of every size, until one of the elements holds the point
_CHUNK = 20_000
_INSIDE = -1e-9  # barycentric


@dataclass(frozen=True, slots=True, eq=False)
class Located:
    """Points as weighted sums of nodes.

    Attributes:
        element: (k,).
        nodes: (k, 10) of that element.   weights: (k, 10), sum 1.
        outside: (k,) mm by which the point lies outside its element, 0 inside; about, and not less than that.
    """

    element: IntArray
    nodes: IntArray
    weights: FloatArray
    outside: FloatArray


class Locator:
    """Finds points in (some of) the elements of a mesh."""

    def __init__(self, mesh: TetMesh, elements: NDArray[np.bool_] | None = None) -> None:
        from scipy.spatial import cKDTree

        self.mesh = mesh
        self._chosen = np.arange(len(mesh.elements)) if elements is None else np.flatnonzero(elements)
        if not len(self._chosen):
            raise InputError("locate", "no elements to look in", "at least one")
        corners = mesh.nodes[mesh.elements[self._chosen, :4]]
        centre = corners.mean(axis=1)
        radius = np.linalg.norm(corners - centre[:, None], axis=2).max(axis=1)
        # elements of about one size have a tree of their own, or the nearest centroids are all small ones'
        size = np.floor(np.log2(radius)).astype(int)
        self._groups = [np.flatnonzero(size == s) for s in np.unique(size)]
        self._trees = [cKDTree(centre[group]) for group in self._groups]

    def locate(self, points: FloatArray, tolerance: float = 0.0) -> Located:
        """The element of every point (k, 3) mm; the nearest of the neighbours up to `tolerance` mm outside
        all.

        The weights of a point outside continue its element's, so that a rigid motion is followed exactly.

        Raises:
            InputError: a point further outside than `tolerance`, naming the worst.
        """
        points = np.atleast_2d(np.asarray(points, dtype=float))
        element, reference, outside = self._search(points)
        if len(points) and outside.max() > tolerance + 1e-9:
            worst = int(np.argmax(outside))
            raise InputError(
                "locate",
                f"{(outside > tolerance + 1e-9).sum()} of {len(points)} points lie outside the mesh, "
                f"{np.round(points[worst], 2).tolist()} by {outside[worst]:.3g} mm",
                f"at most {tolerance:g} mm",
            )
        nodes = self.mesh.elements[element]
        return Located(element.astype(np.int32), nodes, tet10(reference), outside)

    def _search(self, points: FloatArray) -> tuple[IntArray, FloatArray, FloatArray]:
        element = np.zeros(len(points), dtype=np.int32)
        reference, outside = np.zeros((len(points), 3)), np.full(len(points), np.inf)
        todo = np.arange(len(points))
        for tried in _ROUNDS:
            for part in np.array_split(todo, max(1, len(todo) * tried * len(self._trees) // (_CHUNK * 12))):
                element[part], reference[part], outside[part] = self._best(points[part], tried)
            todo = np.flatnonzero(outside > 0)
            if not len(todo) or tried >= max(map(len, self._groups)):
                break
        return element, reference, outside

    def _best(self, points: FloatArray, tried: int) -> tuple[IntArray, FloatArray, FloatArray]:
        near = np.hstack(
            [
                group[tree.query(points, k=[*range(1, min(tried, len(group)) + 1)])[1]]
                for tree, group in zip(self._trees, self._groups, strict=True)
            ]
        )
        corners = self.mesh.nodes[self.mesh.elements[self._chosen[near], :4]]
        edges = np.swapaxes(corners[:, :, 1:] - corners[:, :, :1], -1, -2)
        offset = points[:, None] - corners[:, :, 0]
        straight = np.asarray(np.linalg.solve(edges, offset[..., None])[..., 0], dtype=np.float64)
        # the elements most likely to hold the point, then the curved map of those only
        inside = barycentric(straight).min(axis=-1)
        few = np.argsort(-inside, axis=1)[:, :4]
        element = self._chosen[np.take_along_axis(near, few, axis=1)]
        reference = np.take_along_axis(straight, few[..., None], axis=1)
        reference = self._curved(points, element, reference)
        outside = self._outside(points, element, reference)
        best = np.argmin(outside, axis=1)
        rows = np.arange(len(points))
        return element[rows, best].astype(np.int32), reference[rows, best], outside[rows, best]

    def _curved(self, points: FloatArray, element: IntArray, reference: FloatArray) -> FloatArray:
        """Newton on the quadratic map; straight elements are done at the first look."""
        nodes = self.mesh.nodes[self.mesh.elements[element]]
        reference = reference.copy()
        for _ in range(8):
            off = points[:, None] - (tet10(reference)[..., None] * nodes).sum(axis=-2)
            near = (np.abs(reference - 0.25) < 1.5).all(axis=-1)
            moving = near & (np.abs(off).max(axis=-1) > 1e-10)
            if not moving.any():
                break
            J = np.swapaxes(nodes[moving], -1, -2) @ tet10_gradients(reference[moving])
            reference[moving] += (np.linalg.pinv(J) @ off[moving][..., None])[..., 0]
        return reference

    def _outside(self, points: FloatArray, element: IntArray, reference: FloatArray) -> FloatArray:
        """mm to the element's point with the negative barycentric coordinates cut off."""
        L = barycentric(reference)
        cut = np.maximum(L, 0.0)
        cut /= cut.sum(axis=-1, keepdims=True)
        nodes = self.mesh.nodes[self.mesh.elements[element]]
        at = (tet10(cut[..., 1:])[..., None] * nodes).sum(axis=-2)
        distance: FloatArray = np.linalg.norm(points[:, None] - at, axis=-1)
        return np.where(L.min(axis=-1) >= _INSIDE, 0.0, distance)
