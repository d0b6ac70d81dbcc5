"""Canal and foramina of the sacrum, found as holes in its bone.

Bone is sampled on a grid in the sacrum's axes. A hole is what bone encloses in a plane parallel to the front
of the sacrum (foramina run through it) or in one across it (the canal runs through that). Holes beside the
middle are foramina, one piece for each; the pairs from above are those below S1 and below S2. What is open
(the gap of an arch that did not close, a foramen broken open) is not found. No screw's safety depends on it:
all bone surface keeps its distance. These spaces only name what is near, and tell S1 from S2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from rafr.geometry import RigidTransform, TriangleMesh
from rafr.geometry.rigid_transform import FloatArray
from rafr.imaging.volume import Volume
from rafr.imaging.voxelise import occupancy

_STEP_MM = 1.0
_LOWER_MM = (-40.0, -8.0, -85.0)
_UPPER_MM = (40.0, 60.0, 30.0)
_CANAL_MM = 12.0  # of the middle; foramina lie further out
_FORAMEN_MM3 = 150.0
_FRONT_MM = 15.0  # behind the front: deeper, foramina open into the corners of the canal and into each other
_CRACK_MM = 1.0  # half the width of cracks between fragments that are closed first
_PAIR_MM = 15.0  # in height, of left and right
_USUAL_MM = (-38.0, -64.0)  # below the promontory, along the front: medians of the pelves of the VSD set


@dataclass(frozen=True, slots=True, eq=False)
class NeuralSpaces:
    """Where nerves run, in the sacrum's axes (mm).

    Attributes:
        canal, foramina: (n, 3) points that fill them.
        levels: heights z of the middles of the foramina below S1 and below S2.
        aside: their mean distance |x| from the middle.
        found: both levels were seen on either side, or on one (then `notes` says so).
    """

    canal: FloatArray
    foramina: FloatArray
    levels: tuple[float, float]
    aside: float
    found: bool
    notes: tuple[str, ...] = ()


def neural_spaces(sacrum: TriangleMesh, T_ct_sacrum: RigidTransform, cracks: bool = False) -> NeuralSpaces:
    """Args: sacrum: all its pieces, LPS mm.   cracks: it is broken: narrow gaps are not holes."""
    grid = _grid(T_ct_sacrum)
    bone = np.asarray(occupancy(sacrum, grid).array)
    if cracks:
        bone = ndimage.binary_closing(bone, iterations=int(np.ceil(_CRACK_MM / _STEP_MM)))
    through = np.zeros_like(bone)
    across = np.zeros_like(bone)
    for j in range(bone.shape[1]):
        through[:, j] = ndimage.binary_fill_holes(bone[:, j]) & ~bone[:, j]
    for k in range(bone.shape[0]):
        across[k] = ndimage.binary_fill_holes(bone[k]) & ~bone[k]
    x = np.abs(_LOWER_MM[0] + _STEP_MM * np.arange(bone.shape[2]))
    lateral, middle = (through | across) & (x > _CANAL_MM), (through | across) & (x <= _CANAL_MM)
    y = _LOWER_MM[1] + _STEP_MM * np.arange(bone.shape[1])
    pieces = _pieces(through & (x > _CANAL_MM) & (y[:, None] < _FRONT_MM))
    levels, found, notes = _levels(pieces)
    aside = float(np.median([abs(p[0]) for p in pieces])) if pieces else 20.0
    return NeuralSpaces(_largest(middle), _points(lateral), levels, aside, found, notes)


def _grid(T_ct_sacrum: RigidTransform) -> Volume:
    lower, upper = np.array(_LOWER_MM), np.array(_UPPER_MM)
    size = np.round((upper - lower) / _STEP_MM).astype(int) + 1
    empty = np.zeros(size[::-1], dtype=bool)
    return Volume(empty, T_ct_sacrum.apply(lower), np.full(3, _STEP_MM), T_ct_sacrum.rotation)


def _points(mask: NDArray[np.bool_]) -> FloatArray:
    """(n, 3) x, y, z of voxels in the sacrum's axes."""
    points: FloatArray = np.array(_LOWER_MM) + _STEP_MM * np.argwhere(mask)[:, ::-1]
    return points


def _largest(mask: NDArray[np.bool_]) -> FloatArray:
    labels, n = ndimage.label(mask)
    if not n:
        return np.zeros((0, 3))
    return _points(labels == 1 + int(np.argmax(np.bincount(labels.ravel())[1:])))


def _pieces(mask: NDArray[np.bool_]) -> list[FloatArray]:
    """Middles (3,) of connected holes that are large enough to be a foramen."""
    labels, n = ndimage.label(mask)
    volume = np.bincount(labels.ravel())[1:] * _STEP_MM**3
    middles = ndimage.center_of_mass(mask, labels, range(1, n + 1))
    return [
        np.array(_LOWER_MM) + _STEP_MM * np.array(m)[::-1]
        for m, v in zip(middles, volume, strict=True)
        if v >= _FORAMEN_MM3
    ]


def _levels(pieces: list[FloatArray]) -> tuple[tuple[float, float], bool, tuple[str, ...]]:
    """Heights of the foramina below S1 and S2: mean of both sides where both were seen."""
    sides = [sorted((p[2] for p in pieces if np.sign(p[0]) == sign), reverse=True) for sign in (1, -1)]
    heights: list[float] = []
    notes = []
    for number, usual in enumerate(_USUAL_MM):
        seen = [min(s, key=lambda z: abs(z - usual)) for s in sides if s]
        seen = [z for z in seen if abs(z - usual) < _PAIR_MM and z not in heights]
        if len(seen) == 2 and abs(seen[0] - seen[1]) > _PAIR_MM:
            notes.append(
                f"the foramina below S{number + 1} lie {abs(seen[0] - seen[1]):.0f} mm apart in height"
            )
        if len(seen) == 1:
            notes.append(f"the foramen below S{number + 1} was found on one side only")
        if not seen:
            notes.append(f"no foramen below S{number + 1} was found: its height is the usual one")
        heights.append(float(np.mean(seen)) if seen else usual)
    return (heights[0], heights[1]), not any("usual" in n for n in notes), tuple(notes)
