"""The fracture kinds: which cuts, which pieces move together, and how far they are usually displaced."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rafr.cases.case import Body
from rafr.cases.fracture import cuts
from rafr.cases.fracture.anatomy import PelvisAnatomy
from rafr.cases.fracture.pieces import Piece
from rafr.cases.fracture.surface import Side, flip
from rafr.geometry.rigid_transform import FloatArray

Range = tuple[float, float]
_FIRST_LABEL = {"sacrum": 1, "left_hip": 11, "right_hip": 21}


@dataclass(frozen=True, slots=True)
class MotionRange:
    """Displacements to draw from, for a body of the left side (mirrored for the right).

    Attributes:
        lateral_mm, posterior_mm, cranial_mm: translation along the pelvis' axes.
        flexion_deg: about the transverse axis.   external_deg: outward about the long axis (opens the ring).
        abduction_deg: about the anteroposterior axis.
    """

    lateral_mm: Range
    posterior_mm: Range
    cranial_mm: Range
    flexion_deg: Range
    external_deg: Range
    abduction_deg: Range


# Ranges as in displaced Tile B and C injuries: translation to about 35 mm, rotation to about 15 degrees.
HEMIPELVIS = MotionRange((2, 8), (2, 10), (6, 18), (-5, 5), (-5, 8), (-4, 4))
SHEAR = MotionRange((2, 6), (3, 10), (18, 30), (2, 8), (-4, 4), (-4, 4))
BOOK = MotionRange((1, 4), (0, 3), (0, 4), (-2, 2), (8, 15), (-2, 2))
BOTH_SIDES = MotionRange((2, 7), (1, 7), (3, 14), (-4, 4), (-2, 7), (-3, 3))
WING = MotionRange((3, 10), (-4, 4), (-6, 6), (-8, 8), (-4, 12), (-8, 8))
PUBIS = MotionRange((-1, 3), (-4, 6), (-8, 4), (-12, 12), (-6, 6), (-8, 8))


@dataclass(frozen=True, slots=True, eq=False)
class MovingBody:
    """A body to displace: rotated about `pivot` (3,) mm, drawn from `motion`."""

    body: Body
    side: str
    pivot: FloatArray
    motion: MotionRange


@dataclass(frozen=True, slots=True)
class Pattern:
    """A fracture before displacement."""

    pieces: tuple[Piece, ...]
    reference: Body
    moving: tuple[MovingBody, ...]
    traction_side: str | None


@dataclass(slots=True)
class _Bones:
    """Collects pieces: each bone starts whole as its main fragment; a cut splits the piece named."""

    pieces: dict[int, Piece]

    @staticmethod
    def whole() -> _Bones:
        return _Bones({value: Piece(value, bone) for bone, value in _FIRST_LABEL.items()})

    def split(self, main: int, side: Side) -> int:
        """Cut what lies on `side` off a main fragment; returns the new piece's label."""
        old = self.pieces[main]
        label = max(v for v, p in self.pieces.items() if p.bone == old.bone) + 1
        self.pieces[label] = Piece(label, old.bone, (*old.sides, side))
        self.pieces[main] = Piece(main, old.bone, (*old.sides, flip(side)))
        return label


def draw_pattern(kind: str, anatomy: PelvisAnatomy, rng: np.random.Generator) -> Pattern:
    """Choose side, place the cuts and say what moves.

    Args:
        kind: one of `rafr.cases.case.FRACTURE_KINDS`.
    """
    side = "left" if rng.random() < 0.5 else "right"
    bones = _Bones.whole()
    moving = _RECIPES[kind](bones, anatomy, side, rng)
    taken = {label for m in moving for label in m.body.labels}
    reference = Body("reference", tuple(v for v in sorted(bones.pieces) if v not in taken))
    pulled = None if kind in ("iliac-wing", "rami", "open-book") else side
    return Pattern(tuple(bones.pieces[v] for v in sorted(bones.pieces)), reference, tuple(moving), pulled)


def _hemipelvis(
    bones: _Bones,
    anatomy: PelvisAnatomy,
    posterior: str,
    side: str,
    rng: np.random.Generator,
    motion: MotionRange,
    anterior: str,
) -> MovingBody:
    """Half of the ring set free: a posterior injury and an anterior one of the same side."""
    hip = _FIRST_LABEL[f"{side}_hip"]
    labels = [hip]
    if posterior.startswith("denis"):
        labels.insert(0, bones.split(1, cuts.sacral(anatomy, posterior, side, rng)))
    elif posterior == "crescent":
        bones.split(hip, cuts.crescent(anatomy, side, rng))
    if anterior == "rami":
        # the pubic body stays with the other hip through the symphysis
        bones.split(hip, cuts.pubic_rami(anatomy, side, rng))
    return MovingBody(Body(f"{side}_hemipelvis", tuple(labels)), side, anatomy.hips[side].si_centre, motion)


def _anterior(rng: np.random.Generator) -> str:
    return "rami" if rng.random() < 0.4 else "symphysis"


def _one_side(posterior: str) -> Recipe:
    def recipe(
        bones: _Bones, anatomy: PelvisAnatomy, side: str, rng: np.random.Generator
    ) -> list[MovingBody]:
        return [_hemipelvis(bones, anatomy, posterior, side, rng, HEMIPELVIS, _anterior(rng))]

    return recipe


def _vertical_shear(
    bones: _Bones, anatomy: PelvisAnatomy, side: str, rng: np.random.Generator
) -> list[MovingBody]:
    posterior = str(rng.choice(["si-dislocation", "denis1", "denis2"]))
    return [_hemipelvis(bones, anatomy, posterior, side, rng, SHEAR, _anterior(rng))]


def _open_book(
    bones: _Bones, anatomy: PelvisAnatomy, side: str, rng: np.random.Generator
) -> list[MovingBody]:
    book = _hemipelvis(bones, anatomy, "si-dislocation", side, rng, BOOK, "symphysis")
    # the posterior ligaments hold: the hip turns about the back of the joint
    hinge = book.pivot + anatomy.direction(0.0, 15.0, 0.0)
    return [MovingBody(book.body, side, hinge, BOOK)]


def _bilateral(
    bones: _Bones, anatomy: PelvisAnatomy, side: str, rng: np.random.Generator
) -> list[MovingBody]:
    order = (side, "right" if side == "left" else "left")
    injuries = rng.choice(["denis1", "denis2", "si-dislocation", "crescent"], size=2)
    return [
        _hemipelvis(bones, anatomy, str(injury), s, rng, BOTH_SIDES, "symphysis")
        for s, injury in zip(order, injuries, strict=True)
    ]


def _iliac_wing(
    bones: _Bones, anatomy: PelvisAnatomy, side: str, rng: np.random.Generator
) -> list[MovingBody]:
    label = bones.split(_FIRST_LABEL[f"{side}_hip"], cuts.iliac_wing(anatomy, side, rng))
    hip = anatomy.hips[side]
    pivot = 0.5 * hip.asis + 0.5 * hip.crest_top
    return [MovingBody(Body(f"{side}_iliac_wing", (label,)), side, pivot, WING)]


def _rami(bones: _Bones, anatomy: PelvisAnatomy, side: str, rng: np.random.Generator) -> list[MovingBody]:
    label = bones.split(_FIRST_LABEL[f"{side}_hip"], cuts.pubic_rami(anatomy, side, rng))
    hip = anatomy.hips[side]
    return [MovingBody(Body(f"{side}_pubis", (label,)), side, 0.5 * (hip.symphysis + hip.tubercle), PUBIS)]


Recipe = Callable[[_Bones, PelvisAnatomy, str, np.random.Generator], list[MovingBody]]
_RECIPES: dict[str, Recipe] = {
    "denis1": _one_side("denis1"),
    "denis2": _one_side("denis2"),
    "denis3": _one_side("denis3"),
    "si-dislocation": _one_side("si-dislocation"),
    "crescent": _one_side("crescent"),
    "iliac-wing": _iliac_wing,
    "rami": _rami,
    "open-book": _open_book,
    "vertical-shear": _vertical_shear,
    "bilateral": _bilateral,
}
