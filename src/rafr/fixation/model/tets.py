"""Linear tetrahedra and what hangs on them: boundary, embedded points (mm)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rafr.fixation.fem.mesh import FACES, TetMesh, outer_sides, tet_volumes
from rafr.fixation.fem.shapes import tet10
from rafr.geometry import TriangleMesh
from rafr.geometry.rigid_transform import FloatArray
from rafr.geometry.surface import Surface

IntArray = NDArray[np.int64]
_CORNERS = np.array(FACES)[:, :3]


@dataclass(frozen=True, slots=True, eq=False)
class Tets:
    """Linear tetrahedra: nodes (n, 3) mm; elements (m, 4), right-handed."""

    nodes: FloatArray
    elements: IntArray

    @property
    def volumes(self) -> FloatArray:
        """(m,) mm³, positive when right-handed."""
        return tet_volumes(self.nodes, self.elements)

    @property
    def centroids(self) -> FloatArray:
        """(m, 3)."""
        centroids: FloatArray = self.nodes[self.elements].mean(axis=1)
        return centroids


@dataclass(frozen=True, slots=True, eq=False)
class Boundary:
    """The outer faces of a set of tetrahedra.

    Attributes:
        corners: (f, 3) nodes, counter-clockwise seen from outside.
        element: (f,) the element a face belongs to.
        side: (f,) which of the element's sides: opposite corner 3, 2, 0, 1, as `rafr.fixation.fem` counts.
        nodes: (n, 3) mm, of the whole mesh.
    """

    corners: IntArray
    element: IntArray
    side: IntArray
    nodes: FloatArray

    @staticmethod
    def of(nodes: FloatArray, elements: IntArray, numbers: IntArray | None = None) -> Boundary:
        """Faces that belong to one of `elements` (m, 4+) alone; `numbers` (m,) are the elements' own."""
        element, side = outer_sides(elements)
        corners = elements[element[:, None], _CORNERS[side]].astype(np.int64)
        own = np.arange(len(elements)) if numbers is None else np.asarray(numbers, dtype=np.int64)
        return Boundary(corners, own[element], side.astype(np.int64), nodes)

    @property
    def local(self) -> IntArray:
        """(f, 3) which of its element's four corners a face's corners are."""
        return _CORNERS[self.side]

    @property
    def mesh(self) -> TriangleMesh:
        """The faces alone, vertices renumbered; face k is face k here."""
        used, corners = np.unique(self.corners, return_inverse=True)
        return TriangleMesh(self.nodes[used], corners.reshape(-1, 3))

    @property
    def centres(self) -> FloatArray:
        """(f, 3)."""
        centres: FloatArray = self.nodes[self.corners].mean(axis=1)
        return centres

    @property
    def area_vectors(self) -> FloatArray:
        """(f, 3) outward normals times area."""
        a, b, c = (self.nodes[self.corners[:, i]] for i in range(3))
        vectors: FloatArray = 0.5 * np.cross(b - a, c - a)
        return vectors

    def embed(self, faces: IntArray, shares: FloatArray) -> Embedded:
        """Points of the mesh at barycentric `shares` (n, 3) of `faces` (n,)."""
        L = np.zeros((len(faces), 4))
        np.put_along_axis(L, self.local[faces], shares, axis=1)
        points = np.einsum("ni,nij->nj", shares, self.nodes[self.corners[faces]])
        return Embedded(self.element[faces], tet10(L[:, 1:]), points)


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """Points that ride on the mesh: u(point) = sum of shape * u(nodes of the element).

    Attributes:
        element: (n,) element; -1: not on the mesh, the point stands still.
        shape: (n, 10) values of the element's shape functions; 0 where there is no element.
        points: (n, 3) mm, reduced pose.
    """

    element: IntArray
    shape: FloatArray
    points: FloatArray

    def __len__(self) -> int:
        return len(self.element)

    def take(self, index: IntArray) -> Embedded:
        return Embedded(self.element[index], self.shape[index], self.points[index])

    def interpolate(self, mesh: TetMesh, values: FloatArray) -> FloatArray:
        """Nodal values (nodes, k) at the points: (n, k); 0 where a point stands still."""
        nodes = mesh.elements[np.maximum(self.element, 0)]
        found: FloatArray = np.einsum("ni,nik->nk", self.shape, values[nodes])
        return found

    @staticmethod
    def joined(parts: list[Embedded]) -> Embedded:
        return Embedded(
            np.concatenate([p.element for p in parts]),
            np.concatenate([p.shape for p in parts]),
            np.concatenate([p.points for p in parts]),
        )

    @staticmethod
    def ground(points: FloatArray) -> Embedded:
        """Points (n, 3) that stand still."""
        n = len(points)
        return Embedded(np.full(n, -1), np.zeros((n, 10)), np.asarray(points, dtype=float))


class Skin:
    """A boundary ready for the closest-point queries that attach things to bone (float32, about 1e-5 mm)."""

    def __init__(self, boundary: Boundary) -> None:
        self.boundary = boundary
        self.surface = Surface.of(boundary.mesh)

    def closest(self, points: FloatArray) -> tuple[Embedded, FloatArray]:
        """The nearest points of the skin to points (n, 3), riding on it; smooth outward normals (n, 3)."""
        corners, shares, normals, _ = self.surface.closest_corners(points)
        return self.boundary.embed(self._face_of(corners), shares), normals

    def distance(self, points: FloatArray) -> FloatArray:
        """(n,) mm to the skin, never negative."""
        return self.surface.distance(points)

    def signed_distance(self, points: FloatArray) -> FloatArray:
        """(n,) mm to the skin, negative inside."""
        return self.surface.signed_distance(points)

    def _face_of(self, corners: IntArray) -> IntArray:
        """Faces (n,) by their corners (n, 3), vertices of `surface.mesh`."""
        faces, n = self.surface.mesh.faces, len(self.surface.mesh.vertices)
        keys, wanted = ((c[:, 0] * n + c[:, 1]) * n + c[:, 2] for c in (faces, corners))
        order = np.argsort(keys)
        return order[np.searchsorted(keys, wanted, sorter=order)]
