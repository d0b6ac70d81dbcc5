"""Collision-free joint paths made of straight lines (RRT-Connect, Kuffner and LaValle 2000)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rafr.geometry.rigid_transform import FloatArray
from rafr.robot.collision import ArmCollision
from rafr.robot.urdf import JointLimits


@dataclass(frozen=True, slots=True)
class RoadmapConfig:
    """Tunables of the search.

    Attributes:
        step: largest joint distance of one extension, rad.
        iterations: random configurations tried at most.
        reach: how far beyond start and goal each joint may swing, rad.
        shortcuts: attempts at straightening the path that was found.
    """

    step: float = 0.4
    iterations: int = 1500
    reach: float = 1.5
    shortcuts: int = 80


def find_way(
    start: FloatArray,
    goal: FloatArray,
    collision: ArmCollision,
    limits: JointLimits,
    rng: np.random.Generator,
    config: RoadmapConfig | None = None,
) -> FloatArray | None:
    """Joint angles (n, dof) to pass in straight lines from start to goal; None when none was found."""
    config = config or RoadmapConfig()
    if collision.free_line(start, goal):
        return np.stack([start, goal])
    if not (collision.free(start) and collision.free(goal)):
        return None
    way = _connect(start, goal, collision, limits, rng, config)
    return None if way is None else _shortened(way, collision, rng, config)


@dataclass(slots=True)
class _Tree:
    """Configurations and the index of each one's parent."""

    nodes: list[FloatArray]
    parents: list[int]

    def nearest(self, q: FloatArray) -> int:
        return int(np.linalg.norm(np.array(self.nodes) - q, axis=1).argmin())

    def branch(self, index: int) -> list[FloatArray]:
        """From `index` back to the root."""
        nodes = [self.nodes[index]]
        while self.parents[index] >= 0:
            index = self.parents[index]
            nodes.append(self.nodes[index])
        return nodes

    def extend(self, q: FloatArray, collision: ArmCollision, step: float, *, all_the_way: bool) -> int | None:
        """Grow towards q; the new node's index, None when blocked at once (or before q is reached)."""
        index = self.nearest(q)
        while True:
            gap = q - self.nodes[index]
            length = float(np.linalg.norm(gap))
            if length < 1e-9:
                return index
            new = self.nodes[index] + gap * min(1.0, step / length)
            if not collision.free_line(self.nodes[index], new):
                return None
            self.nodes.append(new)
            self.parents.append(index)
            index = len(self.nodes) - 1
            if not all_the_way:
                return index


def _connect(
    start: FloatArray,
    goal: FloatArray,
    collision: ArmCollision,
    limits: JointLimits,
    rng: np.random.Generator,
    config: RoadmapConfig,
) -> FloatArray | None:
    lower = np.maximum(np.minimum(start, goal) - config.reach, limits.lower)
    upper = np.minimum(np.maximum(start, goal) + config.reach, limits.upper)
    near, far = _Tree([start], [-1]), _Tree([goal], [-1])
    for _ in range(config.iterations):
        grown = near.extend(rng.uniform(lower, upper), collision, config.step, all_the_way=False)
        if grown is not None:
            met = far.extend(near.nodes[grown], collision, config.step, all_the_way=True)
            if met is not None:
                way = near.branch(grown)[::-1] + far.branch(met)[1:]
                return np.array(way if np.array_equal(way[0], start) else way[::-1])
        near, far = far, near
    return None


def _shortened(
    way: FloatArray, collision: ArmCollision, rng: np.random.Generator, config: RoadmapConfig
) -> FloatArray:
    """Replace pieces by straight lines where these are free."""
    points = list(way)
    for _ in range(config.shortcuts):
        if len(points) < 3:
            break
        i, j = sorted(rng.choice(len(points), size=2, replace=False))
        if j - i > 1 and collision.free_line(points[i], points[j]):
            points[i + 1 : j] = []
    return np.array(points)
