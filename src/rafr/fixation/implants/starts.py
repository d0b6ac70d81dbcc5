"""Where the search for a screw begins: lines drawn at random; and which lines go where they should. mm."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rafr.fixation.implants.anatomy import Anatomy
from rafr.geometry.rigid_transform import FloatArray

STARTS = 1500
_CLEAR_OF_LEVEL_MM = 2.0
_FORWARDS, _LEVEL = -0.6, 0.5  # of a pedicle screw's direction: along y at most, along z at most
_BODY_MM = (-5.0, 16.0)  # from the middle: where its tip may lie


@dataclass(frozen=True, slots=True, eq=False)
class InLevel:
    """Whether axes, from entries (n, 3) to tips (n, 3), pass the foramina on the right side of them.

    Attributes:
        levels: heights of the two upper foramina, `aside`: how far from the middle; in the sacrum's axes.
        signs: of the sides to pass, 1 left.   level: 1 above the first foramina, 2 between both.
    """

    anatomy: Anatomy
    levels: tuple[float, float]
    aside: float
    signs: tuple[float, ...]
    level: int

    def __call__(self, entries: FloatArray, tips: FloatArray) -> NDArray[np.bool_]:
        T_sacrum_ct = self.anatomy.T_ct_sacrum.inverse()
        start, end = T_sacrum_ct.apply(entries), T_sacrum_ct.apply(tips)
        way = end - start
        good = np.ones(len(entries), dtype=bool)
        for sign in self.signs:
            with np.errstate(divide="ignore", invalid="ignore"):
                z = start[:, 2] + (sign * self.aside - start[:, 0]) / way[:, 0] * way[:, 2]
            if self.level == 1:
                good &= z > self.levels[0] + _CLEAR_OF_LEVEL_MM
            else:
                good &= (z < self.levels[0] - _CLEAR_OF_LEVEL_MM) & (z > self.levels[1] + _CLEAR_OF_LEVEL_MM)
        return good


@dataclass(frozen=True, slots=True, eq=False)
class FromBehind:
    """Whether axes run from the back of one side into the body, not through the endplate below the disc."""

    anatomy: Anatomy
    sign: float

    def __call__(self, entries: FloatArray, tips: FloatArray) -> NDArray[np.bool_]:
        T_sacrum_ct = self.anatomy.T_ct_sacrum.inverse()
        way = T_sacrum_ct.rotate(tips - entries)
        way /= np.linalg.norm(way, axis=1, keepdims=True)
        aside, end = (self.sign * T_sacrum_ct.apply(points)[:, 0] for points in (entries, tips))
        medial = (end > _BODY_MM[0]) & (end < _BODY_MM[1]) & (aside > end)
        return medial & (way[:, 1] < _FORWARDS) & (np.abs(way[:, 2]) < _LEVEL)


@dataclass(frozen=True, slots=True, eq=False)
class Near:
    """Whether entries lie near a point (3,)."""

    point: FloatArray
    reach_mm: float

    def __call__(self, entries: FloatArray, tips: FloatArray) -> NDArray[np.bool_]:
        near: NDArray[np.bool_] = np.linalg.norm(entries - self.point, axis=1) < self.reach_mm
        return near


def draws_of(*what: object) -> np.random.Generator:
    """The same draws for the same kind of screw, on either side."""
    return np.random.default_rng(zlib.crc32(repr(what).encode()))


def uniform(
    rng: np.random.Generator, lower: tuple[float, float, float], upper: tuple[float, float, float]
) -> FloatArray:
    """(STARTS, 3) points in a box, whichever way round its corners are."""
    return rng.uniform(np.minimum(lower, upper), np.maximum(lower, upper), (STARTS, 3))


def fan(rng: np.random.Generator, axis: tuple[float, ...], half_rad: float) -> FloatArray:
    """(STARTS, 3) unit directions within a cone about an axis."""
    along = np.asarray(axis, dtype=float)
    along = along / np.linalg.norm(along)
    least = np.eye(3)[int(np.argmin(np.abs(along)))]
    first = np.cross(along, least)
    first /= np.linalg.norm(first)
    second = np.cross(along, first)
    angle, turn = half_rad * np.sqrt(rng.random(STARTS)), 2 * np.pi * rng.random(STARTS)
    directions: FloatArray = (
        np.cos(angle)[:, None] * along
        + (np.sin(angle) * np.cos(turn))[:, None] * first
        + (np.sin(angle) * np.sin(turn))[:, None] * second
    )
    return directions
