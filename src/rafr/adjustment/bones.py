"""How near the watched points of a body come to bone, and to balls that were not there before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rafr.adjustment.poses import Poses
from rafr.geometry.rigid_transform import FloatArray
from rafr.planning.path.surroundings import Surroundings


@dataclass(frozen=True, slots=True, eq=False)
class Ball:
    """Something in the way: a sphere with centre (3,) and radius, mm, in the reference body's CT frame."""

    name: str
    centre: FloatArray
    radius: float


@dataclass(frozen=True, slots=True, eq=False)
class Nearness:
    """At n poses and their m watched points, mm.

    Attributes:
        bone: (n, m) signed distances to bone.   ball: (n, m) to the nearest ball; inf without.
        away: (n, m, 6) slope of the smaller one by a shift of the centre and a turn times the radius.
    """

    bone: FloatArray
    ball: FloatArray
    away: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Bones:
    """Watched points, (m, 3) mm in the body's CT, and what they must not run into."""

    around: Surroundings
    balls: tuple[Ball, ...]

    def distances(self, poses: Poses) -> tuple[FloatArray, FloatArray]:
        """(n, m) mm each: to bone and to balls."""
        moved = poses.apply(self.around.points)
        bone = self.around.grid_distances(moved.reshape(-1, 3)).reshape(moved.shape[:2])
        return bone, self._to_balls(moved)[0]

    def nearness(self, poses: Poses) -> Nearness:
        """With directions."""
        moved = poses.apply(self.around.points)
        bone, away = self.around.gradients(moved.reshape(-1, 3))
        bone, away = bone.reshape(moved.shape[:2]), away.reshape(moved.shape)
        ball, off = self._to_balls(moved)
        away = np.where((ball < bone)[:, :, None], off, away)
        chart = self.around.chart
        arm = moved - poses.apply(chart.centroid[None])
        return Nearness(bone, ball, np.concatenate([away, np.cross(arm, away) / chart.radius], axis=2))

    def _to_balls(self, moved: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Distances (n, m), and directions (n, m, 3) away from the nearest one."""
        if not self.balls:
            return np.full(moved.shape[:2], np.inf), np.zeros(moved.shape)
        off = np.array([moved - ball.centre for ball in self.balls])
        length = np.maximum(np.linalg.norm(off, axis=3), 1e-9)
        distance = length - np.array([ball.radius for ball in self.balls])[:, None, None]
        nearest = distance.argmin(axis=0)[None]
        direction = np.take_along_axis(off / length[..., None], nearest[..., None], axis=0)[0]
        return np.take_along_axis(distance, nearest, axis=0)[0], direction
