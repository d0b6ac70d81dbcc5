"""Where the model is read: A to E across the top of the sacrum, and across every fracture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rafr.fixation.model.axes import StandingAxes
from rafr.fixation.model.bones import Piece
from rafr.fixation.model.contact_pairs import FRACTURE, ContactPair, spread_pairs
from rafr.fixation.model.endplate import Endplate
from rafr.fixation.model.tets import Embedded
from rafr.geometry import merge_meshes
from rafr.geometry.rigid_transform import FloatArray

NAMES = ("A", "B", "C", "D", "E")
_EDGE = 0.7  # of the half width of S1's endplate: B and D
_ALA = 0.5  # of the way from the endplate's edge to the sacrum's: A and E
_BAND_MM = 6.0
_PAIRS = 5


@dataclass(frozen=True, slots=True, eq=False)
class MeasuringPoints:
    """Points whose displacement is reported.

    Attributes:
        names: (n,).   at: (n,) riding on the mesh.
    """

    names: tuple[str, ...]
    at: Embedded


@dataclass(frozen=True, slots=True, eq=False)
class GapPoints:
    """Points that face each other across a fracture.

    Attributes:
        first, second: regions.   on_first, on_second: (n,).
        normals: (n, 3) from the first into the second: opening is the change of distance along it.
    """

    first: int
    second: int
    on_first: Embedded
    on_second: Embedded
    normals: FloatArray


def sacral_points(pieces: Sequence[Piece], endplate: Endplate, axes: StandingAxes) -> MeasuringPoints:
    """A to E on the superior surface of the sacrum, from the patient's right to the left.

    C is the middle of S1's endplate, B and D lie on it at 0.7 of its half width, A and E in the middle of the
    upper surface of the right and left ala, halfway between the endplate's edge and the sacrum's.
    """
    sacral = [p for p in pieces if p.bone == "sacrum"]
    places = [
        _ala(sacral, endplate, axes, -1.0),
        *(endplate.centre + share * endplate.half_width * endplate.left for share in (-_EDGE, 0.0, _EDGE)),
        _ala(sacral, endplate, axes, 1.0),
    ]
    return MeasuringPoints(NAMES, Embedded.joined([_nearest(sacral, place) for place in places]))


def _ala(sacral: Sequence[Piece], endplate: Endplate, axes: StandingAxes, sign: float) -> FloatArray:
    """The middle of the upper surface of one ala: of what looks up in a band across it."""
    surface = merge_meshes([p.surface for p in sacral])
    offset = surface.face_centres - endplate.centre
    across, normals = sign * (offset @ axes.left), surface.face_normals
    edge = endplate.half_width
    upper = (offset @ axes.up > -40.0) & (across > edge)
    outermost = float(np.quantile(across[upper], 0.98)) if upper.any() else edge + 20.0
    middle = edge + _ALA * (outermost - edge)
    looks_up = normals @ (axes.up - 0.5 * axes.back) > 0.5
    behind = offset @ axes.back > 0.5 * endplate.half_depth  # articular process, back of the joint
    band = looks_up & ~behind & (np.abs(across - middle) < _BAND_MM) & (np.abs(offset @ axes.up) < 40.0)
    if not band.any():
        return endplate.centre + sign * middle * axes.left
    weights = surface.face_areas[band]
    place: FloatArray = weights @ surface.face_centres[band] / weights.sum()
    return place


def _nearest(pieces: Sequence[Piece], place: FloatArray) -> Embedded:
    distances = [float(p.skin.distance(place[None])[0]) for p in pieces]
    return pieces[int(np.argmin(distances))].skin.closest(place[None])[0]


def gap_points(contacts: Sequence[ContactPair]) -> tuple[GapPoints, ...]:
    """Up to five pairs of points, far from each other, across every fracture."""
    found = []
    for pair in contacts:
        if pair.kind == FRACTURE:
            chosen = spread_pairs(pair, _PAIRS)
            found.append(
                GapPoints(
                    pair.first,
                    pair.second,
                    pair.on_first.take(chosen),
                    pair.on_second.take(chosen),
                    pair.normals[chosen],
                )
            )
    return tuple(found)
