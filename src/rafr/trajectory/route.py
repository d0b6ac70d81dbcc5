"""Starting guesses for docking: routes round the obstacles on a grid, turned into unicycle states."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rafr.geometry.rigid_transform import FloatArray
from rafr.robot.mobile import DifferentialDrive
from rafr.room import Obstacle

_STEP = 0.1
_MARGIN = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Guess:
    """A starting point for the solver.

    Attributes:
        name: what kind of route it is.
        states: (knots + 1, 5) x, y, theta, v, omega.
        goal: (3,) the goal with its heading unwound to the turn the route arrives with.
        duration: s.
    """

    name: str
    states: FloatArray
    goal: FloatArray
    duration: float


def guesses(
    start: FloatArray, goal: FloatArray, obstacles: Sequence[Obstacle], drive: DifferentialDrive, knots: int
) -> list[Guess]:
    """Routes to try, driven forwards and backwards, the quicker first.

    Empty when the grid shows no route.
    """
    route = shortest_route(start[:2], goal[:2], obstacles, drive)
    if route is None:
        return []
    both = [
        _guess(name, route, start, goal, drive, knots, turn)
        for name, turn in (("forwards", 0.0), ("backwards", np.pi))
    ]
    return sorted(both, key=lambda guess: guess.duration)


def shortest_route(
    start: FloatArray, goal: FloatArray, obstacles: Sequence[Obstacle], drive: DifferentialDrive
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


def _guess(
    name: str,
    route: FloatArray,
    start: FloatArray,
    goal: FloatArray,
    drive: DifferentialDrive,
    knots: int,
    turn: float,
) -> Guess:
    """Turn on the spot, follow the smoothed route, turn on the spot."""
    points = _smoothed(route, knots + 1)
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
    length = float(np.linalg.norm(np.diff(points, axis=0), axis=1).sum())
    turned = float(np.abs(np.diff(theta)).sum())
    speed = drive.wheel.radius * drive.limits.wheel_rate
    duration = 1.5 * (length / speed + turned * drive.wheel.track / 2 / speed) + 1.0
    velocity = np.gradient(positions, duration / knots, axis=0)
    v = velocity[:, 0] * np.cos(theta) + velocity[:, 1] * np.sin(theta)
    states = np.column_stack([positions, theta, v, np.gradient(theta, duration / knots)])
    states[[0, -1], 3:] = 0.0
    return Guess(name, states, np.array([goal[0], goal[1], headings[-1]]), duration)


def _smoothed(route: FloatArray, count: int) -> FloatArray:
    """The route evenly resampled, with its grid corners averaged away."""
    at = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(route, axis=0), axis=1))])
    points = np.stack([np.interp(np.linspace(0.0, at[-1], count), at, c) for c in route.T], axis=1)
    for _ in range(10):
        points[1:-1] = 0.25 * points[:-2] + 0.5 * points[1:-1] + 0.25 * points[2:]
    return points


def _at(points: FloatArray, index: FloatArray) -> FloatArray:
    return np.stack([np.interp(index, np.arange(len(points)), c) for c in points.T], axis=1)
