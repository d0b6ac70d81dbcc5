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


def passable(start: FloatArray, goal: FloatArray, obstacles: Sequence[Obstacle], drive: Drive) -> bool:
    """Whether poses (3,) are joined by places where the base's footprint touches nothing.

    A base that turns on the spot can follow every such way, in short moves if need be. False means that there
    is none, to within 2 cm of clearance; True does not promise the clearance that docking keeps.
    """
    from scipy.ndimage import label

    free = _free(start, goal, obstacles, drive)
    # headings go round: three turns, the start in the middle one
    parts, _ = label(np.concatenate([free] * 3, axis=2))
    axes = _axes(start, goal, obstacles)
    i, j, k = _cell(start, axes)
    first = parts[i, j, k + _HEADINGS]
    i, j, k = _cell(goal, axes)
    return bool((parts[i, j, k::_HEADINGS] == first).any())


def _free(
    start: FloatArray, goal: FloatArray, obstacles: Sequence[Obstacle], drive: Drive
) -> NDArray[np.bool_]:
    """(nx, ny, headings): the base fits; always so at start and goal."""
    from scipy.ndimage import map_coordinates

    xs, ys, turns = axes = _axes(start, goal, obstacles)
    points = np.stack(np.meshgrid(xs, ys, indexing="ij"), axis=-1)
    gap = (
        np.min([o.distance(points) for o in obstacles], axis=0)
        if obstacles
        else np.full(points.shape[:2], np.inf)
    )
    offsets, radius = drive.footprint()
    free = np.ones((len(xs), len(ys), _HEADINGS), dtype=bool)
    for k, theta in enumerate(turns):
        for offset in offsets:
            centres = points + offset * np.array([np.cos(theta), np.sin(theta)])
            index = np.moveaxis((centres - [xs[0], ys[0]]) / _CELL, -1, 0)
            free[..., k] &= map_coordinates(gap, index, order=1, mode="nearest") > radius - _SLACK
    for pose in (start, goal):
        free[_cell(pose, axes)] = True
    return free


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
