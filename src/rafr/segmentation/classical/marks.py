"""Which lumps of bone the fitted atlas is sure about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rafr.geometry.rigid_transform import FloatArray
from rafr.imaging.volume import Volume
from rafr.segmentation.classical.atlas import Atlas
from rafr.segmentation.classical.locate import Location, sampled_distance
from rafr.segmentation.classical.merging import UNMARKED
from rafr.segmentation.classical.supervoxels import Supervoxels

BONES = ("sacrum", "left_hip", "right_hip")
OTHER = len(BONES)


@dataclass(frozen=True, slots=True)
class MarkConfig:
    """Lengths in mm.

    Attributes:
        inside_mm: a lump of a bone is at most this far outside of the fitted bone …
        apart_mm: … and by this much nearer to it than to the others.
        femur_mm, spine_mm: femur and spine are further than this from every bone; a sacrum's first
            vertebra may reach far above the atlas'.
        head_share: share of the socket's radius that is the femur's head without doubt.
    """

    inside_mm: float = 4.0
    apart_mm: float = 10.0
    femur_mm: float = 12.0
    spine_mm: float = 25.0
    head_share: float = 0.75


@dataclass(frozen=True, slots=True, eq=False)
class Marks:
    """What the atlas says of every lump.

    Attributes:
        mark: (n,) index in BONES, OTHER or UNMARKED.
        distance: (3, n) mean signed distance to the fitted bones, mm.
    """

    mark: NDArray[np.int64]
    distance: FloatArray


def marks_of(lumps: Supervoxels, grid: Volume, atlas: Atlas, found: Location, config: MarkConfig) -> Marks:
    """Bones where the atlas' bones lie apart; femur and spine where anatomy has them."""
    index = np.argwhere(lumps.labels > 0)[::3]
    owner = lumps.labels[tuple(index.T)] - 1
    count = np.maximum(np.bincount(owner, minlength=lumps.count), 1)

    def mean(values: FloatArray) -> FloatArray:
        total: FloatArray = np.bincount(owner, weights=values, minlength=lumps.count) / count
        return total

    distance = np.stack([mean(sampled_distance(atlas.bones[b], found.poses[b], grid, index)) for b in BONES])
    middles = grid.index_to_lps(lumps.middles[:, ::-1])
    mark = np.full(lumps.count, UNMARKED, dtype=np.int64)
    for number in range(len(BONES)):
        mark[_sure(distance, number, config)] = number
    mark[_femur(middles, distance, atlas, found, config)] = OTHER
    mark[_spine(middles, distance, atlas, found, config)] = OTHER
    return Marks(mark, distance)


def without(marks: Marks, absent: Sequence[int], config: MarkConfig) -> Marks:
    """What the atlas says where these bones (indices in BONES) are not in the image."""
    distance = marks.distance.copy()
    distance[list(absent)] = np.inf
    mark = np.where(marks.mark == OTHER, OTHER, UNMARKED)
    for number in range(len(BONES)):
        if number not in absent:
            mark[_sure(distance, number, config) & (mark != OTHER)] = number
    return Marks(mark, distance)


def _sure(distance: FloatArray, number: int, config: MarkConfig) -> NDArray[np.bool_]:
    others = np.delete(distance, number, axis=0).min(axis=0)
    sure: NDArray[np.bool_] = (distance[number] < config.inside_mm) & (
        others - distance[number] > config.apart_mm
    )
    return sure


def _femur(
    points: FloatArray, distance: FloatArray, atlas: Atlas, found: Location, config: MarkConfig
) -> NDArray[np.bool_]:
    """The head in the middle of the socket, and what lies beside and below it, away from the hip."""
    femur = np.zeros(len(points), bool)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        hip = atlas.anatomy.hips[side]
        own = found.poses[f"{side}_hip"].back(points) - hip.acetabulum
        radius = hip.acetabulum_radius
        head = np.linalg.norm(own, axis=1) < config.head_share * radius
        lateral = (sign * own[:, 0] > 0.0) & (own[:, 2] < radius) & (distance.min(axis=0) > config.femur_mm)
        femur |= head | lateral
    return femur


def _spine(
    points: FloatArray, distance: FloatArray, atlas: Atlas, found: Location, config: MarkConfig
) -> NDArray[np.bool_]:
    own = found.poses["sacrum"].back(points) - atlas.anatomy.sacrum_top
    spine: NDArray[np.bool_] = (
        (own[:, 2] > 20.0) & (np.abs(own[:, 0]) < 50.0) & (distance.min(axis=0) > config.spine_mm)
    )
    return spine
