"""Virtual patients to measure with, made of a seed, in memory."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from rafr.cases.case import Body, Case, Traction
from rafr.cases.meshes import BodyMesh
from rafr.cases.virtual import virtual_pelvis
from rafr.geometry import RigidTransform, merge_meshes

SIDES = ("left", "right")
_LABELS = {"left": 11, "right": 21}
_KINDS = ("vertical-shear", "open-book", "si-dislocation")
_SHIFT_MM, _TURN = 9.0, 0.06  # standard deviation per axis, mm and rad
_MASS_KG, _TRACTION_N = 75.0, 105.0


@dataclass(frozen=True, slots=True, eq=False)
class DisplacedHip:
    """A pelvis with one hip out of place.

    Attributes:
        body: the moving one, "left" or "right".
        reduced: `T_reduced_displaced`, mm: where it belongs.
    """

    case: Case
    meshes: dict[str, BodyMesh]
    body: str
    reduced: RigidTransform

    @property
    def goals(self) -> dict[str, RigidTransform]:
        return {self.body: self.reduced}


@lru_cache(maxsize=64)
def displaced_hip(seed: int, side: str = "", traction: bool = False) -> DisplacedHip:
    """A patient whose hip (left and right in turn by the seed, or `side`) is shifted and turned at random."""
    rng = np.random.default_rng(seed)
    pelvis, side = virtual_pelvis(rng), side or SIDES[seed % 2]
    hips = {"left": pelvis.left_hip, "right": pelvis.right_hip}
    other = next(s for s in SIDES if s != side)
    turn = RigidTransform.about_point(rng.normal(0.0, _TURN, 3), hips[side].centroid)
    reduced = RigidTransform.from_translation(rng.normal(0.0, _SHIFT_MM, 3)) @ turn
    hip = hips[side].transformed(reduced.inverse())
    rest = merge_meshes([pelvis.sacrum, hips[other]])
    meshes = {
        "reference": BodyMesh("reference", rest, {1: pelvis.sacrum, _LABELS[other]: hips[other]}),
        side: BodyMesh(side, hip, {_LABELS[side]: hip}),
    }
    nowhere = Path()
    case = Case(
        nowhere,
        f"virtual {seed}",
        nowhere,
        nowhere,
        None,
        (Body("reference", (1, _LABELS[other])), Body(side, (_LABELS[side],))),
        fracture=_KINDS[seed % len(_KINDS)],
        patient_mass_kg=_MASS_KG,
        traction=Traction(side, _TRACTION_N) if traction else None,
    )
    return DisplacedHip(case, meshes, side, reduced)
