"""The way of a body from where it lies to its target: a screw motion, lifted off where bone is in the way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from rafr.assessment import ACCEPTED, Assessment
from rafr.geometry import RigidTransform, TriangleMesh, screw_interpolate
from rafr.geometry.rigid_transform import FloatArray
from rafr.planning.plan import PathPose
from rafr.planning.surface import Surface, even_subset

Wrench = Callable[[RigidTransform], FloatArray]


@dataclass(frozen=True, slots=True)
class PathConfig:
    """How a path is made.

    Attributes:
        step_mm: largest motion of a surface point between two poses.
        poses: fewest and most poses of a path.
        lifts_mm: how far the body is lifted off bone before it crosses over, tried in this order.
        slack_mm: overlap a path may have beyond that of its own start or target.
        points: surface points watched.
        watch_mm: points that never come this near to other bone are not watched.
    """

    step_mm: float = 1.0
    poses: tuple[int, int] = (20, 60)
    lifts_mm: tuple[float, ...] = (0.0, 2.0, 4.0, 7.0, 11.0, 16.0, 22.0)
    slack_mm: float = 0.3
    points: int = 4000
    watch_mm: float = 25.0


@dataclass(frozen=True, slots=True)
class PlannedPath:
    """Poses from start to target, both exact, and whether they keep clear of bone."""

    poses: tuple[PathPose, ...]
    lift_mm: float
    assessment: Assessment


@dataclass(frozen=True, slots=True, eq=False)
class Surroundings:
    """Watched points (n, 3) of a body and the bone surfaces it must not enter."""

    points: FloatArray
    obstacles: tuple[Surface, ...]

    def clearance(self, T: RigidTransform) -> float:
        """Smallest signed distance (mm) of the watched points to any obstacle; negative is overlap."""
        return float(min(o.signed_distance(T.apply(self.points)).min() for o in self.obstacles))

    def way_off(self, T: RigidTransform) -> FloatArray:
        """Unit vector (3,) along which the body leaves the bone it touches: mean normal of near bone."""
        moved = T.apply(self.points)
        total = np.zeros(3)
        for obstacle in self.obstacles:
            match = obstacle.closest(moved)
            total = total + (match.normals / (1.0 + match.distance[:, None]) ** 2).sum(axis=0)
        length = float(np.linalg.norm(total))
        return total / length if length > 1e-9 else np.zeros(3)


def plan_path(
    name: str,
    mesh: TriangleMesh,
    obstacles: Sequence[TriangleMesh],
    start: RigidTransform,
    target: RigidTransform,
    wrench: Wrench,
    config: PathConfig | None = None,
) -> PlannedPath:
    """The shortest of a ladder of paths that keeps clear of other bone.

    Args:
        name: of the body, for the assessment.
        mesh: the body as the CT shows it, LPS mm.
        obstacles: bones that stand still, LPS mm.
        start, target: poses of the body in mm; the path begins and ends exactly there.
        wrench: tissue wrench (6,), N and N·m, on the body at a pose in mm.
    """
    config = config or PathConfig()
    around = _surroundings(mesh, obstacles, start, target, config)
    allowed = -min(0.0, around.clearance(start), around.clearance(target)) + config.slack_mm
    tried = []
    for lift in config.lifts_mm:
        poses = _resampled(_waypoints(around, start, target, lift), mesh, config)
        clearance = [around.clearance(T) for T in poses]
        tried.append((min(clearance), lift, poses, clearance))
        if min(clearance) >= -allowed:
            break
    _, lift, poses, clearance = tried[-1] if tried[-1][0] >= -allowed else max(tried, key=lambda t: t[0])
    return PlannedPath(
        tuple(_path_pose(T, c, wrench) for T, c in zip(poses, clearance, strict=True)),
        lift,
        _judge(name, min(clearance), allowed),
    )


def _judge(name: str, worst: float, allowed: float) -> Assessment:
    if worst >= -allowed:
        return ACCEPTED
    return Assessment(
        False, (f"{name}: every path found runs {-worst:.1f} mm into other bone (allowed {allowed:.1f} mm)",)
    )


def _path_pose(T: RigidTransform, clearance: float, wrench: Wrench) -> PathPose:
    w = wrench(T)
    return PathPose(T, clearance, float(np.linalg.norm(w[:3])), float(np.linalg.norm(w[3:])))


def _surroundings(
    mesh: TriangleMesh,
    obstacles: Sequence[TriangleMesh],
    start: RigidTransform,
    target: RigidTransform,
    config: PathConfig,
) -> Surroundings:
    surfaces = tuple(Surface.of(o) for o in obstacles)
    nearest = np.full(len(mesh.vertices), np.inf)
    for T in screw_interpolate(start, target, [0.0, 0.5, 1.0]):
        for surface in surfaces:
            nearest = np.minimum(nearest, surface.distance(T.apply(mesh.vertices)))
    watched = np.flatnonzero(nearest < max(config.watch_mm, float(nearest.min()) + 1.0))
    # the nearest points decide the clearance; thinning must not lose them
    watched = watched[np.argsort(nearest[watched], kind="stable")]
    close = watched[: config.points // 2]
    others = watched[config.points // 2 :]
    chosen = np.concatenate([close, others[even_subset(len(others), config.points // 2)]])
    return Surroundings(mesh.vertices[chosen], surfaces)


def _waypoints(
    around: Surroundings, start: RigidTransform, target: RigidTransform, lift_mm: float
) -> list[RigidTransform]:
    """Start and target; with a lift also both moved off the bone they touch."""
    if lift_mm == 0.0:
        return [start, target]
    off_start = RigidTransform.from_translation(lift_mm * around.way_off(start))
    off_target = RigidTransform.from_translation(lift_mm * around.way_off(target))
    return [start, off_start @ start, off_target @ target, target]


def _resampled(
    waypoints: list[RigidTransform], mesh: TriangleMesh, config: PathConfig
) -> list[RigidTransform]:
    """Poses at equal steps of the fastest corner of the body's box, the ends exact."""
    fine = _smooth_curve(waypoints)
    lower, upper = mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)
    corners = np.array([[x, y, z] for x in (lower[0], upper[0]) for y in (lower[1], upper[1])
                        for z in (lower[2], upper[2])])  # fmt: skip
    moved = np.array([T.apply(corners) for T in fine])
    steps = np.linalg.norm(np.diff(moved, axis=0), axis=-1).max(axis=1)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    n = int(np.clip(np.ceil(along[-1] / config.step_mm) + 1, *config.poses))
    poses = [_between(fine, along, s) for s in np.linspace(0.0, along[-1], n)[1:-1]]
    return [waypoints[0], *poses, waypoints[-1]]


def _between(fine: list[RigidTransform], along: FloatArray, s: float) -> RigidTransform:
    k = int(np.clip(np.searchsorted(along, s) - 1, 0, len(fine) - 2))
    span = along[k + 1] - along[k]
    return screw_interpolate(fine[k], fine[k + 1], (s - along[k]) / span if span > 0 else 0.0)[0]


def _smooth_curve(waypoints: list[RigidTransform], per_piece: int = 30) -> list[RigidTransform]:
    """A curve from the first to the last waypoint that rounds every corner between.

    Quadratic Bézier pieces by de Casteljau's construction with screw motions in place of straight
    lines: each piece runs from one edge's middle to the next, with the corner as control pose.
    """
    fractions = np.linspace(0.0, 1.0, per_piece)
    if len(waypoints) == 2:
        return screw_interpolate(waypoints[0], waypoints[1], fractions)
    inner = pairwise(waypoints[1:-1])
    middles = [screw_interpolate(a, b, 0.5)[0] for a, b in inner]
    ends = [waypoints[0], *middles, waypoints[-1]]
    curve = [waypoints[0]]
    for a, corner, b in zip(ends, waypoints[1:-1], ends[1:], strict=False):
        for f in fractions[1:]:
            first = screw_interpolate(a, corner, f)[0]
            second = screw_interpolate(corner, b, f)[0]
            curve.append(screw_interpolate(first, second, f)[0])
    return curve
