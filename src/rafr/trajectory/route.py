"""Starting guesses for docking: routes round the obstacles on a grid, turned into states of the drive."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rafr.geometry.rigid_transform import FloatArray
from rafr.robot.mobile import Drive
from rafr.room import Obstacle

_STEP = 0.1
_MARGIN = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Guess:
    """A starting point for the solver.

    Attributes:
        name: what kind of route it is.
        states: (knots + 1, 3 + m) x, y, theta and the velocity, in the order of the model's inputs.
        goal: (3,) the goal with its heading unwound to the turn the route arrives with.
        duration: s.
    """

    name: str
    states: FloatArray
    goal: FloatArray
    duration: float


def guesses(
    start: FloatArray, goal: FloatArray, obstacles: Sequence[Obstacle], drive: Drive, knots: int
) -> list[Guess]:
    """Routes to try, the quicker first: driven forwards and backwards, and by a drive that moves every way
    also with the heading turned evenly along the way.

    Empty when the grid shows no route.
    """
    route = shortest_route(start[:2], goal[:2], obstacles, drive)
    if route is None:
        return []
    points = _smoothed(route, knots + 1)
    length = float(np.linalg.norm(np.diff(points, axis=0), axis=1).sum())
    found = [
        _guess(name, _turning_at_the_ends(points, start, goal, turn), length, drive)
        for name, turn in (("forwards", 0.0), ("backwards", np.pi))
    ]
    if "lateral" in drive.model.inputs:
        found.append(_guess("sideways", _turning_evenly(points, start, goal), length, drive))
    return sorted(found, key=lambda guess: guess.duration)


def shortest_route(
    start: FloatArray, goal: FloatArray, obstacles: Sequence[Obstacle], drive: Drive
) -> FloatArray | None:
    """Way points (n, 2) from start to goal by A* on a grid; None when walled off.

    A disc as wide as the base must fit everywhere; cells where the whole base could not turn cost more,
    so that narrow places are used only where needed.
    """
    xs, ys = (_axis(start[i], goal[i], obstacles, i) for i in (0, 1))
    points = np.stack(np.meshgrid(xs, ys, indexing="ij"), axis=-1)
    distance = np.full(points.shape[:2], np.inf)
    for obstacle in obstacles:
        distance = np.minimum(distance, obstacle.distance(points))
    narrow = drive.body.width / 2
    turning = np.hypot(drive.body.length, drive.body.width) / 2 + 0.1
    cost = 1.0 + 4.0 * np.clip((turning - distance) / (turning - narrow), 0.0, 1.0)
    cells = _search(_cell(start, xs, ys), _cell(goal, xs, ys), distance > narrow, cost)
    if cells is None:
        return None
    route = np.array([points[c] for c in cells])
    return np.vstack([start, route[1:-1], goal]) if len(route) > 2 else np.vstack([start, goal])


def _axis(a: float, b: float, obstacles: Sequence[Obstacle], i: int) -> FloatArray:
    """Grid lines along one axis, with room to drive round every obstacle."""
    reaches = [((o.x, o.y)[i], o.reach) for o in obstacles]
    lower = min(a, b, *(centre - reach for centre, reach in reaches))
    upper = max(a, b, *(centre + reach for centre, reach in reaches))
    return np.arange(lower - _MARGIN, upper + _MARGIN, _STEP)


def _cell(point: FloatArray, xs: FloatArray, ys: FloatArray) -> tuple[int, int]:
    return int(np.abs(xs - point[0]).argmin()), int(np.abs(ys - point[1]).argmin())


def _search(
    start: tuple[int, int], goal: tuple[int, int], free: np.ndarray, cost: FloatArray
) -> list[tuple[int, int]] | None:
    """A* over eight neighbours."""
    queue: list[tuple[float, tuple[int, int]]] = [(0.0, start)]
    best, parent = {start: 0.0}, {start: start}
    while queue:
        _, cell = heapq.heappop(queue)
        if cell == goal:
            return _back(parent, goal)
        for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1)):
            near = (cell[0] + dx, cell[1] + dy)
            if not (0 <= near[0] < free.shape[0] and 0 <= near[1] < free.shape[1]):
                continue
            if not free[near] and near != goal:
                continue
            value = best[cell] + float(np.hypot(dx, dy)) * float(cost[near])
            if value < best.get(near, np.inf):
                best[near], parent[near] = value, cell
                heapq.heappush(queue, (value + float(np.hypot(near[0] - goal[0], near[1] - goal[1])), near))
    return None


def _back(parent: dict[tuple[int, int], tuple[int, int]], cell: tuple[int, int]) -> list[tuple[int, int]]:
    cells = [cell]
    while parent[cell] != cell:
        cell = parent[cell]
        cells.append(cell)
    return cells[::-1]


def _turning_at_the_ends(points: FloatArray, start: FloatArray, goal: FloatArray, turn: float) -> FloatArray:
    """Poses (knots + 1, 3): turn on the spot, follow the points (knots + 1, 2), turn on the spot."""
    knots = len(points) - 1
    tangent = np.gradient(points, axis=0)
    along = np.arctan2(tangent[:, 1], tangent[:, 0]) + turn
    turns = max(2, knots // 10)
    headings = np.unwrap(np.concatenate([[start[2]], along, [goal[2]]]))
    index = np.linspace(0, knots, knots + 1 - 2 * turns)
    positions = np.vstack(
        [
            np.repeat(start[None, :2], turns, axis=0),
            _at(points, index),
            np.repeat(goal[None, :2], turns, axis=0),
        ]
    )
    theta = np.concatenate(
        [
            np.linspace(headings[0], headings[1], turns, endpoint=False),
            np.interp(index, np.arange(knots + 1), headings[1:-1]),
            np.linspace(headings[-2], headings[-1], turns + 1)[1:],
        ]
    )
    return np.column_stack([positions, theta])


def _turning_evenly(points: FloatArray, start: FloatArray, goal: FloatArray) -> FloatArray:
    """Poses (knots + 1, 3) on the points; the heading goes the shorter way round."""
    first, last = np.unwrap([start[2], goal[2]])
    return np.column_stack([points, np.linspace(first, last, len(points))])


def _guess(name: str, poses: FloatArray, length: float, drive: Drive) -> Guess:
    """In a time the drive could take for the way's length (m), with the velocity that its model allows."""
    model, knots = drive.model, len(poses) - 1
    turned = float(np.abs(np.diff(poses[:, 2])).sum())
    duration = 1.5 * (length / drive.speeds["v"] + turned / drive.speeds["omega"]) + 1.0
    rates = np.gradient(poses, duration / knots, axis=0)
    # the columns of G are orthonormal: G^T is its pseudo-inverse
    velocity = np.stack([model.G(pose).T @ rate for pose, rate in zip(poses, rates, strict=True)])
    velocity[[0, -1]] = 0.0
    return Guess(name, np.hstack([poses, velocity]), poses[-1], duration)


def _smoothed(route: FloatArray, count: int) -> FloatArray:
    """The route evenly resampled, with its grid corners averaged away."""
    at = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(route, axis=0), axis=1))])
    points = np.stack([np.interp(np.linspace(0.0, at[-1], count), at, c) for c in route.T], axis=1)
    for _ in range(10):
        points[1:-1] = 0.25 * points[:-2] + 0.5 * points[1:-1] + 0.25 * points[2:]
    return points


def _at(points: FloatArray, index: FloatArray) -> FloatArray:
    return np.stack([np.interp(index, np.arange(len(points)), c) for c in points.T], axis=1)
