"""Whether any way at all leads the base from one pose to another: a flood over x, y and heading."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rafr.geometry.rigid_transform import FloatArray
from rafr.robot.mobile import Drive
from rafr.room import Obstacle

_CELL = 0.05  # m
_HEADINGS = 36
_AROUND = 1.0  # m beyond everything
# what a way between the grid's points may be nearer than they are, m: so "no way" is no matter of the grid
_SLACK = 0.02
_PRECISE = 0.01  # m, of what is missing
_FAR = 100.0  # m


def passable(start: FloatArray, goal: FloatArray, obstacles: Sequence[Obstacle], drive: Drive) -> bool:
    """Whether poses (3,) are joined by places where the base's footprint touches nothing.

    A base that turns on the spot can follow every such way, in short moves if need be. False means that there
    is none, to within 2 cm of clearance; True does not promise the clearance that docking keeps.
    """
    axes = _axes(start, goal, obstacles)
    room = _room(axes, obstacles, drive)
    return _joined(room > -_SLACK, _cell(start, axes), _cell(goal, axes))


def what_is_missing(
    start: FloatArray, goal: FloatArray, obstacles: Sequence[Obstacle], drive: Drive
) -> tuple[float, tuple[str, ...]]:
    """The least change that opens a way.

    Returns:
        m by which the base is too wide on each side where the best way is narrowest, and the names of the
        obstacles without any one of which there would be a way.
    """
    axes = _axes(start, goal, obstacles)
    room, ends = _room(axes, obstacles, drive), (_cell(start, axes), _cell(goal, axes))
    least, most = float(room.min()), 0.0
    while most - least > _PRECISE:
        middle = 0.5 * (least + most)
        least, most = (middle, most) if _joined(room > middle, *ends) else (least, middle)
    alone = tuple(
        obstacle.name
        for obstacle in obstacles
        if passable(start, goal, [o for o in obstacles if o is not obstacle], drive)
    )
    return -most, alone


def _joined(free: NDArray[np.bool_], start: tuple[int, int, int], goal: tuple[int, int, int]) -> bool:
    """Whether two cells are in one part of what is free (nx, ny, headings); both count as free."""
    from scipy.ndimage import label

    free = free.copy()
    free[start] = free[goal] = True
    # headings go round: three turns, the start in the middle one
    parts, _ = label(np.concatenate([free] * 3, axis=2))
    i, j, k = start
    first = parts[i, j, k + _HEADINGS]
    i, j, k = goal
    return bool((parts[i, j, k::_HEADINGS] == first).any())


def _room(
    axes: tuple[FloatArray, FloatArray, FloatArray], obstacles: Sequence[Obstacle], drive: Drive
) -> FloatArray:
    """(nx, ny, headings) m between the base's footprint and what is nearest; negative where they overlap."""
    from scipy.ndimage import map_coordinates

    xs, ys, turns = axes
    points = np.stack(np.meshgrid(xs, ys, indexing="ij"), axis=-1)
    gap = np.full(points.shape[:2], _FAR)
    for obstacle in obstacles:
        gap = np.minimum(gap, obstacle.distance(points))
    offsets, radius = drive.footprint()
    room = np.full((len(xs), len(ys), _HEADINGS), _FAR)
    for k, theta in enumerate(turns):
        for offset in offsets:
            centres = points + offset * np.array([np.cos(theta), np.sin(theta)])
            index = np.moveaxis((centres - [xs[0], ys[0]]) / _CELL, -1, 0)
            at = map_coordinates(gap, index, order=1, mode="nearest")
            room[..., k] = np.minimum(room[..., k], at - radius)
    return room


def _axes(
    start: FloatArray, goal: FloatArray, obstacles: Sequence[Obstacle]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Grid lines in x and y, with room to drive round everything, and headings."""
    places = np.array([start[:2], goal[:2], *((o.x, o.y) for o in obstacles)])
    reach = np.array([0.0, 0.0, *(o.reach for o in obstacles)])[:, None] + _AROUND
    lower, upper = (places - reach).min(axis=0), (places + reach).max(axis=0)
    xs, ys = (np.arange(a, b, _CELL) for a, b in zip(lower, upper, strict=True))
    return xs, ys, np.arange(_HEADINGS) * 2 * np.pi / _HEADINGS


def _cell(pose: FloatArray, axes: tuple[FloatArray, FloatArray, FloatArray]) -> tuple[int, int, int]:
    xs, ys, turns = axes
    apart = np.abs(np.angle(np.exp(1j * (turns - pose[2]))))
    return int(np.abs(xs - pose[0]).argmin()), int(np.abs(ys - pose[1]).argmin()), int(apart.argmin())
