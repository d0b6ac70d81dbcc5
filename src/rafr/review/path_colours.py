"""Colours along a planned path: the predicted force, and the clearance to other bone.

Both go from a calm green to yellow where more care is due, a part of viridis (van der Walt and Smith 2015)
that is told apart with every common colour vision. Overlap has a colour of its own (Okabe & Ito 2008).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from rafr.geometry.rigid_transform import FloatArray
from rafr.limits import FORCE_LIMIT
from rafr.planning.plan import PathPose

FULL_FORCE = FORCE_LIMIT  # N: what stops a reduction; yellow from there on
AMPLE_MM = 5.0  # of clearance, green from there on
OVERLAP = (0.84, 0.37, 0.0)
UNKNOWN = (0.60, 0.60, 0.62)
LEGEND = (
    f"line beside the path: force, green 0 N to yellow {FULL_FORCE:.0f} N\n"
    f"beads: clearance, green {AMPLE_MM:.0f} mm to yellow 0 mm; large: overlap"
)
_RAMP = np.array(  # viridis from 0.375 to 1: what is darker is lost on a dark background
    [
        (0.173, 0.449, 0.558),
        (0.128, 0.567, 0.551),
        (0.158, 0.684, 0.502),
        (0.369, 0.789, 0.383),
        (0.678, 0.864, 0.190),
        (0.993, 0.906, 0.144),
    ]
)


def force_colours(forces: ArrayLike) -> FloatArray:
    """(n, 3) red, green, blue in 0..1 of forces (n,), N; grey where one is not a number."""
    return _ramp(np.asarray(forces, dtype=float) / FULL_FORCE)


def clearance_colours(clearances_mm: ArrayLike) -> FloatArray:
    """(n, 3) red, green, blue in 0..1 of clearances (n,), mm; negative ones are overlap."""
    clearances = np.asarray(clearances_mm, dtype=float)
    colours = _ramp(1.0 - clearances / AMPLE_MM)
    colours[clearances < 0.0] = OVERLAP
    return colours


def beside(places: FloatArray, distance: float) -> FloatArray:
    """Places (n, 3), moved together by a distance across their way."""
    way = places[-1] - places[0]
    across = np.cross(way, np.eye(3)[int(np.argmin(np.abs(way)))])
    size = float(np.linalg.norm(across))
    direction: FloatArray = across / size if size > 0.0 else np.array([1.0, 0.0, 0.0])
    return places + distance * direction


def path_caption(name: str, path: Sequence[PathPose]) -> str:
    """What the path of a body costs, in words."""
    force = max((p.force_n for p in path), default=math.nan)
    clearance = min((p.clearance_mm for p in path), default=math.nan)
    gap = f"clearance from {clearance:.1f} mm" if clearance >= 0.0 else f"OVERLAP of {-clearance:.1f} mm"
    return f"{name}: force up to {force:.0f} N, {gap}"


def _ramp(shares: FloatArray) -> FloatArray:
    at = np.linspace(0.0, 1.0, len(_RAMP))
    colours = np.stack([np.interp(np.nan_to_num(shares), at, channel) for channel in _RAMP.T], axis=-1)
    colours[np.isnan(shares)] = UNKNOWN
    return colours
