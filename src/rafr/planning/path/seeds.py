"""Paths the search begins with: the straight one, and ones lifted off the bone the body touches."""

from __future__ import annotations

import numpy as np

from rafr.geometry.rigid_transform import FloatArray
from rafr.planning.path.chart import resampled
from rafr.planning.path.surroundings import Surroundings

_POSES = 12


def ladder(around: Surroundings, ends: FloatArray, lifts_mm: tuple[float, ...]) -> list[FloatArray]:
    """Poses (n, 6) of the straight path (lift 0) and of paths that leave, cross over and set down."""
    off = np.stack([way_off(around, x) for x in ends])
    return [resampled(np.stack([ends[0], *(ends + h * off), ends[1]]), _POSES) for h in lifts_mm]


def way_off(around: Surroundings, x: FloatArray) -> FloatArray:
    """(6,) unit shift along which the body at x (6,) leaves the bone it touches: mean normal of near bone."""
    [T] = around.chart.transforms(x[None])
    distance, normal = around.gradients(T.apply(around.points))
    mean = (normal / (1.0 + np.maximum(distance, 0.0)[:, None]) ** 2).sum(axis=0)
    length = float(np.linalg.norm(mean))
    return np.concatenate([mean / length if length > 1e-9 else np.zeros(3), np.zeros(3)])
