"""Where bones face each other at the reduced pose: sacroiliac joints, symphysis, fracture faces.

Found geometrically. A pair is a list of points on the first bone's boundary with what they face on the
second: normal, area, gap, and both places as points that ride on the mesh.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from rafr.config import option
from rafr.fixation.model.bones import Piece
from rafr.fixation.model.tets import Embedded, IntArray
from rafr.geometry.rigid_transform import FloatArray
from rafr.tissue.landmarks import JOINT_SPACE_MM, spread_points

SACROILIAC, SYMPHYSIS, FRACTURE = "sacroiliac", "symphysis", "fracture"
_SHARES = np.array([[2, 1, 1], [1, 2, 1], [1, 1, 2]]) / 4.0  # three points a face, a third of its area each
_OPPOSED = -0.5  # cosine between normals of surfaces that face each other
_FEWEST = 3


@dataclass(frozen=True, slots=True)
class ContactOptions:
    """Joints and fracture faces. Sources: docs/fixation_model.md."""

    joint_reach_mm: float = option(
        JOINT_SPACE_MM, "bones nearer than this are sacroiliac joint", unit="mm", lower=0.5, upper=10.0
    )
    joint_modulus: float = option(54.0, "of sacroiliac cartilage", unit="MPa", lower=0.1, upper=1_000.0)
    joint_friction: float = option(0.015, "", lower=0.0, upper=1.0)
    least_gap_mm: float = option(1.0, "thinnest cartilage or disc", unit="mm", lower=0.1, upper=3.0)
    symphysis_reach_mm: float = option(
        10.0, "hips nearer than this face each other across the symphysis", unit="mm", lower=1.0, upper=20.0
    )
    disc_modulus: float = option(5.0, "of the interpubic disc", unit="MPa", lower=0.1, upper=1_000.0)
    disc_poisson: float = option(0.45, "of the interpubic disc", lower=0.0, upper=0.49)
    fracture_reach_mm: float = option(
        4.0, "faces of one bone nearer than this are one fracture", unit="mm", lower=0.5, upper=15.0
    )
    fracture_seat_mm: float = option(
        1.0, "of gap that is taken as closed: the error of segmentation", unit="mm", lower=0.0, upper=5.0
    )
    fracture_close: float = option(
        0.0,
        "share of the facing faces that the surgeon presses into touch: the gap that leaves is taken off all",
        lower=0.0,
        upper=1.0,
    )
    fracture_friction: float = option(0.3, "", lower=0.0, upper=1.5)
    fracture_modulus: float = option(
        1_000.0, "of the layer between fracture faces: cancellous asperities", unit="MPa", lower=1.0
    )
    fracture_layer_mm: float = option(1.0, "its thickness", unit="mm", lower=0.1, upper=5.0)


@dataclass(frozen=True, slots=True, eq=False)
class ContactPair:
    """Two bones and the points at which they face each other.

    A layer of `modulus` / `thickness` (N/mm³) presses back once a point has closed its `play`.

    Attributes:
        kind: sacroiliac, symphysis or fracture.
        first, second: regions.
        faces_first, faces_second: (k, 2) element and side (`Boundary.side`) of faces that see each other.
        on_first, on_second: (n,) points riding on the mesh and what they face.
        normals: (n, 3) unit, of the first bone's surface, outward: into the second.
        areas: (n,) mm², of the first bone's surface.
        gaps: (n,) mm as found at the reduced pose; negative: overlap.
        play: (n,) mm, >= 0, that a point closes before it presses; 0 is stress-free contact at the outset.
        modulus: MPa, of the layer under compression.   thickness: (n,) mm.
        shear_modulus: MPa, of a layer that is bonded; 0: it slides with `friction`.
        friction: Coulomb's coefficient.   bonded: it also pulls, and shears without sliding.
    """

    kind: str
    first: int
    second: int
    faces_first: IntArray
    faces_second: IntArray
    on_first: Embedded
    on_second: Embedded
    normals: FloatArray
    areas: FloatArray
    gaps: FloatArray
    play: FloatArray
    modulus: float
    thickness: FloatArray
    shear_modulus: float
    friction: float
    bonded: bool

    @property
    def area(self) -> float:
        """mm², of all points together."""
        return float(self.areas.sum())

    @property
    def touching(self) -> float:
        """mm², of the points without play."""
        return float(self.areas[self.play <= 0].sum())


def find_contacts(
    pieces: Sequence[Piece], options: ContactOptions, torn: Sequence[tuple[str, str]] = ()
) -> tuple[ContactPair, ...]:
    """Every pair of pieces that face each other at the reduced pose.

    Args:
        torn: pairs of bodies whose symphyseal ligaments, and so the disc between them, are torn: it still
            presses, but no longer pulls.
    """
    pairs = []
    for a, b in combinations(pieces, 2):
        kind = kind_of(a, b)
        facing = Facing.of(a, b, _reach(kind, options)) if kind is not None else None
        if kind is not None and facing is not None:
            pairs.append(
                _pair(kind, a, b, facing, options, (a.body, b.body) in torn or (b.body, a.body) in torn)
            )
    return tuple(pairs)


def kind_of(a: Piece, b: Piece) -> str | None:
    """What lies between two pieces."""
    if a.bone == b.bone:
        return FRACTURE
    return SACROILIAC if "sacrum" in (a.bone, b.bone) else SYMPHYSIS


def _reach(kind: str, options: ContactOptions) -> float:
    return {
        FRACTURE: options.fracture_reach_mm,
        SACROILIAC: options.joint_reach_mm,
        SYMPHYSIS: options.symphysis_reach_mm,
    }[kind]


@dataclass(frozen=True, slots=True, eq=False)
class Facing:
    """Points of one boundary that face another: faces (n,) of the first, and as in `ContactPair`."""

    faces: IntArray
    on_first: Embedded
    on_second: Embedded
    normals: FloatArray
    areas: FloatArray
    gaps: FloatArray

    @staticmethod
    def of(a: Piece, b: Piece, reach_mm: float) -> Facing | None:
        """What of `a` lies within `reach_mm` of `b` and looks at it; None where (nearly) nothing does."""
        boundary = a.skin.boundary
        vectors = boundary.area_vectors
        areas = np.linalg.norm(vectors, axis=1)
        near = np.flatnonzero(b.skin.distance(boundary.centres) < reach_mm + 2.0 * np.sqrt(areas))
        faces = np.repeat(near, len(_SHARES))
        here = boundary.embed(faces, np.tile(_SHARES, (len(near), 1)))
        if not len(here):
            return None
        there, looks = b.skin.closest(here.points)
        gaps = b.skin.signed_distance(here.points)
        normals = vectors[faces] / areas[faces, None]
        cosine = np.einsum("ij,ij->i", normals, looks)
        keep = np.flatnonzero((np.abs(gaps) < reach_mm) & (cosine < _OPPOSED))
        if len(keep) < _FEWEST:
            return None
        return Facing(
            faces[keep],
            here.take(keep),
            there.take(keep),
            normals[keep],
            areas[faces[keep]] / len(_SHARES),
            gaps[keep],
        )


def _pair(kind: str, a: Piece, b: Piece, f: Facing, o: ContactOptions, torn: bool) -> ContactPair:
    """How gaps are treated: what a joint's layer fills is its thickness; a fracture closes its play first."""
    bonded = kind == SYMPHYSIS and not torn
    back = Facing.of(b, a, _reach(kind, o))
    play = np.zeros(len(f.gaps))
    if kind == FRACTURE:
        open_mm = f.gaps - max(0.0, _quantile(f.gaps, f.areas, o.fracture_close)) * (o.fracture_close > 0)
        play = np.where(open_mm > o.fracture_seat_mm, open_mm, 0.0)
        modulus, friction = o.fracture_modulus, o.fracture_friction
        thickness = np.full(len(f.gaps), o.fracture_layer_mm)
    else:
        modulus = o.joint_modulus if kind == SACROILIAC else o.disc_modulus
        friction = o.joint_friction if kind == SACROILIAC else 0.0
        thickness = np.maximum(f.gaps, o.least_gap_mm)
    shear = o.disc_modulus / (2.0 * (1.0 + o.disc_poisson)) if bonded else 0.0
    return ContactPair(
        kind,
        a.number,
        b.number,
        _sides(a, f.faces),
        _sides(b, back.faces if back is not None else np.zeros(0, dtype=np.int64)),
        f.on_first,
        f.on_second,
        f.normals,
        f.areas,
        f.gaps,
        play,
        modulus,
        thickness,
        shear,
        friction,
        bonded,
    )


def _sides(piece: Piece, faces: IntArray) -> IntArray:
    """(k, 2) element and side of a piece's boundary faces, each once."""
    boundary, once = piece.skin.boundary, np.unique(faces)
    return np.stack([boundary.element[once], boundary.side[once]], axis=1)


def _quantile(values: FloatArray, weights: FloatArray, share: float) -> float:
    """The value below which `share` of the weight lies."""
    order = np.argsort(values)
    below = np.cumsum(weights[order]) / weights.sum()
    return float(values[order][min(int(np.searchsorted(below, share)), len(values) - 1)])


def fresh_faces(piece: Piece, pieces: Sequence[Piece], reach_mm: float) -> np.ndarray:
    """Mask (f,) of a piece's boundary faces that the fracture made: no cortex there."""
    fresh = np.zeros(len(piece.skin.boundary.corners), dtype=bool)
    for other in pieces:
        if other is not piece and other.bone == piece.bone:
            facing = Facing.of(piece, other, reach_mm)
            if facing is not None:
                fresh[facing.faces] = True
    return fresh


def spread_pairs(pair: ContactPair, n: int) -> IntArray:
    """Up to `n` of a pair's points, far from each other."""
    return spread_points(pair.on_first.points, n).astype(np.int64)
