"""Meshes of quadratic tetrahedra."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rafr.errors import InputError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int32]
EDGES = ((0, 1), (1, 2), (2, 0), (0, 3), (1, 3), (2, 3))  # of nodes 4..9; as C3D10 of CalculiX and VTK
# corners, then middles, seen from outside; in the order of CalculiX's faces S1..S4
FACES = ((0, 2, 1, 6, 5, 4), (0, 1, 3, 4, 8, 7), (1, 2, 3, 5, 9, 8), (2, 0, 3, 6, 7, 9))


@dataclass(frozen=True, slots=True, eq=False)
class TetMesh:
    """Straight or curved ten-node tetrahedra.

    Attributes:
        nodes: (n, 3) mm.
        elements: (m, 10) indices of nodes: four corners, right-handed, then the middles of `EDGES`.
        region: (m,) what an element belongs to, counted from 0; its meaning is the maker's.
    """

    nodes: FloatArray
    elements: IntArray
    region: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """Faces of elements, seen from outside.

    Attributes:
        nodes: (f, 6) three corners, then the middles of the edges 01, 12, 20.
        element: (f,) whose face it is.   side: (f,) index into `FACES`.
    """

    nodes: IntArray
    element: IntArray
    side: IntArray

    def __len__(self) -> int:
        return len(self.element)

    def __getitem__(self, which: NDArray[np.bool_] | NDArray[np.integer] | slice) -> Faces:
        return Faces(self.nodes[which], self.element[which], self.side[which])


def quadratic(nodes: FloatArray, tets: IntArray, region: IntArray | None = None) -> TetMesh:
    """Ten-node tetrahedra with straight sides from corners (n, 3) and four-node tetrahedra (m, 4).

    The corners keep their numbers; left-handed tetrahedra are turned round.

    Raises:
        InputError: an index without a node, or tetrahedra without volume.
    """
    nodes, tets = np.asarray(nodes, dtype=float), np.array(tets, dtype=np.int32)
    if tets.size and (tets.min() < 0 or tets.max() >= len(nodes)):
        raise InputError("mesh", f"a tetrahedron has node {tets.max()}", f"nodes 0 to {len(nodes) - 1}")
    volume = tet_volumes(nodes, tets)
    tets[volume < 0] = tets[volume < 0][:, [1, 0, 2, 3]]
    ends = np.sort(tets[:, np.array(EDGES)], axis=2).reshape(-1, 2).astype(np.int64)
    keys, middle = np.unique(ends[:, 0] * len(nodes) + ends[:, 1], return_inverse=True)
    middles = 0.5 * (nodes[keys // len(nodes)] + nodes[keys % len(nodes)])
    elements = np.hstack([tets, (len(nodes) + middle).reshape(-1, 6)]).astype(np.int32)
    region = np.zeros(len(tets), dtype=np.int32) if region is None else np.asarray(region, dtype=np.int32)
    mesh = TetMesh(np.vstack([nodes, middles]), elements, region)
    require_valid(mesh)
    return mesh


def merge(meshes: list[TetMesh] | tuple[TetMesh, ...]) -> TetMesh:
    """One mesh from several that share no nodes; nodes, elements and regions follow each other."""
    first = np.cumsum([0, *[len(m.nodes) for m in meshes]])
    regions = np.cumsum([0, *[int(m.region.max(initial=-1)) + 1 for m in meshes]])
    return TetMesh(
        np.vstack([m.nodes for m in meshes]),
        np.vstack([m.elements + s for m, s in zip(meshes, first, strict=False)]).astype(np.int32),
        np.concatenate([m.region + r for m, r in zip(meshes, regions, strict=False)]).astype(np.int32),
    )


def boundary_faces(mesh: TetMesh, elements: NDArray[np.bool_] | None = None) -> Faces:
    """The faces that only one of the elements (mask (m,); all when left out) has."""
    chosen = np.arange(len(mesh.elements)) if elements is None else np.flatnonzero(elements)
    own, side = outer_sides(mesh.elements[chosen])
    element = chosen[own].astype(np.int32)
    return Faces(mesh.elements[element[:, None], np.array(FACES)[side]], element, side)


def outer_sides(elements: NDArray[np.integer]) -> tuple[IntArray, IntArray]:
    """Faces that one of the tetrahedra (m, 4+ nodes) has alone: whose (f,), and which of `FACES` (f,)."""
    corners = np.sort(elements[:, np.array(FACES)[:, :3]].reshape(-1, 3), axis=1).astype(np.int64)
    n = int(corners.max(initial=0)) + 1
    keys = (corners[:, 0] * n + corners[:, 1]) * n + corners[:, 2]
    _, first, count = np.unique(keys, return_index=True, return_counts=True)
    element, side = np.divmod(np.sort(first[count == 1]), 4)
    return element.astype(np.int32), side.astype(np.int32)


def quality(mesh: TetMesh) -> FloatArray:
    """(m,) mean ratio of the straight elements (`mean_ratio`)."""
    return mean_ratio(mesh.nodes, mesh.elements)


def mean_ratio(nodes: FloatArray, elements: NDArray[np.integer]) -> FloatArray:
    """12 (3 V)^(2/3) / sum of squared edges of tetrahedra (m, 4 or more): 1 regular, 0 flat, < 0 inverted.

    Source: Liu & Joe 1994, Relationship between tetrahedron shape measures, BIT 34:268.
    """
    volume = tet_volumes(nodes, elements)
    i, j = np.array(EDGES).T
    corners = nodes[elements[:, :4]]
    squares = ((corners[:, i] - corners[:, j]) ** 2).sum(axis=(1, 2))
    ratio: FloatArray = np.sign(volume) * 12 * np.cbrt(9 * volume * volume) / np.maximum(squares, 1e-300)
    return ratio


def volumes(mesh: TetMesh) -> FloatArray:
    """(m,) mm³, of curved elements too."""
    from rafr.fixation.fem.shapes import tet_rule

    points, weights = tet_rule(3)
    return jacobians(mesh, points) @ weights


def jacobians(mesh: TetMesh, points: FloatArray) -> FloatArray:
    """(m, q) determinants of the map from the reference tetrahedron at reference points (q, 3), mm³."""
    from rafr.fixation.fem.shapes import tet10_gradients

    gradients = tet10_gradients(points)
    result = np.empty((len(mesh.elements), len(points)))
    for start in range(0, len(result), 20_000):
        part = slice(start, start + 20_000)
        result[part] = np.linalg.det(np.einsum("mai,qaj->mqij", mesh.nodes[mesh.elements[part]], gradients))
    return result


def require_valid(mesh: TetMesh, least_quality: float = 1e-4) -> None:
    """Refuses elements that are turned inside out, folded or flat.

    The determinant is looked at in the corners, the middles and the four integration points.

    Raises:
        InputError: with the worst element, its place and how many there are.
    """
    from rafr.fixation.fem.shapes import tet_rule

    if not np.isfinite(mesh.nodes).all():
        raise InputError("mesh", f"node {np.argmin(np.isfinite(mesh.nodes).all(axis=1))} is not finite", "mm")
    corners = np.vstack([np.zeros(3), np.eye(3)])
    looked_at = np.vstack([corners, corners[np.array(EDGES)].mean(axis=1), tet_rule(2)[0]])
    least = jacobians(mesh, looked_at).min(axis=1, initial=np.inf)
    ratio = quality(mesh)
    bad = (least <= 0) | (ratio < least_quality)
    if bad.any():
        worst = int(np.argmin(np.where(bad, ratio, np.inf)))
        at = np.round(mesh.nodes[mesh.elements[worst, :4]].mean(axis=0), 2).tolist()
        raise InputError(
            "mesh",
            f"{bad.sum()} of {len(bad)} elements are inverted, folded or flat, e.g. {worst} at {at} mm with "
            f"quality {ratio[worst]:.2g} and least Jacobian {least[worst]:.2g} mm³",
            f"positive Jacobians and quality of at least {least_quality:g}",
        )


def tet_volumes(nodes: FloatArray, elements: NDArray[np.integer]) -> FloatArray:
    """(m,) mm³ within the corners, the first four of every element; negative where left-handed."""
    a, b, c, d = (nodes[elements[:, k]] for k in range(4))
    volume: FloatArray = np.einsum("ij,ij->i", np.cross(b - a, c - a), d - a) / 6
    return volume
