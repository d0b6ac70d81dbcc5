"""Global search: a lazy probabilistic roadmap over poses near the straight path, least peak force first.

Poses are drawn in batches in an ellipsoid about the straight path (informed sampling, Gammell et al. 2014)
and pushed off the bone they hit; edges are looked at only once a best path wants to use them (Bohlin and
Kavraki 2000; BIT*, Gammell et al. 2015). The best path has the least peak force, of those the least effort.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import breadth_first_order, dijkstra
from scipy.spatial import cKDTree

from rafr.geometry.rigid_transform import FloatArray
from rafr.planning.path.chart import stepped
from rafr.planning.path.config import PathConfig
from rafr.planning.path.load import LoadModel, edge_effort, effort
from rafr.planning.path.rule import ClearanceRule

_SAME = 1.02  # peaks within this factor count as equal
_MARGIN_N = 2.0  # likewise within this force
_SPREAD_MM = 4.0  # least half-width of the ellipsoid
_WIDTH = 0.35  # of its length
_MANY = 1 << 32  # more than there are poses
_LOOKS = 150  # edges looked at, at most, per batch


@dataclass(slots=True, eq=False)
class Roadmap:
    """Poses, and directed edges between them: peak force (N; inf: not clear) and effort (J) of each."""

    model: LoadModel
    rule: ClearanceRule
    config: PathConfig
    x: FloatArray
    wrench: FloatArray = field(init=False)
    tail: NDArray[np.int64] = field(init=False)
    head: NDArray[np.int64] = field(init=False)
    peak: FloatArray = field(init=False)
    effort: FloatArray = field(init=False)
    looked: NDArray[np.bool_] = field(init=False)

    # poses 0 and 1 are the ends
    def __post_init__(self) -> None:
        self.wrench = self.model(self.x).total
        self.tail = self.head = np.zeros(0, dtype=np.int64)
        self.peak = self.effort = np.zeros(0)
        self.looked = np.zeros(0, dtype=bool)

    @property
    def force(self) -> FloatArray:
        """(n,) N on the arm at the poses."""
        return np.asarray(np.linalg.norm(self.wrench[:, :3], axis=1))

    def add(self, x: FloatArray) -> None:
        """Take up those of the poses (n, 6) that may be passed."""
        loads = self.model(x)
        free = (-loads.clearance <= self.rule.allowed(x)) & (loads.torque <= self.config.torque_limit)
        self.x = np.concatenate([self.x, x[free]])
        self.wrench = np.concatenate([self.wrench, loads.total[free]])

    def join(self, tail: NDArray[np.int64], head: NDArray[np.int64]) -> None:
        """Edges not there yet; until they are looked at they cost what their ends say."""
        new = ~np.isin(tail * _MANY + head, self.tail * _MANY + self.head)
        a, b = tail[new], head[new]
        self.tail, self.head = np.concatenate([self.tail, a]), np.concatenate([self.head, b])
        self.peak = np.concatenate([self.peak, np.maximum(self.force[a], self.force[b])])
        chart = self.model.around.chart
        expected = edge_effort(self.x[a], self.x[b], self.wrench[a], self.wrench[b], chart)
        self.effort = np.concatenate([self.effort, expected])
        self.looked = np.concatenate([self.looked, np.zeros(len(a), dtype=bool)])

    def join_neighbours(self) -> None:
        count = min(self.config.neighbours + 1, len(self.x))
        near = cKDTree(self.x).query(self.x, k=count)[1].reshape(len(self.x), count)
        tail = np.repeat(np.arange(len(self.x)), count)
        head = near.ravel()
        others = np.arange(2, len(self.x))
        zero, one = np.zeros_like(others), np.ones_like(others)
        # both ways, and every pose with the two ends
        tails = np.concatenate([tail, head, zero, others, [0]])
        heads = np.concatenate([head, tail, others, one, [1]])
        pairs = np.unique(np.stack([tails, heads]), axis=1)
        pairs = pairs[:, (pairs[0] != pairs[1]) & (pairs[1] != 0) & (pairs[0] != 1)]
        self.join(pairs[0], pairs[1])

    def best(self) -> list[int] | None:
        """Nodes of the best path whose every edge was looked at; None where no clear one is found."""
        left = _LOOKS
        while left > 0:
            path = self._cheapest()
            if path is None:
                return None
            unseen = [e for e in map(self._edge, path, path[1:]) if not self.looked[e]]
            if not unseen:
                return path
            for edge in unseen:
                self._look(edge)
                left -= 1
                if not np.isfinite(self.peak[edge]):
                    break
        return None

    def peak_of(self, path: list[int]) -> float:
        """N, along nodes that are joined."""
        return max(float(self.peak[self._edge(a, b)]) for a, b in pairwise(path))

    def _look(self, edge: int) -> None:
        x = stepped(self.x[[self.tail[edge], self.head[edge]]], self.config.step_mm)
        loads = self.model(x)
        self.looked[edge] = True
        if not self.rule.keeps(x, loads.clearance):
            self.peak[edge] = self.effort[edge] = np.inf
            return
        self.peak[edge] = loads.force.max()
        self.effort[edge] = effort(x, loads, self.model.around.chart)

    def _edge(self, a: int, b: int) -> int:
        return int(np.flatnonzero((self.tail == a) & (self.head == b))[0])

    def _cheapest(self) -> list[int] | None:
        """Of the paths with the least peak the one of least effort."""
        peaks = np.unique(self.peak[np.isfinite(self.peak)])
        if not len(peaks) or not self._reaches(peaks[-1]):
            return None
        low, high = 0, len(peaks) - 1
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if self._reaches(peaks[middle]) else (middle + 1, high)
        used = self.peak <= max(_SAME * peaks[low], peaks[low] + _MARGIN_N)
        _, before = dijkstra(self._matrix(used), indices=0, return_predecessors=True)
        path = [1]
        while path[-1] != 0:
            path.append(int(before[path[-1]]))
        return path[::-1]

    def _reaches(self, peak: float) -> bool:
        order = breadth_first_order(self._matrix(self.peak <= peak), 0, return_predecessors=False)
        return 1 in order

    def _matrix(self, used: NDArray[np.bool_]) -> csr_matrix:
        n = len(self.x)
        return csr_matrix((self.effort[used], (self.tail[used], self.head[used])), shape=(n, n))


def search(
    model: LoadModel, rule: ClearanceRule, ends: FloatArray, seeds: list[FloatArray], config: PathConfig
) -> FloatArray | None:
    """Corners (k, 6) of the best path between two poses (2, 6), or None where none found keeps the rule.

    Args:
        seeds: poses (m, 6) of paths to begin with, ends included.
    """
    rng = np.random.default_rng(config.seed)
    roadmap = Roadmap(model, rule, config, ends)
    for seed in seeds:
        first = len(roadmap.x)
        roadmap.add(model.around.pushed_off(seed[1:-1]))
        chain = np.array([0, *range(first, len(roadmap.x)), 1])
        roadmap.join(chain[:-1], chain[1:])
    roadmap.join_neighbours()
    best = roadmap.best()
    floor = roadmap.force[:2].max()
    for _ in range(config.batches):
        if best is not None and roadmap.peak_of(best) <= max(_SAME * floor, floor + _MARGIN_N):
            break  # no path can be below what its ends bear
        roadmap.add(model.around.pushed_off(_drawn(ends, rng, config.batch)))
        roadmap.join_neighbours()
        best = roadmap.best()
    return None if best is None else roadmap.x[best]


def _drawn(ends: FloatArray, rng: np.random.Generator, count: int) -> FloatArray:
    """Poses (n, 6) evenly in an ellipsoid with both ends in it."""
    way = ends[1] - ends[0]
    length = float(np.linalg.norm(way))
    ball = rng.standard_normal((count, 6))
    ball *= (rng.random(count) ** (1.0 / 6.0) / np.linalg.norm(ball, axis=1))[:, None]
    axis = way / max(length, 1e-9)
    along = (ball @ axis)[:, None] * axis
    wide = max(_SPREAD_MM, _WIDTH * length)
    drawn: FloatArray = ends.mean(axis=0) + wide * (ball - along) + (0.5 * length + _SPREAD_MM) * along
    return drawn
