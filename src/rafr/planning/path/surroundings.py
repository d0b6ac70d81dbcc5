"""How near a body comes to other bone: fast on distance grids while searching, exact at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import map_coordinates
from scipy.spatial import cKDTree

from rafr.geometry import RigidTransform, SignedDistanceGrid, TriangleMesh
from rafr.geometry.mesh import IntArray
from rafr.geometry.rigid_transform import FloatArray
from rafr.geometry.surface import Surface, even_subset
from rafr.planning.path.chart import Chart, resampled
from rafr.planning.path.config import PathConfig
from rafr.tissue.contact import local_distance_grid, surface_points

_AROUND_MM = 12.0  # by which the grids reach beyond the straight path
_DOUBT_MM = 2.0  # more than a grid is ever off beside a surface
_WORST = 40  # points that push a body off bone
_GAP_MM = 0.5  # to which a body is pushed off
_VERTICES = 4000  # looked at exactly


@dataclass(frozen=True, slots=True, eq=False)
class Surroundings:
    """A body's watched points and the bones around it, mm.

    Attributes:
        chart: coordinates of the body's poses.
        points: (n, 3) watched, in the body's CT.   areas: (n,) mm² each stands for.
        grids: signed distance of every other bone.
        vertices: (m, 3) of the body, for exact clearance.   box: (8, 3) corners around the whole body.
        surfaces: the other bones exactly.
    """

    chart: Chart
    points: FloatArray
    areas: FloatArray
    grids: tuple[SignedDistanceGrid, ...]
    vertices: FloatArray
    box: FloatArray
    surfaces: tuple[Surface, ...]

    @staticmethod
    def of(
        mesh: TriangleMesh,
        obstacles: Sequence[TriangleMesh],
        chart: Chart,
        given: FloatArray,
        config: PathConfig,
    ) -> Surroundings:
        """What matters along poses (k, 6) of the chart."""
        surfaces = tuple(Surface.of(o) for o in obstacles)
        poses = chart.transforms(resampled(given, 4))
        points, areas = surface_points(mesh, config.point_spacing_mm)
        watched = _nearest(points, obstacles, poses, config.points, config.watch_mm)
        exact = _nearest(mesh.vertices, obstacles, poses, _VERTICES, config.watch_mm)
        points, areas = points[watched], areas[watched]
        swept = np.concatenate([T.apply(points) for T in poses])
        grids = tuple(_grid(o, swept, config.grid_mm) for o in obstacles)
        sides = np.stack([mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)])
        box = np.array([[sides[i, 0], sides[j, 1], sides[k, 2]] for i, j, k in np.ndindex(2, 2, 2)])
        return Surroundings(chart, points, areas, grids, mesh.vertices[exact], box, surfaces)

    def distances(self, x: FloatArray) -> FloatArray:
        """(k, n) mm, signed distance of every watched point at poses (k, 6), by the grids."""
        return self._grid_distances(x, self.points)

    def clearance(self, x: FloatArray) -> FloatArray:
        """(k,) mm, least distance at poses (k, 6), by the grids."""
        return np.asarray(self.distances(x).min(axis=1))

    def grid_distances(self, moved: FloatArray) -> FloatArray:
        """(n,) mm, signed distance to the nearest bone at places (n, 3), by the grids."""
        distance = np.full(len(moved), np.inf)
        for grid in self.grids:
            distance = np.minimum(distance, _look_up(grid, moved))
        return distance

    def gradients(self, moved: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Signed distances (n,) and directions (n, 3) away from the nearest bone at places (n, 3)."""
        answers = [grid.distance_and_gradient(moved) for grid in self.grids]
        distance = np.stack([d for d, _ in answers])
        nearest = distance.argmin(axis=0)
        rows = np.arange(len(moved))
        gradient = np.stack([g for _, g in answers])[nearest, rows]
        gradient = gradient / np.maximum(np.linalg.norm(gradient, axis=1, keepdims=True), 1e-9)
        return distance[nearest, rows], gradient

    def nearest_points(self, x: FloatArray, count: int) -> tuple[FloatArray, FloatArray]:
        """The nearest points at each pose (k, 6): distance (k, count) mm, and slope (k, count, 6) by x."""
        distance = self.distances(x)
        count = min(count, distance.shape[1])
        index = np.argpartition(distance, count - 1, axis=1)[:, :count]
        rotation, translation = self.chart.poses(x)
        arm = np.einsum("kij,knj->kni", rotation, self.points[index] - self.chart.centroid)
        centre = translation + rotation @ self.chart.centroid
        _, normal = self.gradients((arm + centre[:, None]).reshape(-1, 3))
        normal = normal.reshape(arm.shape)
        # a small turn moves a point by turn x arm; the rotation vector's own curvature is left out
        slope = np.concatenate([normal, np.cross(arm, normal) / self.chart.radius], axis=2)
        return np.take_along_axis(distance, index, axis=1), slope

    def pushed_off(self, x: FloatArray, rounds: int = 8) -> FloatArray:
        """Poses (k, 6) moved off the bone they are in: damped Gauss-Newton steps on the missing distances."""
        x = x.copy()
        for _ in range(rounds):
            stuck = np.flatnonzero(self.clearance(x) < 0.0)
            if not len(stuck):
                break
            distance, slope = self.nearest_points(x[stuck], _WORST)
            missing = np.maximum(_GAP_MM - distance, 0.0)
            slope = slope * (missing > 0.0)[:, :, None]
            normal = np.einsum("kna,knb->kab", slope, slope) + 0.1 * np.eye(6)
            x[stuck] += np.linalg.solve(normal, np.einsum("kna,kn->ka", slope, missing)[:, :, None])[:, :, 0]
        return x

    def exact_clearance(self, x: FloatArray) -> FloatArray:
        """(k,) mm at poses (k, 6), of the vertices to the surfaces themselves; negative is overlap."""
        return np.array([self._exact_clearance(T) for T in self.chart.transforms(x)])

    def _exact_clearance(self, T: RigidTransform) -> float:
        moved = T.apply(self.vertices)
        rough = np.min([_look_up(g, moved) for g in self.grids], axis=0)
        near = rough < rough.min() + _DOUBT_MM
        found = self._exact(moved[near])
        # far from bone a grid only knows that there is none near
        return found if found < rough.min() + _DOUBT_MM else self._exact(moved)

    def _exact(self, moved: FloatArray) -> float:
        return float(min(s.signed_distance(moved).min() for s in self.surfaces))

    def _grid_distances(self, x: FloatArray, points: FloatArray) -> FloatArray:
        rotation, translation = self.chart.poses(x)
        moved = (points @ rotation.transpose(0, 2, 1) + translation[:, None]).reshape(-1, 3)
        return self.grid_distances(moved).reshape(len(x), len(points))


def _look_up(grid: SignedDistanceGrid, points: FloatArray) -> FloatArray:
    """`grid.distance` of many points (n, 3), several times as fast."""
    u = (points.T - grid.origin[:, None]) / grid.spacing
    inside = np.clip(u, 0.0, np.array(grid.values.shape)[:, None] - 1.0)
    found = map_coordinates(grid.values, inside, order=1, mode="nearest", prefilter=False)
    return np.asarray(found + np.sqrt(((u - inside) ** 2).sum(axis=0)) * grid.spacing)


def _nearest(
    points: FloatArray,
    obstacles: Sequence[TriangleMesh],
    poses: list[RigidTransform],
    count: int,
    watch: float,
) -> IntArray:
    """Indices of the points that come near: the nearest half of them all, the others thinned."""
    nearest = np.full(len(points), np.inf)
    for tree in [cKDTree(o.vertices) for o in obstacles]:
        for T in poses:
            nearest = np.minimum(nearest, tree.query(T.apply(points), distance_upper_bound=watch)[0])
    near = np.flatnonzero(np.isfinite(nearest))
    order = near[np.argsort(nearest[near], kind="stable")] if len(near) else np.arange(len(points))
    close, others = order[: count // 2], order[count // 2 :]
    return np.concatenate([close, others[even_subset(len(others), count // 2)]])


def _grid(obstacle: TriangleMesh, swept: FloatArray, spacing: float) -> SignedDistanceGrid:
    """Signed distance of a bone where the body passes."""
    lower = np.maximum(swept.min(axis=0) - _AROUND_MM, obstacle.vertices.min(axis=0) - 5.0)
    upper = np.minimum(swept.max(axis=0) + _AROUND_MM, obstacle.vertices.max(axis=0) + 5.0)
    if (upper <= lower).any():  # never near: its whole box, coarsely
        lower, upper = obstacle.vertices.min(axis=0) - 5.0, obstacle.vertices.max(axis=0) + 5.0
        spacing = max(spacing, float((upper - lower).max()) / 20.0)
    return local_distance_grid(obstacle, lower, upper, spacing)
