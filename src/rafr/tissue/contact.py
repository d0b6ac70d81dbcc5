"""Bone-on-bone contact by elastic foundation: points of one body against another's signed distance.

SI; poses map the moving body's CT coordinates (m) into the other body's. Each surface point carries its
area and the pressure k * depth (Winkler foundation), so the force has a closed form for simple shapes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from rafr.config import check_config, option
from rafr.content import content_key
from rafr.geometry import RigidTransform, SignedDistanceGrid, TriangleMesh, exact_signed_distance
from rafr.geometry.rigid_transform import FloatArray
from rafr.tissue.cables import resultant, skew_all
from rafr.units import METRES_PER_MM


@dataclass(frozen=True, slots=True)
class ContactParams:
    """Tunables of the contact."""

    # a layer of pelvic trabecular bone on both sides, E / h with E = 100 MPa (upper end of Dalstra 1993 for
    # pelvic trabecular bone) and h = 2 * 10 mm
    foundation: float = option(
        5.0e9, "pressure per depth of two bones' surfaces", unit="Pa/m", lower=1e6, upper=1e12
    )
    damping_time: float = option(
        5e-4,
        "pressure grows by foundation * damping_time * rate while surfaces approach",
        unit="s",
        lower=0.0,
        upper=0.1,
    )
    # finite elements of pelvic fractures use 0.3
    friction: float = option(0.3, "Coulomb coefficient of fractured bone on bone", lower=0.0, upper=2.0)
    friction_speed: float = option(
        0.005, "below which friction is viscous", unit="m/s", lower=1e-5, upper=1.0
    )
    tolerance: float = option(
        2e-4,
        "overlap that counts as touching only: meshes made from labels are no better than that",
        unit="m",
        lower=0.0,
        upper=0.005,
    )
    grid_spacing: float = option(1e-3, "of the signed distance grid", unit="m", lower=2e-4, upper=0.01)
    point_spacing: float = option(3.5e-3, "between the surface points", unit="m", lower=5e-4, upper=0.02)
    reach: float = option(
        0.06,
        "points farther than this from the other body, as the CT shows them, are left out",
        unit="m",
        lower=0.005,
        upper=1.0,
    )


class ContactModel:
    """Contact of a moving body with one other body.

    A neighbour list (points near the other surface) is kept until the body has moved by half its margin,
    so a call costs what the points in contact cost.
    """

    MARGIN = 2e-3

    def __init__(
        self,
        points: FloatArray,
        areas: FloatArray,
        grid: SignedDistanceGrid,
        centroid: FloatArray,
        params: ContactParams | None = None,
    ) -> None:
        """points (n, 3) and areas (n,) of the moving body, m and m²; `grid` of the other body, m;
        `centroid` (3,) of the moving body, about which the torque is taken."""
        self.params = params or ContactParams()
        self._points, self._areas, self._grid, self._centroid = points, areas, grid, centroid
        self._radius = float(np.linalg.norm(points - centroid, axis=1).max()) if len(points) else 0.0
        self._near: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._listed_at: RigidTransform | None = None
        self._gap = 0.0  # smallest distance when the list was made
        # overlap a point is allowed before it presses: meshing error, and what overlapped to begin with
        self._allowed = np.full(len(points), self.params.tolerance)

    def accept_overlap(self, pose: RigidTransform) -> None:
        """Take the present overlap as contact without force; it shrinks as the surfaces part.

        Interdigitated fragments and meshing errors overlap in the first image already.
        """
        if len(self._points):
            depth = -self._grid.distance(pose.apply(self._points))
            self._allowed = np.maximum(self._allowed, depth)

    def wrench(self, T_current_displaced: RigidTransform, twist: FloatArray | None = None) -> FloatArray:
        """Wrench (6,) on the moving body, about its current centroid."""
        return self.evaluate(T_current_displaced, np.zeros(6) if twist is None else twist)[0]

    def penetration(self, T_current_displaced: RigidTransform) -> float:
        """Deepest overlap of the surfaces, m; 0 when apart."""
        near = self._neighbours(T_current_displaced)
        if not len(near):
            return 0.0
        distance = self._grid.distance(T_current_displaced.apply(self._points[near]))
        return float(max(0.0, -distance.min()))

    def evaluate(
        self, pose: RigidTransform, twist: FloatArray
    ) -> tuple[FloatArray, FloatArray | None, FloatArray | None]:
        """Wrench (6,), stiffness (6, 6) and damping (6, 6) matrices; None, None where nothing touches."""
        near = self._neighbours(pose)
        if not len(near) or self._moved(pose) < self._gap:
            return np.zeros(6), None, None
        centre = pose.rotation @ self._centroid + pose.translation
        arm = (self._points[near] - self._centroid) @ pose.rotation.T
        distance, normal = self._grid.distance_and_gradient(arm + centre)
        depth = -distance
        self._allowed[near] = np.minimum(self._allowed[near], np.maximum(depth, self.params.tolerance))
        excess = depth - self._allowed[near]
        touching = excess > 0
        if not touching.any():
            return np.zeros(6), None, None
        normal = normal[touching] / np.linalg.norm(normal[touching], axis=1, keepdims=True)
        areas = self._areas[near[touching]]
        return self._press(arm[touching], normal, excess[touching], areas, twist)

    def _press(
        self, arm: FloatArray, normal: FloatArray, excess: FloatArray, areas: FloatArray, twist: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Pressure, damping and friction at touching points."""
        p = self.params
        velocity = twist[:3] + _cross_rows(twist[3:], arm)
        approach = -np.einsum("ij,ij->i", velocity, normal)
        stiffness = p.foundation * areas
        damping = stiffness * p.damping_time
        pressing = np.maximum(stiffness * excess + damping * approach, 0.0)
        sliding = velocity + approach[:, None] * normal
        speed = np.sqrt(np.einsum("ij,ij->i", sliding, sliding))
        drag = p.friction * pressing / np.maximum(speed, p.friction_speed)
        force = pressing[:, None] * normal - drag[:, None] * sliding
        jacobian = np.zeros((len(arm), 3, 6))
        jacobian[:, :, :3] = np.eye(3)
        jacobian[:, :, 3:] = -skew_all(arm)
        along = np.einsum("ni,nia->na", normal, jacobian)
        k = (along * stiffness[:, None]).T @ along
        d = (along * (damping - drag)[:, None]).T @ along
        flat = jacobian.reshape(-1, 6)
        d += (flat * np.repeat(drag, 3)[:, None]).T @ flat
        return resultant(arm, force), k, d

    def _neighbours(self, pose: RigidTransform) -> NDArray[np.int64]:
        """Indices of the points that may touch at this pose (a Verlet list)."""
        if self._listed_at is None or self._moved(pose) > 0.5 * self.MARGIN:
            distance = self._grid.distance(pose.apply(self._points)) if len(self._points) else np.empty(0)
            # the allowance of a point that has come apart is spent
            self._allowed[distance > 0] = self.params.tolerance
            self._near = np.flatnonzero(distance < self.MARGIN)
            self._gap = float(distance.min(initial=np.inf))
            self._listed_at = pose
        return self._near

    def _moved(self, now: RigidTransform) -> float:
        """An upper bound of how far any point moved since the list was made, m."""
        before = self._listed_at or now
        difference = now.rotation - before.rotation
        turn = np.sqrt(0.5 * np.einsum("ij,ij->", difference, difference))
        shift = difference @ self._centroid + now.translation - before.translation
        return float(math.sqrt(shift @ shift) + turn * self._radius)


def build_contact(
    moving: TriangleMesh, other: TriangleMesh, params: ContactParams | None = None
) -> ContactModel:
    """Contact of `moving` with `other`, both LPS mm as the CT shows them.

    The distance field covers only where the moving body's near points are, plus `reach`.
    """
    p = params or ContactParams()
    check_config(p, "contact")
    pair = _Pair(content_key(moving, other), moving, other)
    points, areas, grid = _shapes(pair, p.point_spacing, p.reach, p.grid_spacing)
    return ContactModel(points, areas, grid, moving.centroid * METRES_PER_MM, p)


@dataclass(frozen=True, slots=True)
class _Pair:
    """A moving body and another, LPS mm; pairs of the same content are equal."""

    content: str
    moving: TriangleMesh = field(compare=False)
    other: TriangleMesh = field(compare=False)


@lru_cache(maxsize=4)
def _shapes(
    pair: _Pair, point_spacing: float, reach: float, grid_spacing: float
) -> tuple[FloatArray, FloatArray, SignedDistanceGrid]:
    """Points (n, 3), areas (n,) and distance grid of a contact, SI.

    They are kept: one operation builds the same room for its trajectory, its grip and its reduction.
    """
    moving, other = pair.moving, pair.other
    points_mm, areas_mm2 = surface_points(moving, point_spacing / METRES_PER_MM)
    distance = exact_signed_distance(other, points_mm)
    near = distance < reach / METRES_PER_MM
    points_mm, areas_mm2 = points_mm[near], areas_mm2[near]
    margin_mm = 0.5 * reach / METRES_PER_MM
    if len(points_mm):
        grid_mm = local_distance_grid(
            other,
            np.maximum(points_mm.min(axis=0) - margin_mm, other.vertices.min(axis=0) - 5.0),
            np.minimum(points_mm.max(axis=0) + margin_mm, other.vertices.max(axis=0) + 5.0),
            grid_spacing / METRES_PER_MM,
        )
    else:
        grid_mm = SignedDistanceGrid(np.zeros(3), 1.0, np.full((2, 2, 2), 1e3))
    points, areas = points_mm * METRES_PER_MM, areas_mm2 * METRES_PER_MM**2
    grid = SignedDistanceGrid(
        grid_mm.origin * METRES_PER_MM, grid_mm.spacing * METRES_PER_MM, grid_mm.values * METRES_PER_MM
    )
    for array in (points, areas, grid.origin, grid.values):
        array.setflags(write=False)
    return points, areas, grid


def surface_points(mesh: TriangleMesh, spacing: float) -> tuple[FloatArray, FloatArray]:
    """About one surface point (n, 3) per `spacing` and the area (n,) each stands for (same unit as mesh).

    Face centres are gathered in cubes; each cube's representative is the face centre nearest to the mean,
    so points lie on the surface, and the areas add up to the surface's.
    """
    centres, areas = mesh.face_centres, mesh.face_areas
    cell = np.floor((centres - centres.min(axis=0)) / spacing).astype(np.int64)
    _, group = np.unique(cell, axis=0, return_inverse=True)
    group = group.ravel()
    total = np.bincount(group, areas)
    mean = np.stack([np.bincount(group, areas * centres[:, i]) / total for i in range(3)], axis=1)
    gap = np.linalg.norm(centres - mean[group], axis=1)
    order = np.lexsort((gap, group))
    first = order[np.unique(group[order], return_index=True)[1]]
    return centres[first], total.astype(float)


def local_distance_grid(
    mesh: TriangleMesh, lower: FloatArray, upper: FloatArray, spacing: float, coarse: int = 4
) -> SignedDistanceGrid:
    """Signed distance in a box: exact near the surface, interpolated from a coarse grid far from it."""
    n = np.maximum(np.ceil((upper - lower) / (spacing * coarse)).astype(int), 1)
    step = spacing * coarse
    rough = SignedDistanceGrid(
        lower, step, exact_signed_distance(mesh, _lattice(lower, step, n + 1)).reshape(n + 1)
    )
    points = _lattice(lower, spacing, n * coarse + 1)
    values = np.concatenate(
        [rough.distance(part) for part in np.array_split(points, max(1, len(points) // 200_000))]
    )
    band = np.abs(values) < step
    values[band] = exact_signed_distance(mesh, points[band])
    return SignedDistanceGrid(lower, spacing, values.reshape(n * coarse + 1))


def _lattice(lower: FloatArray, spacing: float, shape: NDArray[np.int64]) -> FloatArray:
    axes = [lower[i] + spacing * np.arange(shape[i]) for i in range(3)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)


def _cross_rows(w: FloatArray, rows: FloatArray) -> FloatArray:
    """cross(w, row) of every row."""
    m = np.array([[0.0, w[2], -w[1]], [-w[2], 0.0, w[0]], [w[1], -w[0], 0.0]])
    product: FloatArray = rows @ m
    return product
