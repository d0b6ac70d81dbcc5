"""Six coordinates for the poses of a body, all in mm, in which the straight path is a straight line."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.spatial.transform import Rotation

from rafr.geometry import RigidTransform, TriangleMesh
from rafr.geometry.rigid_transform import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Chart:
    """Motion of a body from its start: where its centroid goes, and how it turns about it.

    x = (shift of the centroid, rotation vector * radius), mm: a turn counts as what it moves on the surface.
    A line in x moves the centroid straight and turns about one axis, the shortest way: this is what "the
    straight path" means everywhere.

    Attributes:
        start: pose of x = 0, mm.   centroid: (3,) of the body in its CT.
        radius: root mean square distance (mm) of the surface from the centroid.
    """

    start: RigidTransform
    centroid: FloatArray
    radius: float

    @staticmethod
    def of(mesh: TriangleMesh, start: RigidTransform) -> Chart:
        arm = mesh.vertices - mesh.centroid
        return Chart(start, mesh.centroid, float(np.sqrt((arm**2).sum(axis=1).mean())))

    def coordinates(self, T: RigidTransform) -> FloatArray:
        """(6,) mm of a pose."""
        shift = T.apply(self.centroid) - self.start.apply(self.centroid)
        turn = Rotation.from_matrix(T.rotation @ self.start.rotation.T).as_rotvec()
        return np.concatenate([shift, self.radius * turn])

    def poses(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Rotations (n, 3, 3) and translations (n, 3), mm, of coordinates (n, 6)."""
        rotation = Rotation.from_rotvec(x[:, 3:] / self.radius).as_matrix() @ self.start.rotation
        translation = self.start.apply(self.centroid) + x[:, :3] - rotation @ self.centroid
        return rotation, translation

    def transforms(self, x: FloatArray) -> list[RigidTransform]:
        return [RigidTransform(R, t) for R, t in zip(*self.poses(x), strict=True)]


def lengths(x: FloatArray) -> FloatArray:
    """(n,) way along a polyline (n, 6) up to each of its corners, mm."""
    return np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(x, axis=0), axis=1))])


def resampled(x: FloatArray, n: int) -> FloatArray:
    """(n, 6) at equal steps along a polyline, both ends exact."""
    along = lengths(x)
    if along[-1] <= 0.0:
        return np.repeat(x[:1], n, axis=0)
    even = np.linspace(0.0, along[-1], n)
    rows = np.stack([np.interp(even, along, column) for column in x.T], axis=1)
    rows[0], rows[-1] = x[0], x[-1]
    return rows


def stepped(x: FloatArray, step: float) -> FloatArray:
    """Points along a polyline no further apart than `step` mm, all its corners among them."""
    pieces = [x[:1]]
    for a, b in pairwise(x):
        n = max(1, int(np.ceil(np.linalg.norm(b - a) / step)))
        pieces.append(a + (b - a) * (np.arange(1, n + 1) / n)[:, None])
    return np.concatenate(pieces)
