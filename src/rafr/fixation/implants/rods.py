"""How a rod lies beside bone: it may sit on bone at the screws it joins, nowhere may it go through."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rafr.fixation.implants.implant import Rod
from rafr.fixation.implants.walls import Walls
from rafr.geometry.rigid_transform import FloatArray

_CLEAR_MM = 1.0  # of a rod's surface from bone
_HEAD_MM = 12.0  # along a rod from a screw it holds, which may sit on the bone
_STEP_MM = 2.0
_THROUGH_MM = 1.0  # of an axis that may lie in bone: what surfaces are off


@dataclass(frozen=True, slots=True, eq=False)
class BesideBone:
    """A rod against bone.

    Attributes:
        through_mm: length of its axis within bone.
        deepest_mm: how deep, negative outside; `deepest` (3,) where.
        clear: its surface keeps clear of bone but near the screws it holds.
    """

    through_mm: float
    deepest_mm: float
    deepest: FloatArray
    clear: bool

    @property
    def through(self) -> bool:
        """It would have to go through bone."""
        return self.through_mm > _THROUGH_MM


def beside_bone(rod: Rod, walls: Walls) -> BesideBone:
    """Looked at every 2 mm, or finer."""
    points, along = _axis(rod)
    depth = walls.depth(points)
    held = rod.points[[bool(name) for name in rod.screws]]
    from_head = np.linalg.norm(points[:, None] - held, axis=2).min(axis=1, initial=np.inf)
    need = np.where(from_head > _HEAD_MM, 0.5 * rod.diameter_mm + _CLEAR_MM, 0.0)
    inside = 0.5 * ((depth[:-1] > 0.0).astype(float) + (depth[1:] > 0.0))
    worst = int(np.argmax(depth))
    return BesideBone(
        through_mm=float((inside * np.diff(along)).sum()),
        deepest_mm=float(depth[worst]),
        deepest=points[worst],
        clear=bool((-depth > need).all()),
    )


def _axis(rod: Rod) -> tuple[FloatArray, FloatArray]:
    """Points (n, 3) along the axis, bends among them, and the way to each (n,), mm."""
    rows = [rod.points[:1]]
    for start, end in zip(rod.points[:-1], rod.points[1:], strict=True):
        steps = max(2, int(np.ceil(np.linalg.norm(end - start) / _STEP_MM)))
        rows.append(start + np.arange(1, steps + 1)[:, None] / steps * (end - start))
    points = np.concatenate(rows)
    return points, np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
